"""Where a new dataset may lie, and what is said of an episode that there is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.support.files import claimed, new_folder


def check_episode(dataset: Dataset, episode: int, option: str = "--episode") -> None:
    """DatasetError, naming the ``option``, if there is no such episode."""
    count = len(dataset.episodes)
    if not 0 <= episode < count:
        there = f"it has 0 to {count - 1}" if count else "it has none yet"
        raise DatasetError(f"{option}: {dataset.root} has no episode {episode}; {there}")


def check_new(folder: Path, option: str = "--out") -> None:
    """DatasetError, naming the ``option``, unless ``folder`` is new or empty."""
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return
    except NotADirectoryError:
        raise DatasetError(f"{option}: {folder} is a file: name a new folder") from None
    raise DatasetError(f"{option}: {folder} is not empty: name a new folder")


@contextmanager
def making(folder: Path, option: str = "--out") -> Iterator[Path]:
    """A draft of a dataset that becomes the new ``folder`` once its block ends without an error.

    DatasetError if another process is making it, or the disk refuses.
    """
    try:
        with claimed(folder), new_folder(folder) as draft:
            yield draft
    except (OSError, DatasetError) as error:
        refused = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(refused, OSError):
            raise
        cause = refused.strerror or refused
        raise DatasetError(
            f"{option}: {folder} cannot be made ({cause}): nothing is there"
        ) from None
