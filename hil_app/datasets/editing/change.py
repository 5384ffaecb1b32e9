"""Applying an edit: to a new dataset, or in place with an undo.

In place, the edited dataset is written whole beside the one that is there, and then both exchange
their names in one step: whatever interrupts it, the old one or the new one is there. The old one is
kept in ``NAME.undo``, with the very files of videos that both have, until it is purged.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from configs.text.paths import typed
from configs.text.writing import sync
from hil_app.datasets.editing.build import Each, linked, write_edited
from hil_app.datasets.editing.edits import Edit
from hil_app.datasets.editing.history import (
    Edited,
    History,
    draft_named,
    name_of,
    write_history,
)
from hil_app.datasets.editing.plan import Kept, all_of, plan
from hil_app.datasets.places import making
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.inside import check_no_links_out
from hil_app.recording.format.layout import JOURNAL, DatasetError
from hil_app.recording.lock import Lock
from hil_app.recording.mending.set_aside import copied
from hil_app.support.exchange import exchange
from hil_app.support.files import make_folder


@dataclass(frozen=True)
class Changed:
    """What a dataset has now."""

    root: Path
    episodes: int
    frames: int


def save_as(root: Path, edit: Edit, new: Path, each: Each = iter) -> Changed:
    """Write the dataset in ``root``, edited, to the new folder ``new``: whole or not at all.

    DatasetError if the edit does not fit, the dataset is damaged, or the disk refuses.
    """
    dataset, history = Dataset(root), History(root)
    history.check_restores(edit)
    kept = plan(dataset, edit, history.version)
    check_no_links_out(root)
    with making(new, "--to") as draft:
        frames = write_edited(kept, draft, copied, each)
    return Changed(new, len(kept), frames)


def edit_in_place(root: Path, edit: Edit, each: Each = iter) -> Changed:
    """Have the dataset in ``root`` be the edited one; :func:`undo` brings back what it was.

    DatasetError if the edit does not fit, the dataset is damaged, somebody is writing it, or the
    disk refuses: nothing is changed then.
    """
    root = root.resolve()
    with Lock(root), _refused(root):
        dataset, history = Dataset(root), History(root)
        _check_quiet(root)
        history.check_restores(edit)
        kept = plan(dataset, edit, history.version)
        history.sweep()
        draft = history.draft()
        now = datetime.now().isoformat(sep=" ", timespec="seconds")
        one = Edited(name=name_of(draft), at=now, episodes=len(kept), operations=edit)
        frames = _replace(root, draft, kept, [*history.edits, one], each)
        with suppress(OSError):  # its history knows it by either name
            draft.rename(history.folder / one.name)
            sync(history.folder)
    return Changed(root, len(kept), frames)


def undo(root: Path, each: Each = iter) -> Changed:
    """Take the last edit in place back. What was recorded since stays, behind all others.

    DatasetError if there is none, what it was is gone, somebody is writing the dataset, or the disk
    refuses: nothing is changed then.
    """
    root = root.resolve()
    with Lock(root), _refused(root):
        history = History(root)
        if not history.edits:
            raise DatasetError(f"{root} was not edited in place: there is nothing to undo")
        _check_quiet(root)
        last = history.edits[-1]
        before = _as_draft(history, last)
        dataset, later = Dataset(before), all_of(Dataset(root), last.episodes)
        history.sweep()
        if later:
            draft = history.draft()
            kept = [*all_of(dataset), *later]
            _replace(root, draft, kept, history.edits[:-1], each)
            shutil.rmtree(draft, ignore_errors=True)
        else:
            with Lock(before):
                exchange(root, before)
        shutil.rmtree(before, ignore_errors=True)  # what stays of it, the next edit sweeps
        history.remove_empty()
    found = Dataset(root)
    return Changed(root, len(found.episodes), len(found))


def purge(root: Path) -> None:
    """Remove for good what edits in place have kept: they can no longer be undone.

    DatasetError if somebody is writing the dataset, or the disk refuses.
    """
    root = root.resolve()
    with Lock(root), _refused(root):
        history = History(root)
        drafts = [_as_draft(history, one) for one in history.edits if _is_there(history, one)]
        write_history(root, [])
        for draft in drafts:
            shutil.rmtree(draft)
        history.sweep()


def _replace(
    root: Path, draft: Path, kept: Sequence[Kept], edits: Sequence[Edited], each: Each
) -> int:
    """Have a dataset of ``kept`` take the place of ``root``, which is ``draft`` then.

    Returns its frames. Nothing of the draft stays if that fails.
    """
    make_folder(draft.parent)
    draft.mkdir()
    try:
        shutil.copymode(root, draft)
        frames = write_edited(kept, draft, linked, each)
        write_history(draft, edits)
        for path in [*draft.rglob("*"), draft]:
            sync(path)
        with Lock(draft):  # the new one is nobody else's before all is done
            exchange(root, draft)
    except BaseException:
        if History(root).edits != tuple(edits):
            shutil.rmtree(draft, ignore_errors=True)
        raise
    return frames


def _as_draft(history: History, one: Edited) -> Path:
    """A version that is to go, under a name that a crash may leave it with."""
    place, draft = (
        history.place(history.edits.index(one) + 1),
        draft_named(history.folder, one.name),
    )
    if place != draft:
        place.rename(draft)
        sync(history.folder)
    return draft


def _is_there(history: History, one: Edited) -> bool:
    try:
        history.place(history.edits.index(one) + 1)
    except DatasetError:
        return False
    return True


def _check_quiet(root: Path) -> None:
    """DatasetError unless all that was recorded is in the dataset, and all of it is its own."""
    if os.path.lexists(root / JOURNAL):
        raise DatasetError(
            f"{root} has an episode that a crash has cut short: bring it back first, by "
            f"`hil-app dataset repair {typed(root)}`"
        )
    for folder, folders, files in os.walk(root):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink():
                raise DatasetError(
                    f"{path} is a link, which no edit in place can keep: put a copy of what is "
                    "meant in its place, or save as a new dataset (--to)"
                )


@contextmanager
def _refused(root: Path) -> Iterator[None]:
    """Raises DatasetError for whatever the disk refuses in the block."""
    try:
        yield
    except OSError as error:
        cause = error.strerror or error
        raise DatasetError(
            f"{root} cannot be edited in place ({cause}): it is as it was. Free some space, or "
            "save as a new dataset (--to)"
        ) from error
