"""``hil-app dataset edit`` as an operator uses it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sample_datasets import write_dataset

from hil_app.__main__ import main
from hil_app.recording.dataset import Dataset
from hil_app.recording.lock import Lock


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded") / "data"
    write_dataset(root)
    return root


@pytest.fixture
def lift(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset with episodes of 6, 9 and 4 frames, in the working folder."""
    shutil.copytree(recorded, tmp_path / "lift")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "lift"


def lengths(root: Path) -> list[int]:
    return [about.length for about in Dataset(root).episodes]


def edit(*arguments: str) -> int:
    return main(["dataset", "edit", *arguments])


def test_episodes_are_edited_in_place_and_that_is_undone(lift: Path) -> None:
    command = [sys.executable, "-m", "hil_app", "dataset", "edit", "lift"]
    options = ["--delete", "0", "--trim", "1=2:5", "2=1:", "--success", "1", "--failure", "2"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert done.stdout == f"{lift}: 2 episodes, 7 frames; --undo takes it back\n"
    assert lengths(lift) == [4, 3]
    assert [about.success for about in Dataset(lift).episodes] == [True, False]
    assert edit("lift", "--undo") == 0
    assert lengths(lift) == [6, 9, 4]


def test_what_was_edited_is_listed_restored_and_purged(
    lift: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("lift", "--delete", "0", "2")
    capsys.readouterr()
    edit("lift")
    said = capsys.readouterr().out
    assert "edited in place 1 time" in said
    assert "delete episode 0; delete episode 2" in said
    assert "--restore 1:0 brings back 6 frames" in said
    edit("lift", "--restore", "1:2")
    assert lengths(lift) == [9, 4]
    assert edit("lift", "--purge", "--yes") == 0
    assert not lift.with_name("lift.undo").exists()
    assert lengths(lift) == [9, 4]
    capsys.readouterr()
    assert edit("lift", "--undo") != 0
    assert "there is nothing to undo" in capsys.readouterr().err


def test_a_purge_is_asked_about(
    lift: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("lift", "--delete", "0")
    monkeypatch.setattr("hil_app.cli.dataset.edit._agrees", lambda _: False)
    assert edit("lift", "--purge") == 0
    assert "nothing is removed" in capsys.readouterr().out
    assert lift.with_name("lift.undo").is_dir()


def test_the_edited_one_can_be_a_new_dataset(lift: Path) -> None:
    assert edit("lift", "--delete", "1", "--to", "good") == 0
    assert lengths(lift.with_name("good")) == [6, 4]
    assert lengths(lift) == [6, 9, 4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--delete", "3"), "has no episode 3: it has 3 episodes"),
        (("--trim", "3=1:2"), "--trim: "),
        (("--trim", "1=x"), "1=x is no K=FIRST:LAST"),
        (("--trim", "1=0:9"), "has the frames 0 to 8"),
        (("--restore", "1"), "1 is no EDIT:K"),
        (("--restore", "1:0"), "cannot be restored"),
        (("--delete", "x"), "x is no number of an episode"),
        (("--undo", "--delete", "1"), "--undo: give it alone"),
        (("--undo", "--purge"), "--undo: give it alone"),
        (("--to", "new"), "--to: say what is to be edited"),
        (("--delete", "1", "--to", "lift"), "--to: lift is not empty"),
        (("--undo",), "nothing to undo"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    lift: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = edit("lift", *arguments)
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status != 0
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert lengths(lift) == [6, 9, 4]


def test_a_dataset_that_a_run_records_into_is_refused(
    lift: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Lock(lift):
        assert edit("lift", "--delete", "1") != 0
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "is being written by another process" in error
