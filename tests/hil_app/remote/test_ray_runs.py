"""Runs whose learner is on a Ray cluster: as with the thread, and whole whatever dies."""

import json
import os
import signal
import sys

import numpy as np
import pytest
from clusters import cluster, needs_ray
from recordings import recorded
from safetensors.torch import load_file
from sample_runs import tiny

from hil_app.control.outcomes import TRAIN
from hil_app.learning.health import LearnerDied
from hil_app.runs.folder import EVENTS, METRICS
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from hil_app.support.checkpoint_names import checkpoints_in

pytestmark = [needs_ray, pytest.mark.timeout(280), pytest.mark.xdist_group("ray")]
SEEING = {"robot": {"cameras": {"front": {"width": 24, "height": 24}}}}
EVALUATED = {"eval_every": 30, "eval_episodes": 1, "log_every": 5, "warm_start_updates": 4}


@pytest.fixture(scope="module")
def ray():
    with cluster() as found:
        yield found


def train(folder, see=lambda _: None, **changes):
    """A run; returns its session and training."""
    with Session(tiny(folder, **changes), "train") as session:
        training = Training(session)
        keep = training._see

        def looked(frame):
            keep(frame)
            see(training)

        training._see = looked
        training.run()
    return session, training


def events(session):
    lines = (session.folder / EVENTS).read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_policy_as_the_thread_and_ray_is_not_loaded(
    ray, tmp_path, monkeypatch
):
    """With images, a warm start, an evaluation in between and the learner's figures."""
    monkeypatch.delitem(sys.modules, "ray", raising=False)  # another test may have loaded it
    ray.start("same")
    changes = {**SEEING, "train": EVALUATED}
    _, here = train(tmp_path / "a", **changes)
    session, there = train(tmp_path / "b", learner=ray.options("same", robot="left"), **changes)
    weights = [training.policy.get_weights()["policy"] for training in (here, there)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    assert "ray" not in sys.modules
    figures = [
        [
            line["learner/loss_critic"]
            for line in map(json.loads, lines)
            if "learner/loss_critic" in line
        ]
        for lines in ((tmp_path / name / METRICS).read_text().splitlines() for name in "ab")
    ]
    assert figures[0] == figures[1]
    assert any(figures[0])
    assert not (session.folder / "unsent").exists()
    (robot,) = ray.status("same")["robots"]
    assert (robot["robot"], robot["rows"]) == ("left", there.learner.progress.online)
    assert robot["received"] == robot["safe"]
    assert robot["evaluation"]["episodes"] == 1


def kill_now_and_then(cluster, name):
    """Kill the bridge at some ticks and the learner at others; returns what to call in each."""
    ticks, killed = [], []

    def see(training):
        ticks.append(None)
        if len(ticks) in (30, 90):
            killed.append("bridge")
            os.kill(training.learner.process_id, signal.SIGKILL)
        elif len(ticks) == 60:
            killed.append("learner")
            os.kill(cluster.status(name)["pid"], signal.SIGKILL)

    return see, killed


def test_bridges_and_learners_that_are_killed_cost_no_frame_and_none_counts_twice(
    ray, tmp_path, monkeypatch
):
    monkeypatch.delitem(sys.modules, "ray", raising=False)  # another test may have loaded it
    ray.start("killed")
    see, killed = kill_now_and_then(ray, "killed")
    learner = ray.options("killed", robot="left", mode="background", n_steps=1)
    session, training = train(tmp_path / "run", see, learner=learner, train={"ticks": 120})
    assert killed == ["bridge", "learner", "bridge"]
    assert "ray" not in sys.modules  # of the process that moves the robot
    told = [event["event"] for event in events(session)]
    assert "bridge_ended" in told
    if training.learner.waiting:  # the learner was not back yet when the run ended
        done = ray.learner("flush", str(session.folder))
        assert (done.returncode, done.stderr) == (0, "")
    assert not (session.folder / "unsent").exists()
    folder = checkpoints_in(ray.folder / "killed")[-1]
    rows = load_file(folder / "online@left.safetensors")["rows.action"].numpy()
    shown = training._session.monitor.stages[0].done
    wanted = np.concatenate(
        [one["action"] for one in recorded(session.folder)[-_trained(session) :]]
    )
    assert shown == 2
    assert np.array_equal(rows, wanted)


def _trained(session):
    """Episodes of the training."""
    (stage,) = (stage for stage in session.monitor.stages if stage.name == TRAIN)
    return len(stage.finished)


def test_a_learner_that_is_not_there_or_does_not_fit_is_said_before_anything_moves(ray, tmp_path):
    with pytest.raises(LearnerDied, match=r"no learner nobody: .*`hil-app learner start") as died:
        train(tmp_path / "a", learner=ray.options("nobody"))
    assert "\n" not in str(died.value)
    assert not recorded(tmp_path / "a")
