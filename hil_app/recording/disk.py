"""What a disk refuses, as one line; and removing files for good."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from hil_app.recording.layout import DatasetError


@contextmanager
def disk(root: Path) -> Iterator[None]:
    """Raises DatasetError, with what to do, for whatever the disk refuses in the block."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise DatasetError(
            f"{root} cannot be written ({cause}): free some space, or choose another place. Every "
            f"finished episode is safe; `hil-app dataset repair {root}` brings back the last one"
        ) from error


def remove(path: Path) -> None:
    """Remove a file so that no power cut brings it back."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have a folder's list of names reach the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
