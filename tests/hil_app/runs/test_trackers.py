"""Trackers get the figures of a run; one that fails or hangs costs a warning and not the run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from reported import written
from sample_runs import tiny
from waiting import PATIENCE_S

from configs.load import ConfigError
from hil_app.__main__ import main
from hil_app.runs.metrics import Metrics
from hil_app.runs.session import Session
from hil_app.runs.trackers import tracking
from hil_app.runs.trackers.kinds import KINDS, check, trackers_of
from hil_app.runs.trackers.tracking import Tracking
from hil_app.runs.training import Training
from hil_app.support.events import EventLog
from hil_app.support.extras import how_to_install

FIGURES = {"learner/q_mean": 2.0, "train/success_rate": 0.5, "observation/x/max": [1.0, 3.0]}
PACKAGES = {kind.option: kind.package for kind in KINDS}


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
def events(heard: list[Any]) -> EventLog:
    log = EventLog()
    log.listeners.append(lambda event: heard.append(written(event)))
    return log


class Board:
    """Stands in for each of the packages; has what it was told."""

    def __init__(self) -> None:
        self.scalars: list[Any] = []
        self.settings: dict[str, Any] = {}
        self.now: dict[str, Any] = {}
        self.closed = 0
        self.place: str | None = None
        self.logged_in = True

    # TensorBoard
    def SummaryWriter(self, folder: str) -> Board:  # noqa: N802 - TensorBoard's own name
        self.place = folder
        return self

    def add_scalar(self, name: str, value: float, step: int, moment: float) -> None:
        assert abs(moment - time.time()) < 60
        self.scalars.append((name, value, step))

    def close(self) -> None:
        self.closed += 1

    # Weights & Biases
    def Settings(self, **settings: Any) -> dict[str, Any]:  # noqa: N802 - W&B's own name
        return settings

    def login(self, prompt: bool) -> bool:
        assert not prompt
        return self.logged_in

    def init(self, **settings: Any) -> Board:
        self.settings = settings
        self.place = settings["dir"]
        return self

    def define_metric(self, name: str, step_metric: str) -> None:
        self.now[name] = step_metric

    finish = close

    # Rerun
    def RecordingStream(self, application: str, recording_id: str) -> Board:  # noqa: N802
        self.settings = {"application": application, "id": recording_id}
        return self

    def save(self, path: str) -> None:
        self.place = path

    def set_time(self, timeline: str, **value: float) -> None:
        self.now[timeline] = next(iter(value.values()))

    def Scalars(self, value: float) -> float:  # noqa: N802 - Rerun's own name
        return value

    disconnect = close

    def log(self, name: Any, value: float = 0.0) -> None:
        self.scalars.append(name if isinstance(name, dict) else (name, value, self.now["ticks"]))


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    found = Board()
    for package in PACKAGES.values():
        monkeypatch.setitem(sys.modules, package, found)  # type: ignore[arg-type]
    return found


def log_once(folder: Path, events: EventLog, **wanted: bool) -> None:
    config = tiny(folder, train=wanted)
    with Metrics(folder, events, lambda: trackers_of(folder, config, events)) as metrics:
        metrics.log(lambda: FIGURES, ticks=10, updates=7)


def test_tensorboard_gets_every_number_over_updates_or_ticks(
    tmp_path: Path, events: EventLog, board: Board
) -> None:
    log_once(tmp_path, events, tensorboard=True)
    assert board.scalars == [
        ("learner/q_mean", 2.0, 7),
        ("train/success_rate", 0.5, 10),
        ("observation/x/max/0", 1.0, 10),
        ("observation/x/max/1", 3.0, 10),
    ]
    assert (board.place, board.closed) == (str(tmp_path / "tensorboard"), 1)


def test_wandb_gets_them_with_the_configuration_and_nothing_that_is_printed(
    tmp_path: Path, events: EventLog, board: Board
) -> None:
    log_once(tmp_path, events, wandb=True)
    (sent,) = board.scalars
    assert (sent["ticks"], sent["updates"], sent["learner/q_mean"]) == (10, 7, 2.0)
    assert board.now == {"*": "ticks", "learner/*": "updates"}
    assert (board.place, board.settings["name"]) == (str(tmp_path), tmp_path.name)
    assert board.settings["config"]["env"]["fps"] == 10
    assert board.settings["settings"]["console"] == "off"
    first = board.settings["id"]
    log_once(tmp_path, events, wandb=True)
    assert (board.settings["id"], board.settings["resume"]) == (first, "allow")


def test_rerun_gets_a_file_for_each_time_that_a_run_goes_on(
    tmp_path: Path, events: EventLog, board: Board
) -> None:
    log_once(tmp_path, events, rerun=True)
    assert board.place == str(tmp_path / "rerun.rrd")
    assert ("learner/q_mean", 2.0, 10) in board.scalars
    assert (board.now["updates"], board.closed) == (7, 1)
    (tmp_path / "rerun.rrd").touch()
    log_once(tmp_path, events, rerun=True)
    assert board.place == str(tmp_path / "rerun_2.rrd")


def test_a_tracker_is_made_only_if_it_is_asked_for(
    tmp_path: Path, events: EventLog, board: Board
) -> None:
    log_once(tmp_path, events)
    assert board.place is None


@pytest.mark.parametrize("option", PACKAGES)
def test_a_tracker_that_is_not_installed_is_reported_before_anything_is_written(
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[option], None)  # type: ignore[arg-type]
    assert main(["train", f"--train.{option}=true", f"--output_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert how_to_install(option) in said
    assert list(tmp_path.iterdir()) == []


def test_nobody_who_is_not_logged_in_is_asked_for_a_password(
    tmp_path: Path, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.logged_in = False
    config = tiny(tmp_path, train={"wandb": True})
    with pytest.raises(ConfigError, match="wandb login"):
        check(config)
    monkeypatch.setenv("WANDB_MODE", "offline")
    check(config)


# one that fails or hangs


class Broken:
    """Fails or hangs where it is told to."""

    def __init__(self, *, fails: str = "", hangs: threading.Event | None = None) -> None:
        self._fails, self._hangs, self.abandoned = fails, hangs, False
        self._do("make")

    def log(self, *_: object) -> None:
        self._do("log")

    def close(self) -> None:
        self._do("close")

    def abandon(self) -> None:
        self.abandoned = True

    def _do(self, what: str) -> None:
        if what == self._fails:
            raise RuntimeError(f"cannot {what}\nand more lines")
        if what == "log" and self._hangs is not None:
            assert self._hangs.wait(PATIENCE_S)


@pytest.mark.parametrize("call", ["make", "log", "close"])
def test_a_tracker_that_fails_is_one_event_and_the_file_has_all(
    call: str, tmp_path: Path, events: EventLog, heard: list[Any]
) -> None:
    trackers = [Tracking("Board", lambda: Broken(fails=call), events)]
    with Metrics(tmp_path, events, lambda: trackers) as metrics:
        for tick in range(50):
            metrics.log(lambda: FIGURES, ticks=tick, updates=tick)
    assert [(event["event"], event["cause"]) for event in heard] == [
        ("tracker_failed", f"Board is left out from here on: cannot {call}")
    ]
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 50


def test_a_tracker_that_hangs_is_one_event_and_is_abandoned(
    tmp_path: Path, events: EventLog, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "_PATIENCE", 0.05)
    goes_on = threading.Event()
    broken = Broken(hangs=goes_on)
    trackers = [Tracking("Board", lambda: broken, events)]
    with Metrics(tmp_path, events, lambda: trackers) as metrics:
        metrics.log(lambda: FIGURES, ticks=1, updates=1)
    assert [event["event"] for event in heard] == ["tracker_cut_short"]
    assert broken.abandoned
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1
    goes_on.set()


def test_a_run_goes_on_without_a_tracker_that_fails(
    tmp_path: Path, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError("no route to the server")

    monkeypatch.setattr(board, "init", refuse)
    with Session(tiny(tmp_path / "run", train={"wandb": True}), "train") as session:
        Training(session).run()
    assert session.monitor.stages[-1].done >= 60
    reported = (session.folder / "events.jsonl").read_text()
    assert reported.count("tracker_failed") == 1
    assert "no route to the server" in reported


# the packages themselves, where they are installed


def train_a_little(folder: Path, *options: str, **environment: str) -> None:
    import os

    changes = ("--train.ticks=60", "--train.demonstrations=2", "--learner.learning_starts=20")
    small = ("--policy.hidden_dims=[16]", "--policy.latent_dim=8", "--env.control_time_s=3")
    command = [sys.executable, "-m", "hil_app", "train", f"--output_dir={folder}"]
    done = subprocess.run(
        [*command, *changes, *small, "--train.log_every=5", "--eval.episodes=0", *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "tracker" not in (folder / "events.jsonl").read_text()


@pytest.mark.slow
def test_wandb_itself_keeps_a_run_offline(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    train_a_little(tmp_path / "run", "--train.wandb=true", WANDB_MODE="offline")
    (kept,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    content = kept.read_bytes()
    assert b"learner/q_mean" in content
    assert b"train/success_rate" in content


@pytest.mark.slow
def test_rerun_itself_writes_a_recording(tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    train_a_little(tmp_path / "run", "--train.rerun=true")
    recording = tmp_path / "run" / "rerun.rrd"
    shown = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "print", str(recording)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "/learner/q_mean" in shown
    assert "/train/success_rate" in shown


@pytest.mark.slow
def test_tensorboard_itself_writes_event_files(tmp_path: Path) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train_a_little(tmp_path / "run", "--train.tensorboard=true")
    found = loading.EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    logged = [json.loads(line) for line in lines if "learner/q_mean" in line]
    values = [event.value for event in found.Scalars("learner/q_mean")]
    assert values == pytest.approx([line["learner/q_mean"] for line in logged])
