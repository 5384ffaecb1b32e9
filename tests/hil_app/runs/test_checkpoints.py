"""The thread that writes a run's checkpoints: which it writes, keeps and marks, and how it ends."""

import errno
import json
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from reported import written
from waiting import PATIENCE_S, until

from configs.load import ConfigError
from hil_app.learning.checkpoint import CheckpointError, Snapshot
from hil_app.runs import checkpoints
from hil_app.runs.checkpoints import Checkpoints
from hil_app.runs.folder import best_of, find_checkpoint, updates_of
from hil_app.support.checkpoint_names import checkpoints_in
from hil_app.support.events import EventLog

FULL = OSError(errno.ENOSPC, "No space left on device")


def snapshot(number=0):
    return Snapshot({"ticks": number}, {}, {"counts": {"number": torch.tensor(number)}})


def names(folder):
    return [path.name for path in checkpoints_in(folder)]


class Gate:
    """Holds the writing until it is opened; knows what was written."""

    def __init__(self, monkeypatch):
        self.opened, self.ticks, save = threading.Event(), [], checkpoints.save

        def slow(written, *rest):
            self.ticks.append(written.state["ticks"])
            assert self.opened.wait(PATIENCE_S)
            return save(written, *rest)

        monkeypatch.setattr(checkpoints, "save", slow)


@pytest.fixture
def run(tmp_path):
    heard, events = [], EventLog()
    events.listeners.append(lambda event: heard.append(written(event)))
    folder = tmp_path / "checkpoints"

    def open_with(keep_last=2, **options):
        return Checkpoints(folder, keep_last, events, **options)

    return SimpleNamespace(folder=folder, heard=heard, open=open_with)


def reported(run, name):
    return [event for event in run.heard if event["event"] == name]


def test_the_newest_snapshot_is_written_on_leaving_and_only_that(run):
    with run.open() as writer:
        for ticks in (10, 20, 30):
            writer.keep(snapshot(ticks), ticks)
        assert not run.folder.exists()
    assert names(run.folder) == ["tick_000030"]
    (event,) = reported(run, "checkpoint")
    assert (event["checkpoint"], event["ticks"]) == ("tick_000030", 30)


def test_a_run_without_a_snapshot_writes_nothing(run):
    with run.open():
        pass
    assert not run.folder.exists()


def test_what_is_to_be_written_is_written_soon_and_not_again_at_the_end(run):
    with run.open() as writer:
        writer.keep(snapshot(10), 10, write=True)
        until(lambda: names(run.folder) == ["tick_000010"])
    assert names(run.folder) == ["tick_000010"]


def test_the_last_ones_and_the_best_are_kept(run):
    with run.open(keep_last=2) as writer:
        for ticks in (10, 20, 30, 40, 50):
            best = {"successes": 7} if ticks == 20 else None
            writer.keep(snapshot(ticks), ticks, write=True, best=best)
            until(lambda ticks=ticks: f"tick_{ticks:06d}" in names(run.folder))
    assert names(run.folder) == ["tick_000020", "tick_000040", "tick_000050"]
    mark = json.loads((run.folder / "best.json").read_text())
    assert mark == {"checkpoint": "tick_000020", "successes": 7}
    assert sorted(path.name for path in run.folder.iterdir()) == ["best.json", *names(run.folder)]


def test_a_better_one_takes_the_mark_and_the_old_best_goes(run):
    with run.open(keep_last=1) as writer:
        for ticks in (10, 20):
            writer.keep(snapshot(ticks), ticks, best={"successes": ticks})
            until(lambda ticks=ticks: f"tick_{ticks:06d}" in names(run.folder))
    assert names(run.folder) == ["tick_000020"]
    assert best_of(run.folder) == run.folder / "tick_000020"


def test_when_the_disk_is_slow_only_the_newest_one_that_waits_is_written(run, monkeypatch):
    gate = Gate(monkeypatch)
    with run.open() as writer:
        writer.keep(snapshot(1), 1, write=True)
        until(lambda: gate.ticks == [1])
        for ticks in (2, 3, 4):
            writer.keep(snapshot(ticks), ticks, write=True)
        gate.opened.set()
    assert gate.ticks == [1, 4]
    assert names(run.folder) == ["tick_000001", "tick_000004"]


