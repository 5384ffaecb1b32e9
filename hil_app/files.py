"""Files and folders that are whole or not there at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = ".part"  # how the name of something unfinished ends


def write_whole(path: Path, content: bytes) -> None:
    """Write beside ``path``, reach the disk, then swap: a reader never sees half a file."""
    draft = path.with_name(path.name + DRAFT)
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A draft that becomes ``folder``, which must be new, once its block ends without an error.

    What an earlier crash left of other drafts beside it is removed.
    """
    for leftover in folder.parent.glob(f"*{DRAFT}"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = folder.with_name(folder.name + DRAFT)
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


def remove_folder(folder: Path) -> None:
    """Remove ``folder``: at once by name, so that half of it is never taken for the whole."""
    draft = folder.with_name(folder.name + DRAFT)
    folder.rename(draft)
    shutil.rmtree(draft, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that no power cut takes them away with what is in."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


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
