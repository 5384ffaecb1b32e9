"""Files and folders that are whole or not there at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from configs.text.writing import DRAFT, draft_of, is_draft, sync

_ROOM = 4096  # bytes that are tried to be written


def check_writable(path: Path) -> None:
    """Raise OSError if a file could not be written to ``path``; nothing of the trial stays."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    with TemporaryFile(dir=folder) as trial:  # a disk may be full, or only look writable
        trial.write(bytes(_ROOM))
        trial.flush()
    with suppress(FileNotFoundError):
        path.lstat()  # its name may be too long


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

    It is made if need be, and removed again if it stays empty. Drafts of it that an earlier one has
    left are named to the operator. FileExistsError if it is a file, has
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
        _tell_left_over(folder)
        yield
    finally:
        os.close(held)
        if not there:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _tell_left_over(folder: Path) -> None:
    """Name what a killed command has left of ``folder``: you may remove it."""
    for path in sorted(folder.absolute().parent.iterdir()):
        if is_draft(path) and path.name.startswith(f"{folder.name}.") and path.is_dir():
            cause = "is left of a command that was cut short: remove it at will"
            print(f"hil-app: {path} {cause}", file=sys.stderr)


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
    if draft.is_symlink():
        draft.unlink()
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
