"""Runs whose learner is a process of its own: what they leave is what the thread's leave."""

import json
import os
import signal

import pytest
from recordings import recorded
from safetensors.torch import load_file
from sample_runs import tiny

from hil_app.learning.elsewhere.process import LearnerProcess
from hil_app.learning.health import LearnerDied
from hil_app.runs.folder import METRICS, find_checkpoint
from hil_app.runs.resume import Resumed
from hil_app.runs.session import Session
from hil_app.runs.training import Training

CAMERA = {"robot": {"cameras": {"front": {"width": 24, "height": 24}}}}
HELP = {"ask_for_help": {"max_disagreement": 1e-6, "ticks": 1, "after_updates": 5}}


def train(folder, resumed=None, **changes):
    """A run; returns its session and what it came to."""
    with Session(tiny(folder, **changes), "train") as session:
        training = Training(session, resumed)
        training.run()
    return session, training


def in_a_process(changes):
    return {**changes, "learner": {**changes.get("learner", {}), "where": "process"}}


def left(folder):
    """All numbers of the last checkpoint and of the recorded frames, and the metrics."""
    checkpoint = find_checkpoint(folder)
    files = sorted(checkpoint.rglob("*.safetensors"))
    tensors = {
        (str(file.relative_to(checkpoint)), name): tensor.numpy().tobytes()
        for file in files
        for name, tensor in load_file(file).items()
    }
    frames = [{k: v.tobytes() for k, v in episode.items()} for episode in recorded(folder)]
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    for line in lines:
        line.pop("time")
        line.pop("learner/updates_per_second", None)
    return tensors, frames, lines


@pytest.mark.parametrize("changes", [{}, HELP, CAMERA], ids=["state", "help", "camera"])
def test_the_same_seed_gives_the_same_run_bit_for_bit_as_the_thread(tmp_path, changes):
    (one, thread), (two, process) = (
        train(tmp_path / "a", **changes),
        train(tmp_path / "b", **in_a_process(changes)),
    )
    here, there = left(one.folder), left(two.folder)
    assert len(here[0]) > 30
    for kept, also in zip(here, there, strict=True):
        assert kept == also
    requests = [s.monitor.help and s.monitor.help.requests for s in (one, two)]
    assert requests[0] == requests[1]
    weights = [t.policy.get_weights()["policy"] for t in (thread, process)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
