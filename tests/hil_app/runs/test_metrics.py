"""The figures of a run: what each says, and that nothing of it holds up or ends the run."""

import json
import math
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from reported import written
from sample_runs import an_episode, tiny
from waiting import PATIENCE_S

from hil_app.control.outcomes import Evaluation
from hil_app.learning.learner import Progress
from hil_app.runs.metrics import Metrics, of_episode, of_evaluation, of_learner
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from hil_app.support.events import EventLog


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def heard():
    return []


@pytest.fixture
def open_metrics(tmp_path, heard):
    events = EventLog()
    events.listeners.append(lambda event: heard.append(written(event)))
    return lambda: Metrics(tmp_path, events)


def a_frame(action, state, image=None):
    images = {} if image is None else {"observation.images.front": image}
    return SimpleNamespace(
        action=np.array(action, np.float32),
        observation={"observation.state": np.array(state, np.float32), **images},
    )


# what the figures say


def test_an_episode_is_measured_by_itself_and_among_the_last_ones():
    frames = [
        a_frame([0.6, 0.8, 0, 2], [0, 10], np.zeros((4, 4, 3), np.uint8)),
        a_frame([0, 0, 0, 1], [4, 10], np.zeros((4, 4, 3), np.uint8)),
    ]
    recent = [
        an_episode(6, success=False, intervention_ticks=4, reward=0.0),
        an_episode(2, success=True, intervention_ticks=1, reward=1.0, terminated=True),
    ]
    assert of_episode(frames, recent) == {
        "episode/return": 1.0,
        "episode/length": 2,
        "episode/success": 1.0,
        "episode/intervention_rate": 0.5,
        "episode/action_norm": pytest.approx(0.5),  # of the arm's part: a full one and none
        "train/reward_mean": 0.5,
        "train/reward_std": 0.5,
        "train/reward_max": 1.0,
        "train/length_mean": 4.0,
        "train/done_rate": 0.5,
        "train/success_rate": 0.5,
        "train/intervention_rate": 5 / 8,
        "observation/observation.state/mean": [2.0, 10.0],
        "observation/observation.state/std": [2.0, 0.0],
        "observation/observation.state/min": [0.0, 10.0],
        "observation/observation.state/max": [4.0, 10.0],
    }


def test_requests_for_help_are_counted_where_the_policy_may_ask():
    frames, recent = [a_frame([1, 0, 0, 1], [0, 0])], [an_episode(1)]
    assert "episode/help_requests" not in of_episode(frames, recent)
    assert of_episode(frames, recent, 0)["episode/help_requests"] == 0
    assert of_episode(frames, recent, 3)["episode/help_requests"] == 3


def test_the_learner_is_measured_by_its_updates_and_buffers():
    progress = Progress(30, 12.5, online=40, offline=7, stats={"loss_critic": 0.5, "q_mean": 2.0})
    assert of_learner(120, progress) == {
        "learner/loss_critic": 0.5,
        "learner/q_mean": 2.0,
        "learner/updates_per_second": 12.5,
        "learner/update_to_data_ratio": 0.25,
        "learner/online_transitions": 40,
        "learner/offline_transitions": 7,
    }


def test_an_evaluation_is_measured_by_its_successes():
    assert of_evaluation(Evaluation(500, 15, 20, 17.5, updates=400, train_seconds=9.0)) == {
        "eval/success_rate": 0.75,
        "eval/episodes": 20,
        "eval/length_mean": 17.5,
    }


# how they are written


def test_each_log_is_a_line_with_its_time_ticks_and_updates(tmp_path, open_metrics):
    with open_metrics() as metrics:
        metrics.log(lambda: {"eval/success_rate": 0.5}, ticks=10, updates=3)
        metrics.log(lambda: {"learner/q_mean": 2.0}, ticks=11, updates=4)
    with open_metrics() as metrics:  # a run that goes on appends
        metrics.log(lambda: {"learner/q_mean": 3.0}, ticks=12, updates=5)
    written = lines(tmp_path)
    assert all(abs(line.pop("time") - time.time()) < 60 for line in written)
    assert written == [
        {"ticks": 10, "updates": 3, "eval/success_rate": 0.5},
        {"ticks": 11, "updates": 4, "learner/q_mean": 2.0},
        {"ticks": 12, "updates": 5, "learner/q_mean": 3.0},
    ]


def test_what_is_not_finite_is_null(tmp_path, open_metrics):
    with open_metrics() as metrics:
        figures = {"learner/q_mean": math.nan, "observation/x/max": [1.0, math.inf]}
        metrics.log(lambda: figures, ticks=1, updates=1)
    (line,) = lines(tmp_path)
    assert line["learner/q_mean"] is None
    assert line["observation/x/max"] == [1.0, None]


def test_logging_does_not_wait(tmp_path, open_metrics):
    goes_on = threading.Event()

    def slow():
        assert goes_on.wait(PATIENCE_S)
        return {"learner/q_mean": 1.0}

    with open_metrics() as metrics:
        for _ in range(3):
            metrics.log(slow, ticks=1, updates=1)
        goes_on.set()
    assert len(lines(tmp_path)) == 3  # leaving waits for all of them


def test_a_full_disk_ends_the_figures_with_one_event(tmp_path, open_metrics, heard):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with open_metrics() as metrics:
        for tick in range(100):
            metrics.log(lambda: {"learner/q_mean": 1.0}, ticks=tick, updates=tick)
            time.sleep(0.001)
    assert [event["event"] for event in heard] == ["metrics_closed"]
    assert "No space left" in heard[0]["cause"]


# in a run


def train(folder, **changes):
    with Session(tiny(folder, **changes), "train") as session:
        Training(session).run()
    return session


def test_a_run_writes_a_line_an_episode_an_evaluation_and_every_so_many_updates(tmp_path):
    options = {"ticks": 150, "eval_every": 60, "eval_episodes": 2, "log_every": 20}
    session = train(tmp_path, train=options)
    written, stage = lines(tmp_path), session.monitor.stages[-1]
    episodes = [line for line in written if "episode/return" in line]
    assert [line["ticks"] for line in episodes] == [finished.tick for finished in stage.finished]
    assert [line["episode/length"] for line in episodes] == [e.ticks for e in stage.episodes]
    evaluations = [line for line in written if "eval/success_rate" in line]
    assert [line["ticks"] for line in evaluations] == [e.ticks for e in session.monitor.evaluations]
    learned = [line for line in written if "learner/q_mean" in line]
    assert [line["updates"] for line in learned] == list(range(20, stage.ticks - 21, 20))
    assert len(episodes) + len(evaluations) + len(learned) == len(written)
    assert learned[0].keys() >= {
        "learner/loss_critic",
        "learner/critic_grad_norm",
        "learner/actor_lr",
        "learner/entropy",
        "learner/temperature",
        "learner/skipped_updates",
        "learner/update_to_data_ratio",
        "learner/online_transitions",
    }


def test_figures_that_cannot_be_written_do_not_end_the_run(tmp_path, monkeypatch):
    enter = Metrics.__enter__

    def full(metrics):
        (tmp_path / "run" / "metrics.jsonl").symlink_to("/dev/full")
        return enter(metrics)

    monkeypatch.setattr(Metrics, "__enter__", full)
    session = train(tmp_path / "run")
    assert session.monitor.stages[-1].done >= 60
    reported = (session.folder / "events.jsonl").read_text()
    assert reported.count("metrics_closed") == 1
