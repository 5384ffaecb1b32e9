"""One writer at a time: whoever has a dataset's folder locked may change it."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from hil_app.recording.format.layout import DatasetError


class Lock:
    """Holds ``root``, which must exist, until it is released or its process ends, however.

    DatasetError if another has it.
    """

    def __init__(self, root: Path) -> None:
        try:
            self._folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise DatasetError(f"{root} is no dataset: {error.strerror}") from None
        try:
            _take(self._folder)
            if _identity(os.fstat(self._folder)) != identity(root):
                raise OSError(errno.EAGAIN, "an edited dataset has just taken its place")
        except OSError:
            os.close(self._folder)
            raise DatasetError(
                f"{root} is being written by another process: end that one, or wait for it"
            ) from None

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let others write."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1


def _take(folder: int) -> None:
    """Lock an open folder; OSError if another has it, and does not only look whether it is free."""
    for pause in (0.01, 0.05, 0.0):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if not pause:
                raise
            time.sleep(pause)
        else:
            return


def is_locked(root: Path) -> bool:
    """Whether somebody writes the dataset in ``root`` now."""
    try:
        Lock(root).release()
    except DatasetError:
        return True
    return False


def identity(root: Path) -> tuple[int, int] | None:
    """Which folder has this name: another one if an edit takes its place; None if there is none."""
    try:
        return _identity(os.stat(root))
    except OSError:
        return None


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino
