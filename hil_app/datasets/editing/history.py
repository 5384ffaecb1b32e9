"""What was edited in place, and what the dataset was before: beside it, in ``NAME.undo``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from configs.text.reading import Unreadable, content_of
from configs.text.writing import DRAFT, draft_of, is_draft, write_whole
from hil_app.datasets.editing.build import EDITS
from hil_app.datasets.editing.edits import Delete, Edit, Restore
from hil_app.recording.dataset import Dataset, EpisodeInfo
from hil_app.recording.format.layout import DatasetError

LONGEST = 1 << 26  # bytes of a history


class Edited(BaseModel):
    """An edit in place."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern="^[0-9a-f]{16}$")  # of the folder that has the dataset before it
    at: str = Field(max_length=40)  # local time
    episodes: int = Field(ge=0)  # in the dataset after it
    operations: Edit


_HISTORY = TypeAdapter(tuple[Edited, ...])


class History:
    """The edits of the dataset in ``root``, the oldest first; DatasetError if it is damaged."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.edits: tuple[Edited, ...] = _read(root)

    @property
    def folder(self) -> Path:
        """Where the dataset is as it was before its edits."""
        return self._root.with_name(f"{self._root.name}.undo")

    def place(self, edit: int) -> Path:
        """Where it is as it was before the ``edit``-th, from 1 on; DatasetError if nowhere."""
        if not 1 <= edit <= len(self.edits):
            raise DatasetError(f"{self._root} has had {len(self.edits)} edits in place, no {edit}")
        name = self.edits[edit - 1].name
        for path in self._places(name):
            if path.is_dir():
                return path
        raise DatasetError(
            f"{self._root}: what it was before edit {edit} is not in {self.folder} any more: it "
            "was purged, or the dataset was copied without it"
        )

    def version(self, edit: int) -> Dataset:
        """The dataset as it was before the ``edit``-th; DatasetError if that is gone."""
        return Dataset(self.place(edit))

    def restorable(self) -> list[tuple[int, EpisodeInfo]]:
        """The episodes that were deleted and can come back, each with its edit."""
        back = {
            (operation.edit, operation.episode)
            for one in self.edits
            for operation in one.operations
            if isinstance(operation, Restore)
        }
        found = []
        for number, one in enumerate(self.edits, 1):
            gone = [o.episode for o in one.operations if isinstance(o, Delete)]
            wanted = [episode for episode in gone if (number, episode) not in back]
            try:
                episodes = self.version(number).episodes if wanted else []
            except DatasetError:  # it is gone, or damaged: undo says which
                continue
            found += [(number, episodes[k]) for k in wanted if k < len(episodes)]
        return found

    def check_restores(self, edit: Edit) -> None:
        """DatasetError if an operation restores what was not deleted, or is back."""
        known = {(number, about.index) for number, about in self.restorable()}
        for operation in edit:
            if not isinstance(operation, Restore):
                continue
            if (operation.edit, operation.episode) not in known:
                there = ", ".join(f"{number}:{episode}" for number, episode in sorted(known))
                raise DatasetError(
                    f"{self._root}: episode {operation.episode} of edit {operation.edit} cannot be "
                    f"restored; what can is {there or 'none'} (edit:episode)"
                )

    def size(self) -> int:
        """Bytes that only its versions have: what the dataset has, too, costs nothing more."""
        own = {path.stat().st_ino for path in self._root.rglob("*") if path.is_file()}
        kept = [path.stat() for path in self.folder.rglob("*") if path.is_file()]
        return sum(
            {facts.st_ino: facts.st_size for facts in kept if facts.st_ino not in own}.values()
        )

    def draft(self) -> Path:
        """A name for a version that is being made."""
        return draft_of(self.folder / "version")

    def sweep(self) -> None:
        """Remove versions that a crash left half made, or half removed."""
        mine = {path for one in self.edits for path in self._places(one.name)}
        for path in self.folder.glob(f"*{DRAFT}") if self.folder.is_dir() else ():
            if is_draft(path) and path not in mine and not path.is_symlink():
                shutil.rmtree(path)
        self.remove_empty()

    def remove_empty(self) -> None:
        """Remove the folder if nothing is in it."""
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _places(self, name: str) -> tuple[Path, Path]:
        """Where a version may be: a crash may have left it under the name of a draft."""
        return self.folder / name, draft_named(self.folder, name)


def draft_named(folder: Path, name: str) -> Path:
    """The draft that becomes the version ``name``, or that it becomes before it is removed."""
    return folder / f"version.{name}{DRAFT}"


def name_of(draft: Path) -> str:
    """The name of the version that a draft becomes."""
    return draft.name.split(".")[1]


def write_history(root: Path, edits: Sequence[Edited]) -> None:
    """Replace what is said of a dataset's edits; OSError if the disk refuses."""
    said = json.loads(_HISTORY.dump_json(tuple(edits)))
    write_whole(root / EDITS, (json.dumps(said, indent=1) + "\n").encode())


def _read(root: Path) -> tuple[Edited, ...]:
    try:
        return _HISTORY.validate_json(content_of(root / EDITS, LONGEST))
    except FileNotFoundError:
        return ()
    except (OSError, Unreadable, ValidationError) as error:
        what = "is no history" if isinstance(error, ValidationError) else str(error)
        raise DatasetError(
            f"{root / EDITS} is damaged ({what}): restore a copy, or remove it to do without undo"
        ) from None
