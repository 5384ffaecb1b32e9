"""A demonstration that fails is neither counted nor learned from, and somebody is told."""

import json

import pytest
from sample_runs import a_loop, an_episode, tiny

from hil_app.cli.run_command import train
from hil_app.control.gate import Gate
from hil_app.control.monitor import Stage
from hil_app.runs.demonstrations import DemonstrationsFailed, demonstrations_fail
from hil_app.runs.session import Session
from hil_app.runs.training import Training


def short(folder, **changes):
    """A run whose demonstrations are over before they can succeed."""
    env = {"control_time_s": 0.3}
    return tiny(folder / "run", env=env, learner={"learning_starts": 10}, **changes)


def test_where_none_succeeds_a_run_that_nobody_attends_ends_and_says_what_to_look_at(tmp_path):
    with Session(short(tmp_path), "train") as session:
        training = Training(session)
        with pytest.raises(DemonstrationsFailed, match=r"10 demonstrations .*control_time_s"):
            training.run()
    assert training.learner.progress.offline == 0
    stage = session.monitor.stages[-1]
    assert (stage.name, stage.done, len(stage.finished)) == ("demonstrate", 0, 10)
    assert len({episode.seed for episode in stage.episodes}) == 10  # each in a scene of its own


def test_the_command_ends_in_one_line_with_the_episodes_recorded(tmp_path, capsys):
    with pytest.raises(DemonstrationsFailed):
        train(short(tmp_path), "train")
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["dataset"]["episodes"] == 10
    assert "0/10 (0.0%)" in capsys.readouterr().out


def test_all_count_if_that_is_wanted(tmp_path):
    wanted = {"demonstrations": 2, "count_demonstrations": "all", "ticks": 20}
    with Session(short(tmp_path, train=wanted), "train") as session:
        training = Training(session)
        training.run()
    assert len(session.monitor.stages[0].finished) == 2
    assert training.learner.progress.offline >= 6


def test_an_operator_who_is_there_is_asked_what_is_wrong_and_waited_for():
    said, stage = [], Stage("demonstrate", 5, "episodes", a_loop(), lambda e: e.success)
    gate = Gate("never", "Enter", said.append)
    waits = []
    for success in (False, False, True, False, False, False, False):
        stage.end(an_episode(success=success))
        if not success:
            demonstrations_fail(stage, gate, said.append)
        ask = gate()
        if ask:
            ask()
        waits.append(ask is not None)
    assert waits == [False] * 5 + [True, False]
    asked, waited = (event.message for event in said)
    assert asked.startswith("3 demonstrations in a row did not succeed, and do not count: is")
    assert waited == "press Enter when the scene is set"
