"""Moving out of a dataset's way what may still be wanted."""

from __future__ import annotations

import os
import shutil
from itertools import count as numbers
from pathlib import Path

from configs.text.writing import sync
from hil_app.recording.format.layout import INFO, SET_ASIDE, data_file, episodes_file, video_file
from hil_app.recording.index import DatasetIndex
from hil_app.support.files import make_folder, move, remove_file

NOTE = "note.txt"


class SetAsideFiles:
    """A folder in a dataset for files that no episode needs, each under the path it had.

    It is made with the first of them; :data:`NOTE` says of each why it is there. Only the user
    removes it. OSError if the disk refuses.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.moved: dict[Path, str] = {}  # why, by path in the dataset
        self._place: Path | None = None

    @property
    def place(self) -> Path:
        """Where they are."""
        if self._place is None:
            places = (self._root / SET_ASIDE / str(number) for number in numbers(1))
            self._place = next(place for place in places if not os.path.lexists(place))
            make_folder(self._place)
        return self._place

    def take(self, path: Path, why: str) -> None:
        """Move a file of the dataset there."""
        move(path, self._noted(path, why))

    def copy(self, path: Path, why: str) -> None:
        """Put a copy of a file there that is about to be replaced."""
        copied(path, self._noted(path, why))

    def _noted(self, path: Path, why: str) -> Path:
        name = path.relative_to(self._root)
        with (self.place / NOTE).open("a") as note:
            note.write(f"{name}: {why}\n")
            note.flush()
            os.fsync(note.fileno())
        self.moved[name] = why
        return self.place / name

    def forget_copies(self) -> None:
        """Remove what the dataset has again, byte for byte."""
        for name in [*self.moved]:
            there, again = self.place / name, self._root / name
            if again.is_file() and again.read_bytes() == there.read_bytes():
                remove_file(there)
                del self.moved[name]
        if self._place is not None and not self.moved:
            shutil.rmtree(self._place)
            self._place = None
            _remove_empty(self._root / SET_ASIDE)


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
        sync(folder.parent)


def copied(path: Path, there: Path) -> None:
    """Copy a file to a new one, which has reached the disk then; OSError if that is there."""
    make_folder(there.parent)
    with path.open("rb") as source, there.open("xb") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        os.fsync(copy.fileno())
    sync(there.parent)


def set_aside(dataset_index: DatasetIndex, count: int, place: Path) -> int:
    """Move all but the first ``count`` episodes to ``place``; returns how many those are.

    They are copied first and removed last, so that no crash can lose one. OSError if the disk
    refuses.
    """
    root, info = dataset_index.root, dataset_index.info
    rest = range(count, info.episodes)
    groups = {episodes_file(root, episode) for episode in rest}
    files = [
        path
        for episode in rest
        for path in (
            data_file(root, episode),
            *(video_file(root, key, episode) for key in info.cameras.values()),
        )
    ]
    for path in [root / INFO, *sorted(groups), *files]:
        copied(path, place / path.relative_to(root))
    dataset_index.truncate(count)
    shared = {episodes_file(root, count - 1)} if count else set()
    for path in [*files, *sorted(groups - shared)]:
        remove_file(path)
    dataset_index.trim()
    return info.episodes - count
