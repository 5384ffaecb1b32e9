"""Files and folders that are whole or not there at all."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

DRAFT = ".part"  # how the name of something unfinished ends
_ROOM = 4096  # bytes that are tried to be written
_OURS = re.compile(rf".+\.[0-9a-f]{{16}}{re.escape(DRAFT)}")


def draft_of(path: Path) -> Path:
    """A name beside ``path`` for what is to become it, which nobody can foresee."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}{DRAFT}")


def is_draft(path: Path) -> bool:
    """Whether ``path`` has the name of a draft from here."""
    return _OURS.fullmatch(path.name) is not None


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` once its block ends without an error.

    It has reached the disk then, and so has its name: a reader never sees half of it. Nothing that
    was there before is written to, nor what a link leads to.
    """
    draft = draft_of(path)
    with draft.open("xb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    sync(path.parent)


def check_writable(path: Path) -> None:
    """Raise OSError if a file could not be written to ``path``; nothing of the trial stays."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    with TemporaryFile(dir=folder) as trial:  # a disk may be full, or only look writable
        trial.write(bytes(_ROOM))
        trial.flush()
    with suppress(FileNotFoundError):
        draft_of(path).lstat()  # its name may be too long


def write_whole(path: Path, content: bytes) -> None:
    """Write beside ``path``, reach the disk, then swap: a reader never sees half a file."""
    with new_file(path) as file:
        file.write(content)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A draft that becomes ``folder``, which must be new, once its block ends without an error."""
    draft = draft_of(folder)
    draft.mkdir(parents=True)
    try:
        yield draft
        for path in [*draft.rglob("*"), draft]:
            sync(path)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync(folder.parent)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold ``folder``, which must be new or empty, while something is made that is to go there.

    It is made if need be, and removed again if it stays empty. FileExistsError if it is a file, has
    something in it, or another process holds it; OSError if it cannot be made.
    """
    there = folder.is_dir()
    if folder.exists() and not there:
        raise FileExistsError(errno.EEXIST, "is a file", str(folder))
    make_folder(folder)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            there = True
            cause = "is being filled by another process"
            raise FileExistsError(errno.EEXIST, cause, str(folder)) from None
        if any(folder.iterdir()):
            raise FileExistsError(errno.EEXIST, "is not empty", str(folder))
        yield
    finally:
        os.close(held)
        if not there:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def check_room(folder: Path, size: int) -> None:
    """OSError unless a file of ``size`` bytes can be written in ``folder``, which is there."""
    trial = draft_of(folder / "trial")
    with trial.open("xb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        finally:
            trial.unlink()


def sweep(folder: Path) -> None:
    """Remove drafts of folders that a crash left in ``folder``, where nobody else writes."""
    for path in folder.glob(f"*{DRAFT}"):
        if is_draft(path) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove ``folder``: at once by name, so that half of it is never taken for the whole."""
    draft = draft_of(folder)
    folder.rename(draft)
    shutil.rmtree(draft, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that no power cut takes them away with what is in."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def move(path: Path, there: Path) -> None:
    """Move a file within its file system to a new name, so that no power cut undoes half of it.

    OSError if the name is taken.
    """
    make_folder(there.parent)
    if os.path.lexists(there):
        raise FileExistsError(errno.EEXIST, "File exists", str(there))
    path.rename(there)
    sync(there.parent)
    sync(path.parent)


def remove_file(path: Path) -> None:
    """Remove a file so that no power cut brings it back."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file, or a folder's list of names, reach the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