def test_the_best_one_is_written_however_slow_the_disk_is(run, monkeypatch):
    gate = Gate(monkeypatch)
    with run.open(keep_last=1) as writer:
        writer.keep(snapshot(1), 1, write=True)
        until(lambda: gate.ticks == [1])
        writer.keep(snapshot(2), 2, write=True)
        writer.keep(snapshot(3), 3, best={"successes": 5})
        writer.keep(snapshot(4), 4, write=True)
        gate.opened.set()
    assert gate.ticks == [1, 3, 4]
    assert names(run.folder) == ["tick_000003", "tick_000004"]
    assert best_of(run.folder) == run.folder / "tick_000003"


def test_trap_12_nothing_is_deleted_before_the_new_one_is_whole(run, monkeypatch):
    """Trap 12."""
    seen, rename = [], checkpoints.remove_folder

    def noting(folder):
        seen.append(names(run.folder))
        rename(folder)

    monkeypatch.setattr(checkpoints, "remove_folder", noting)
    with run.open(keep_last=1) as writer:
        writer.keep(snapshot(10), 10, write=True)
        until(lambda: names(run.folder) == ["tick_000010"])
        writer.keep(snapshot(20), 20)
    assert seen == [["tick_000010", "tick_000020"]]
    assert names(run.folder) == ["tick_000020"]


def test_trap_12_keeping_a_snapshot_never_waits_for_the_disk(run, monkeypatch):
    """Trap 12: the training goes on while a checkpoint is written."""
    gate = Gate(monkeypatch)
    with run.open() as writer:
        for ticks in range(1, 100):
            writer.keep(snapshot(ticks), ticks, write=True)
        assert names(run.folder) == []
        gate.opened.set()
    assert names(run.folder)[-1] == "tick_000099"


def test_two_of_the_same_tick_stand_side_by_side_in_their_order(run):
    for number in (1, 2, 3):
        with run.open(keep_last=3) as writer:
            writer.keep(snapshot(number), 0)
    assert names(run.folder) == ["tick_000000", "tick_000000_2", "tick_000000_3"]
    states = [json.loads((path / "state.json").read_text()) for path in checkpoints_in(run.folder)]
    assert [state["ticks"] for state in states] == [1, 2, 3]


def test_checkpoints_are_ordered_by_their_ticks_however_many_digits_they_have(tmp_path):
    for name in ("tick_1000000", "tick_000200", "tick_999999", "tick_000200_2", "tick_x", "other"):
        (tmp_path / name).mkdir()
    found = ["tick_000200", "tick_000200_2", "tick_999999", "tick_1000000"]
    assert names(tmp_path) == found


def test_a_full_disk_is_reported_and_the_older_one_stays(run, monkeypatch):
    with run.open() as writer:
        writer.keep(snapshot(10), 10, write=True)
        until(lambda: names(run.folder) == ["tick_000010"])

        def refuse(*_):
            raise FULL

        monkeypatch.setattr("hil_app.support.files.os.fsync", refuse)
        writer.keep(snapshot(20), 20, write=True)
        until(lambda: reported(run, "checkpoint_not_saved"))
        writer.check()  # no reason to end the run
        monkeypatch.undo()
        writer.keep(snapshot(30), 30, write=True)
    assert names(run.folder) == ["tick_000010", "tick_000030"]
    (event,) = reported(run, "checkpoint_not_saved")
    assert "No space left" in event["cause"]
    assert "tick_000020" in event["cause"]


def test_a_full_disk_at_the_end_is_an_error_unless_there_is_another(run, monkeypatch):
    def refuse(*_):
        raise FULL

    monkeypatch.setattr("hil_app.support.files.os.fsync", refuse)
    with pytest.raises(CheckpointError, match="No space left"), run.open() as writer:
        writer.keep(snapshot(10), 10)
    assert reported(run, "checkpoint_not_saved") == []

    def work():
        with run.open() as writer:
            writer.keep(snapshot(10), 10)
            raise KeyError("the real cause")

    with pytest.raises(KeyError, match="the real cause"):
        work()
    assert len(reported(run, "checkpoint_not_saved")) == 1


def test_another_fault_of_the_thread_is_reported_at_the_next_check(run):
    def fault(_):
        raise ZeroDivisionError("a bug")

    writer = run.open(before=fault)

    def work():
        with writer:
            writer.keep(snapshot(10), 10, write=True)
            until(lambda: reported(run, "checkpoints_died"))
            with pytest.raises(CheckpointError, match="a bug"):
                writer.check()

    with pytest.raises(CheckpointError, match="a bug"):  # at the end too
        work()


