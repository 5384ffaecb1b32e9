"""Runs whose learner is a process of its own: what they leave is what the thread's leave."""

import json
import os
import signal
import time

import pytest
from recordings import recorded
from safetensors.torch import load_file
from sample_runs import tiny

from hil_app.events import RunResumed
from hil_app.learning.elsewhere.process import LearnerProcess
from hil_app.learning.health import LearnerDied
from hil_app.learning.store import ExperienceStore
from hil_app.runs.folder import EVENTS, METRICS, find_checkpoint
from hil_app.runs.resume import Resumed
from hil_app.runs.session import Session
from hil_app.runs.training import Training

SEEING = {"robot": {"cameras": {"front": {"width": 24, "height": 24}}}}
HELP = {"ask_for_help": {"min_value": 9, "ticks": 1, "again_after": 3, "after_updates": 5}}
RARE = {"eval_every": 30, "eval_episodes": 1, "log_every": 5, "warm_start_updates": 4}
ALL = {**SEEING, **HELP, "train": RARE}


def train(folder, **changes):
    """A run; returns its session and what it came to."""
    with Session(tiny(folder, **changes), "train") as session:
        training = Training(session)
        training.run()
    return session, training


def in_a_process(changes):
    return {**changes, "learner": {**changes.get("learner", {}), "where": "process"}}


def told(session, name):
    """The events of a run of this name."""
    events = [json.loads(line) for line in (session.folder / EVENTS).read_text().splitlines()]
    return [event for event in events if event["event"] == name]


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


def test_the_same_seed_gives_the_same_run_bit_for_bit_as_the_thread(tmp_path):
    """With a warm start, images, critics' values, evaluations in between, and all figures."""
    one, thread = train(tmp_path / "a", **ALL)
    two, process = train(tmp_path / "b", **in_a_process(ALL))
    assert isinstance(process.learner, LearnerProcess)
    here, there = left(one.folder), left(two.folder)
    assert len(here[0]) > 30
    assert any("blocks" in file for file, _ in here[0])  # of images
    for kept, also in zip(here, there, strict=True):
        assert kept == also
    assert one.monitor.evaluations[0].successes == two.monitor.evaluations[0].successes
    asked = [told(session, "help_wanted") for session in (one, two)]
    assert asked[0]
    assert [e["value"] for e in asked[0]] == [e["value"] for e in asked[1]]
    weights = [training.policy.get_weights()["policy"] for training in (thread, process)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


def test_a_run_goes_on_in_a_process_where_it_ended_in_a_thread(tmp_path):
    """And in the same way, bit for bit, as if nothing had changed."""
    folders = tmp_path / "thread", tmp_path / "process"
    for folder in folders:
        train(folder, train={"ticks": 30})
        checkpoint = find_checkpoint(folder)
        where = {"learner": {"where": folder.name}}
        resumption = RunResumed(checkpoint=checkpoint.name, ticks=0, changed=[])
        config = tiny(folder, **where)
        with Session(config, "train", resumption) as session:
            Training(session, Resumed.read(checkpoint)).run()
    (here, frames, _), (there, also, _) = map(left, folders)
    assert len(frames) > 3
    assert here == there
    assert frames == also


def test_a_process_that_is_killed_ends_the_run_safely_and_the_run_can_go_on(tmp_path):
    killed = []

    def kill(frame):
        if frame.tick == 5 and training.learner.progress.updates:
            killed.append(training.learner.progress.updates)
            os.kill(training.learner.process_id, signal.SIGKILL)

    config = tiny(tmp_path / "run", **in_a_process({"train": {"ticks": 10_000}}))
    with Session(config, "train") as session:
        training = Training(session)
        training._see = kill
        with pytest.raises(LearnerDied) as died:
            training.run()
    cause = "its process was ended by SIGKILL"
    assert str(died.value).startswith(f"the learner died: {cause}; `hil-app train --resume`")
    (event,) = told(session, "learner_died")
    assert event["cause"].startswith(cause)
    assert len(killed) == 1
    last = Resumed.read(find_checkpoint(session.folder))
    assert 0 < last.state.updates <= killed[0]  # the newest snapshot, of the last episode's end
    assert last.state.ticks > 20


def test_a_warm_start_waits_for_a_learner_that_has_not_come_to_the_demonstration(
    tmp_path, monkeypatch
):
    """One elsewhere tells of what it has a little later than the thread, which is slow here."""
    keep = ExperienceStore.demonstrate

    def slowly(store, frame):
        time.sleep(0.3 * frame.done)
        keep(store, frame)

    monkeypatch.setattr(ExperienceStore, "demonstrate", slowly)
    learner, wanted = {"mode": "background"}, {"demonstrations": 1, "warm_start_updates": 3}
    session, _ = train(tmp_path / "run", learner=learner, train=wanted)
    assert [event["updates"] for event in told(session, "warm_started")] == [3]
