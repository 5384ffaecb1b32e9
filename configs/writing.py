"""One way to write a small file: whole, or not at all, and never through a link."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

_MODE = 0o644  # of a new file
_NAME = 100  # characters of the file's name in the draft's


def replace_file(path: Path, content: bytes) -> None:
    """Have ``path`` hold ``content``: a reader sees what was there before, or all of it.

    The draft beside it has a name that nobody can foresee and place a link under; a link at
    ``path`` itself is replaced, not followed. Raises OSError, with nothing left behind.
    """
    number, draft = tempfile.mkstemp(".part", f"{path.name[:_NAME]}.", path.parent)
    try:
        with open(number, "wb") as file:
            os.fchmod(number, _mode_of(path))
            file.write(content)
            file.flush()
            os.fsync(number)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _mode_of(path: Path) -> int:
    """The permissions of the file at ``path``, or those of a new one."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return _MODE
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else _MODE


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
