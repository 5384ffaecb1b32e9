"""Two folders that exchange their names in one step, which no crash can cut in half."""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path

from configs.text.writing import sync

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


def exchange(one: Path, other: Path) -> None:
    """Have ``one`` and ``other``, in the same file system, take each other's name.

    OSError if the disk refuses, or the system or the file system knows no such step.
    """
    step = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if step is None:
        raise OSError(errno.ENOSYS, "this system cannot exchange two folders in one step")
    if step(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno()
        unknown = number in (errno.EINVAL, errno.ENOSYS)
        what = "this file system cannot exchange two folders in one step"
        raise OSError(number, what if unknown else os.strerror(number))
    with suppress(OSError):  # it is done, and whole whatever becomes of it
        sync(one.parent)
        sync(other.parent)