def test_before_is_called_before_anything_is_written(run):
    seen = []

    def before(it):
        seen.append((it.state["ticks"], run.folder.exists()))

    with run.open(before=before) as writer:
        writer.keep(snapshot(10), 10)
    assert seen == [(10, False)]


# finding one


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """runs/first with two checkpoints, the older one the best."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "first" / "checkpoints"
    with Checkpoints(folder, 2, EventLog()) as writer:
        writer.keep(snapshot(10), 10, best={"successes": 5})
        until(lambda: names(folder) == ["tick_000010"])
        writer.keep(snapshot(20), 20)
    (folder.parent / "config.yaml").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("named", "which", "found"),
    [
        (None, "last", "tick_000020"),
        (None, "best", "tick_000010"),
        ("runs/first", "last", "tick_000020"),
        ("runs/first", "best", "tick_000010"),
        ("runs/first/checkpoints", "last", "tick_000020"),
        ("runs/first/checkpoints/best", "last", "tick_000010"),
        ("runs/first/checkpoints/last", "best", "tick_000020"),
        ("runs/first/checkpoints/tick_000010", "last", "tick_000010"),
    ],
)
def test_a_checkpoint_is_found_by_its_run_or_by_its_name(trained, named, which, found):
    path = find_checkpoint(None if named is None else trained.parents[2] / named, which)
    assert path.resolve() == trained / found


def test_a_checkpoint_is_found_by_its_bare_name_from_beside_it(trained, monkeypatch):
    monkeypatch.chdir(trained)
    assert find_checkpoint(Path("tick_000010")).resolve() == trained / "tick_000010"
    assert find_checkpoint(Path("best")).resolve() == trained / "tick_000010"


@pytest.mark.parametrize(
    ("named", "which", "says"),
    [
        ("runs/second", "last", "no run's folder"),
        ("runs/first/checkpoints/tick_000030", "last", r"there is no .*: name another, --checkp"),
        ("runs/empty", "last", "has no checkpoint"),
        ("runs/empty", "best", "has no checkpoint"),
        ("runs/unjudged", "best", "knows of no best checkpoint, as train.eval_every was null"),
        ("runs/spoilt", "best", "best.json is damaged: name another, --checkpoint="),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused_in_one_line(trained, named, which, says):
    runs = trained.parents[1]
    for name in ("empty", "unjudged", "spoilt"):
        (runs / name).mkdir()
        (runs / name / "config.yaml").write_text("{}")
    for name in ("unjudged", "spoilt"):
        (runs / name / "checkpoints" / "tick_000005").mkdir(parents=True)
    (runs / "spoilt" / "checkpoints" / "best.json").write_text('{"check')
    with pytest.raises(ConfigError, match=says) as refused:
        find_checkpoint(runs.parent / named, which)
    assert "\n" not in str(refused.value)


def never_learned(runs, name):
    """A run that was cut before its first update, newer than any other."""
    state = runs / name / "checkpoints" / "tick_000005" / "state.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"ticks": 5, "updates": 0}')
    (runs / name / "config.yaml").write_text("{}")
    later = time.time() + 60
    os.utime(state.parent, (later, later))


def test_the_newest_run_may_be_asked_for_among_those_that_have_learned(trained):
    state = trained / "tick_000020" / "state.json"
    state.write_text('{"ticks": 20, "updates": 7}')
    never_learned(trained.parents[1], "cut")
    assert find_checkpoint(None).parent.parent.name == "cut"
    assert find_checkpoint(None, learned=True).resolve() == trained / "tick_000020"
    assert updates_of(trained / "tick_000020") == 7
    state.write_text("{")  # what is damaged is not passed over: reading it says so
    assert updates_of(trained / "tick_000020") is None
    assert find_checkpoint(None, learned=True).resolve() == trained / "tick_000020"


def test_where_no_run_has_learned_that_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    never_learned(tmp_path / "runs", "cut")
    with pytest.raises(ConfigError, match=r"no trained run.*runs/cut ended before its first upd"):
        find_checkpoint(None, learned=True)


def test_without_a_run_there_is_nothing_to_find(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no trained run in runs/"):
        find_checkpoint(None)
