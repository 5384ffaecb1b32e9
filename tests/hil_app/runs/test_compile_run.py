"""A run that is to be compiled: before anything moves, and without it where it cannot be."""

import json

import pytest
from sample_runs import tiny

from hil_app.learning.sac.sac import SACAlgorithm
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from robots.twin.robot import SimRobot


@pytest.mark.parametrize("problem", [None, "no C++ compiler"])
def test_compiling_comes_before_the_robot_and_its_problem_is_reported_once(
    tmp_path, monkeypatch, problem
):
    happened = []
    enter = SimRobot.__enter__

    def warm_up(algorithm, batch_size):
        happened.append(("warm up", batch_size))
        algorithm.compile_problem, algorithm._warm = problem, True

    def entered(robot):
        happened.append("robot")
        return enter(robot)

    monkeypatch.setattr(SACAlgorithm, "warm_up", warm_up)
    monkeypatch.setattr(SimRobot, "__enter__", entered)
    config = tiny(tmp_path / "run", algorithm={"compile": True})
    with Session(config, "train") as session:
        Training(session).run()
    assert happened == [("warm up", config.learner.batch_size), "robot"]
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    reported = [event for event in map(json.loads, lines) if "compil" in event["event"]]
    assert [event["event"] for event in reported] == [
        "compiling",
        "not_compiled" if problem else "compiled",
    ]
    assert reported[1].get("cause") == (f"it learns without: {problem}" if problem else None)


def test_without_the_option_nothing_is_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(SACAlgorithm, "warm_up", None)
    with Session(tiny(tmp_path / "run"), "train") as session:
        Training(session).run()
