"""An operator at the keys of a run: what a press does to the stage under way."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sample_runs import a_loop, tiny

from configs.load import validate
from hil_app.cli.run_command import _run
from hil_app.control.monitor import Monitor
from hil_app.control.outcomes import EVALUATE
from hil_app.control.policy import NoPolicy
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.operator.view import View
from hil_app.runs.evaluation import Evaluator, evaluate
from hil_app.runs.folder import EVENTS
from hil_app.runs.session import CTRL_C, Session
from hil_app.runs.training import Training
from hil_app.support.events import EventLog
from teleop.keys import KeyReader

REAL = {
    "robot": {"type": "so101", "port": "/nowhere"},
    "env": {"paced": True},
    "processor": {"observation": {"object": None}},
}


class Pressed(KeyReader):
    """Keys pressed at certain looks, the first is 1."""

    def __init__(self, at: dict[int, str]) -> None:
        super().__init__()
        self.at, self.looks = at, 0

    def pressed(self) -> frozenset[str]:
        self.looks += 1
        return frozenset({self.at[self.looks]} if self.looks in self.at else ())


def a_run(folder: Path, at: dict[int, str], **changes: Any) -> Session:
    session = Session(tiny(folder / "run", **changes), "train")
    session.keys = Pressed(at)
    return session


def an_actor(session: Session) -> GaussianActorPolicy:
    return session.parts.policy("initial weights")


def resets(session: Session) -> int:
    """Looks before an episode's first tick."""
    looks = Pressed({})
    bare = Session(session.config, "train")
    bare.keys = looks
    loop = bare.parts.loop(bare.teleop("never"), NoPolicy(), lambda: False)
    with bare.robot:
        loop.reset(0)
    return looks.looks


def reported(session: Session, name: str) -> list[dict[str, Any]]:
    lines = (session.folder / EVENTS).read_text().splitlines()
    return [event for line in lines if (event := json.loads(line))["event"] == name]


@pytest.mark.parametrize(
    ("robot", "keys"), [({}, False), (REAL, True), ({"env": {"paced": True}}, False)]
)
def test_only_a_real_arm_has_keys(robot: dict[str, Any], keys: bool, tmp_path: Path) -> None:
    session = Session(validate({**robot, "output_dir": str(tmp_path / "run")}), "train")
    assert (session.keys is not None) == keys
    leader = {"env": {"paced": True}, "teleop": {"type": "so100_leader"}}
    session = Session(validate({**leader, "output_dir": str(tmp_path / "run")}), "train")
    assert session.keys is not None
    assert session.hint == CTRL_C  # nobody is at them


def test_a_verdict_from_the_keys_ends_an_episode_of_a_policy_on_its_own(tmp_path: Path) -> None:
    with a_run(tmp_path, {}) as session:
        start = resets(session)
        session.keys = Pressed({start + 7: "success"})
        evaluate(session, an_actor(session))
        first, second = session.monitor.stages[-1].episodes
    assert (first.ticks, first.success, first.reward) == (7, True, 1.0)
    assert not second.success


def test_an_evaluation_episode_can_be_thrown_away_and_comes_again(tmp_path: Path) -> None:
    with a_run(tmp_path, {}) as session:
        start = resets(session)
        session.keys = Pressed({start + 4: "rerecord"})
        evaluate(session, an_actor(session))
        stage = session.monitor.stages[-1]
        assert [episode.ticks for episode in stage.episodes] == [30, 30]
    seeds = [event["seed"] for event in reported(session, "episode")]
    assert seeds[0] == seeds[1] != seeds[2]


@pytest.mark.parametrize("button", ["stop", "emergency_stop"])
@pytest.mark.parametrize("when", [1, 20, 60])
def test_a_stop_ends_the_run_wherever_it_is_pressed(tmp_path: Path, button: str, when: int) -> None:
    """Between two episodes, too: the arm does not set out from halfway to its reset pose."""
    session = a_run(tmp_path, {when: button})
    emergency = button == "emergency_stop"
    status = _status(session)
    summary = json.loads((session.folder / "summary.json").read_text())
    assert summary["ended"] == ("emergency stop" if emergency else "stopped by the operator")
    assert status == int(emergency)
    assert isinstance(session.keys, Pressed)
    assert session.keys.looks <= when + 1
    last = reported(session, "episode")[-1]
    assert (last["stop"], last["emergency_stop"]) == (True, emergency)


def _status(session: Session) -> int:
    with session:
        return _run(session, Console(file=io.StringIO()), Training(session).run)


@pytest.mark.parametrize("button", ["stop", "emergency_stop"])
def test_a_stop_amid_the_training_s_evaluation_ends_the_run_without_a_judgement(
    tmp_path: Path, button: str
) -> None:
    train = {"eval_every": 30, "eval_episodes": 3}
    with a_run(tmp_path, {}, train=train) as session:
        start = resets(session)
        session.keys = Pressed({start + 5: button})
        stage = session.monitor.begin(EVALUATE, 1, "ticks", a_loop())
        with session.robot:
            result = Evaluator(session, NoPolicy(), session.stop).run(stage, updates=0)
        assert result is None
        assert session.stop.by_operator
        assert session.stop.emergency == (button == "emergency_stop")
        assert session.monitor.evaluations == []


def test_an_episode_thrown_away_amid_the_training_s_evaluation_comes_again(tmp_path: Path) -> None:
    train = {"eval_every": 30, "eval_episodes": 2}
    with a_run(tmp_path, {}, train=train) as session:
        start = resets(session)
        session.keys = Pressed({start + 5: "rerecord"})
        stage = session.monitor.begin(EVALUATE, 1, "ticks", a_loop())
        with session.robot:
            result = Evaluator(session, NoPolicy(), session.stop).run(stage, updates=0)
        assert result is not None
        assert (result.episodes, result.mean_ticks) == (2, 30)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_view_shows_what_an_operator_can_do(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    view = View(console, Monitor(), EventLog(), hint="space EMERGENCY STOP, q quit")
    with view:
        view._monitor.begin(EVALUATE, 3, "episodes", a_loop())
        console.print(view.render())
    assert "space EMERGENCY STOP, q quit" in out.getvalue()


def test_a_run_whose_folder_is_gone_ends_as_it_would_have(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), record=True)

    def replace_by_a_file() -> None:
        shutil.rmtree(session.folder)
        session.folder.touch()

    with a_run(tmp_path, {}) as session:
        assert _run(session, console, replace_by_a_file) == 0
    assert "not all of the summary is saved" in console.export_text()
