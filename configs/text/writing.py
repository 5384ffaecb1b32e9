"""One way to write a file: whole, or not at all, and never through a link."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

DRAFT = ".part"  # how the name of something unfinished ends
_LONGEST = 200  # bytes of a name in that of its draft: names have room for 255
_OURS = re.compile(rf".+\.[0-9a-f]{{16}}{re.escape(DRAFT)}", re.DOTALL)


def draft_of(path: Path) -> Path:
    """A name beside ``path`` for what is to become it, which nobody can foresee."""
    name = os.fsencode(path.name)[:_LONGEST].decode(errors="ignore")
    return path.with_name(f"{name}.{secrets.token_hex(8)}{DRAFT}")


def is_draft(path: Path) -> bool:
    """Whether ``path`` has the name of a draft from here."""
    return _OURS.fullmatch(path.name) is not None


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` once its block ends without an error.

    It has reached the disk then, and so has its name: a reader never sees half of it. Nothing that
    was there before is written to, nor what a link leads to; the permissions of a file that was
    there are kept.
    """
    draft = draft_of(path)
    with draft.open("xb") as file:
        try:
            _take_permissions(file.fileno(), path)
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    sync(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Have ``path`` hold ``content``: a reader sees what was there before, or all of it.

    Raises OSError, with nothing left behind.
    """
    with new_file(path) as file:
        file.write(content)


def sync(path: Path) -> None:
    """Have a file, or a folder's list of names, reach the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _take_permissions(number: int, path: Path) -> None:
    """Give an open file the permissions of the file at ``path``, if there is one."""
    try:
        status = path.lstat()
    except OSError:
        return
    if stat.S_ISREG(status.st_mode):
        os.fchmod(number, stat.S_IMODE(status.st_mode))
