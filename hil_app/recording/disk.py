"""What a disk refuses, as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from configs.text.paths import typed
from hil_app.recording.format.layout import DatasetError


@contextmanager
def disk(root: Path) -> Iterator[None]:
    """Raises DatasetError, with what to do, for whatever the disk refuses in the block."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise DatasetError(
            f"{root} cannot be written ({cause}): free some space, or choose another place. Every "
            f"finished episode is safe; `hil-app dataset repair {typed(root)}` brings back the "
            "last one"
        ) from error
