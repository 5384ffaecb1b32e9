"""Whatever interrupts an edit in place, and wherever: the old dataset is there, or the new one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from failing_disk import FailingDisk
from sample_datasets import episode, write_dataset

from hil_app.datasets.editing import change
from hil_app.datasets.editing.change import edit_in_place, purge, undo
from hil_app.datasets.editing.edits import Delete, Mark, Trim
from hil_app.datasets.editing.history import History
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.mending.repair import repair

EDIT = (Delete(episode=0), Trim(episode=1, first=1, last=2), Mark(episode=2, success=False))
KILLED = 77  # the exit status of a process that dies where the test wants it


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    write_dataset(root, [episode(n, 3 + n, cameras=("front",)) for n in range(3)])
    return root


def everything(folder: Path) -> dict[str, bytes]:
    """But for what was not yet put in its place, which no reader looks at."""
    files = (
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".part"
    )
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    found.pop("meta/edits.json", None)  # it has the time
    return found


def watched(last: int, fail: Callable[[], None], patch: pytest.MonkeyPatch) -> FailingDisk:
    """A disk that fails at its ``last``-th operation; exchanging two folders and links are some."""
    disk = FailingDisk(last, fail)
    disk.watch(patch)
    for module, name in ((change, "exchange"), (os, "link")):
        patch.setattr(module, name, disk._watched(name, getattr(module, name)))
    return disk


def count(act: Callable[[], Any]) -> int:
    """How many operations on the disk something takes."""
    with pytest.MonkeyPatch.context() as patch:
        disk = watched(10**9, lambda: None, patch)
        act()
        return disk.count


def killed_at(step: int, act: Callable[[], Any]) -> bool:
    """Whether a process that does it is killed at this step."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    with pytest.MonkeyPatch.context() as patch:
        watched(step, lambda: os._exit(KILLED), patch)
        try:
            act()
        finally:
            os._exit(0)


def copy_of(root: Path, name: str) -> Path:
    """A copy with all versions."""
    for folder in (root, root.with_name("data.undo")):
        if folder.exists():
            shutil.copytree(folder, root.parent / name / folder.name)
    return root.parent / name / "data"


def refuse() -> None:
    raise OSError(28, "No space left on device")


ACTS: dict[str, Callable[[Path], Any]] = {
    "edit": lambda root: edit_in_place(root, EDIT),
    "undo": undo,
    "purge": purge,
}


def prepared(root: Path, act: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What the dataset is before and after an act, which is not done yet."""
    old = everything(root)
    edit_in_place(root, EDIT)
    new = everything(root)
    if act == "edit":
        undo(root)
        return old, new
    return (new, old) if act == "undo" else (new, new)


def killed(there: Path, act: str, step: int) -> None:
    """A process that dies there, unless it is done by then."""
    killed_at(step, lambda: ACTS[act](there))


def full(there: Path, act: str, step: int) -> None:
    """A disk that refuses everything from a step on: told in a line, or no matter any more."""
    with pytest.MonkeyPatch.context() as patch:
        watched(step, refuse, patch)
        with suppress(DatasetError):
            ACTS[act](there)


def old_or_new(root: Path, act: str, fail: Callable[[Path, str, int], None], most: int) -> None:
    """An act that fails at ``most`` of its steps, evenly spread, leaves one of two datasets."""
    before, after = prepared(root, act)
    steps = count(lambda: ACTS[act](copy_of(root, "tries")))
    shutil.rmtree(root.parent / "tries")
    found: list[bool] = []
    chosen = sorted(set(np.linspace(1, steps, min(most, steps)).round().astype(int).tolist()))
    for step in chosen:
        there = copy_of(root, "try")
        fail(there, act, step)
        now = everything(there)
        assert now in (before, after), step
        found.append(now == before)
        if step in chosen[::3]:
            goes_on(there)
        shutil.rmtree(there.parent)
    if act != "purge":
        assert found == sorted(found, reverse=True)  # once it is the new one, it stays so
        assert {*found} == {True, False}


@pytest.mark.parametrize("act", list(ACTS))
@pytest.mark.parametrize("fail", [killed, full])
def test_the_old_or_the_new_one_is_there(
    root: Path, act: str, fail: Callable[[Path, str, int], None]
) -> None:
    old_or_new(root, act, fail, most=4)


@pytest.mark.slow
@pytest.mark.parametrize("act", list(ACTS))
@pytest.mark.parametrize("fail", [killed, full])
def test_the_old_or_the_new_one_is_there_after_every_step(
    root: Path, act: str, fail: Callable[[Path, str, int], None]
) -> None:
    old_or_new(root, act, fail, most=10**6)


def test_a_full_disk_is_told_in_a_line(root: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        watched(20, refuse, patch)
        with pytest.raises(DatasetError, match="No space left") as error:
            edit_in_place(root, EDIT)
    assert "\n" not in str(error.value)


def goes_on(root: Path) -> None:
    """The next edit is done, can be undone, and leaves nothing half made."""
    assert not repair(root).anything
    now = everything(root)
    edit_in_place(root, (Mark(episode=0, success=False),))
    assert Dataset(root).episodes[0].success is False
    undo(root)
    assert everything(root) == now
    known = {one.name for one in History(root).edits}
    folder = root.with_name("data.undo")
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    assert all(any(name in there for name in known) for there in names)
