"""Training runs on the twin: what they leave, in which order they end, and that they repeat."""

import json
import threading
import time
from dataclasses import replace

import pytest
from recordings import recorded, stages
from safetensors.torch import load_file
from sample_runs import tiny
from waiting import until

from hil_app.control.monitor import Stage
from hil_app.control.outcomes import TRAIN
from hil_app.learning.buffer.returns import NStepReturns
from hil_app.learning.checkpoint import CheckpointError, load_policy
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import Learner
from hil_app.learning.trainer import RLTrainer
from hil_app.recording.recorder import Recorder, RecorderDied
from hil_app.runs import checkpoints
from hil_app.runs.folder import EVENTS, find_checkpoint
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from robots.base import NotConnected, RobotError
from robots.twin.robot import SimRobot
from teleop.scripted import ScriptedTeleop

CHECKPOINT = (
    "algorithm/config.json",
    "algorithm/model.safetensors",
    "learner.safetensors",
    "loop.safetensors",
    "manifest.json",
    "offline.safetensors",
    "online.safetensors",
    "policy/config.json",
    "policy/model.safetensors",
    "state.json",
    "training.safetensors",
)


def train(folder, **changes):
    with Session(tiny(folder, **changes), "train") as session:
        Training(session).run()
    return session


def contents(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def state(folder):
    return json.loads((find_checkpoint(folder) / "state.json").read_text())


def fail_in_update(monkeypatch, number):
    """Let the trainer raise in this update."""
    step, updates = RLTrainer.training_step, []

    def failing(trainer):
        updates.append(trainer)
        if len(updates) == number:
            raise RuntimeError("the critic\nexploded")
        return step(trainer)

    monkeypatch.setattr(RLTrainer, "training_step", failing)


@pytest.fixture
def order(monkeypatch):
    """What was closed, in its order."""
    closed = []

    def watch(kind, name):
        leave = kind.__exit__

        def watched(self, *error):
            leave(self, *error)
            closed.append(name)

        monkeypatch.setattr(kind, "__exit__", watched)

    watch(SimRobot, "robot")
    watch(Recorder, "recorder")
    watch(Learner, "learner")
    watch(checkpoints.Checkpoints, "checkpoint")
    return closed


def test_a_run_leaves_its_config_events_episodes_and_checkpoint(tmp_path):
    session = train(tmp_path / "run")
    demonstrated, trained = session.monitor.stages
    assert (len(demonstrated.finished), demonstrated.goal) == (2, 2)
    assert trained.ticks >= 60 > trained.ticks - trained.episodes[-1].ticks
    count = 2 + len(trained.finished)
    left = contents(session.folder)
    assert [name for name in left if not name.startswith("dataset/")] == [
        *(f"checkpoints/tick_{trained.ticks:06d}/{name}" for name in CHECKPOINT),
        "config.yaml",
        "events.jsonl",
        "metrics.jsonl",
    ]
    assert stages(session.folder) == ["demonstrate"] * 2 + ["train"] * (count - 2)
    lengths = [len(episode["action"]) for episode in recorded(session.folder)]
    assert lengths == [e.ticks for stage in (demonstrated, trained) for e in stage.episodes]
    assert state(session.folder)["ticks"] == trained.ticks


def test_lockstep_updates_once_a_tick_and_the_next_tick_acts_on_it(tmp_path):
    session = train(tmp_path / "run", learner={"n_steps": 1})
    versions = [v for e in recorded(session.folder)[2:] for v in e["weights_version"].tolist()]
    ticks = session.monitor.stages[-1].ticks
    assert versions == [max(0, tick - 19) for tick in range(ticks)]
    assert state(session.folder)["updates"] == ticks - 19


def test_the_same_seed_gives_the_same_frames_and_weights_bit_for_bit(tmp_path):
    one, same, other = (
        train(tmp_path / name, seed=seed).folder for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )

    def frames(folder):
        return [
            {key: (value.dtype.str, value.shape, value.tobytes()) for key, value in episode.items()}
            for episode in recorded(folder)
        ]

    def weights(folder):
        files = sorted(find_checkpoint(folder).rglob("*.safetensors"))
        assert len(files) == 7
        tensors = {
            (str(file.relative_to(folder)), k): v
            for file in files
            for k, v in load_file(file).items()
        }
        return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}

    assert frames(one) == frames(same)
    assert weights(one) == weights(same)
    assert {"stamp", "weights_version", "action", "sent"} <= frames(one)[0].keys()
    assert frames(one) != frames(other)
    assert weights(one) != weights(other)


def test_the_robot_is_made_safe_first_and_the_checkpoint_comes_last(tmp_path, order):
    train(tmp_path / "run")
    assert order == ["robot", "recorder", "learner", "checkpoint"]


def test_a_lost_robot_ends_in_the_same_order_and_keeps_what_there_is(tmp_path, order, monkeypatch):
    command, commands = SimRobot.command, []

    def losing(self, target):
        commands.append(target)
        if len(commands) == 50:
            raise RobotError("the bus is silent")
        return command(self, target)

    monkeypatch.setattr(SimRobot, "command", losing)
    with pytest.raises(RobotError, match="the bus is silent"):
        train(tmp_path / "run")
    assert order == ["robot", "recorder", "learner", "checkpoint"]
    assert stages(tmp_path / "run") == [
        "demonstrate",
        "demonstrate",
    ]  # the 2nd is cut short
    load_policy(find_checkpoint(tmp_path / "run"), seed=0)


@pytest.mark.parametrize("mode", ["lockstep", "background"])
def test_a_dead_learner_leaves_whole_episodes_a_checkpoint_and_a_safe_arm(
    tmp_path, order, monkeypatch, mode
):
    fail_in_update(monkeypatch, 11)
    session = Session(
        tiny(tmp_path / "run", learner={"mode": mode}, train={"ticks": 100_000}), "train"
    )
    with pytest.raises(LearnerDied) as died, session:
        Training(session).run()
    assert str(died.value) == "the learner died: RuntimeError: the critic exploded"
    assert order == ["robot", "recorder", "learner", "checkpoint"]
    with pytest.raises(NotConnected):
        session.robot.read()
    names = {thread.name for thread in threading.enumerate()}
    assert not names & {"learner", "recorder"}
    # as of the last episode's end that the learner had come to
    ends = [0, *(f.tick for stage in session.monitor.stages[1:] for f in stage.finished)]
    kept = state(session.folder)
    assert kept["ticks"] in (ends if mode == "background" else ends[-1:])
    assert kept["recorded"] == 2 + ends.index(kept["ticks"])
    load_policy(find_checkpoint(session.folder), seed=0)

    episodes = recorded(session.folder)
    counted = [len(stage.finished) for stage in session.monitor.stages]
    whole = ["demonstrate"] * counted[0] + ["train"] * counted[1]
    assert stages(session.folder) in (whole, [*whole, "train"])
    ticks = sum(stage.ticks for stage in session.monitor.stages)
    assert sum(len(episode["action"]) for episode in episodes) == ticks
    assert all((e["next.done"] | e["next.truncated"])[-1] for e in episodes)
    assert "learner_died" in (session.folder / EVENTS).read_text()


@pytest.fixture
def full_disk(monkeypatch):
    """No checkpoint can be written."""

    def refuse(*_):
        raise CheckpointError("cannot write the checkpoint")

    monkeypatch.setattr(checkpoints, "save", refuse)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_at_the_end_of_a_run_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="cannot write"):
        train(tmp_path / "run")


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_does_not_mask_what_ended_the_run(tmp_path, monkeypatch):
    fail_in_update(monkeypatch, 1)
    with pytest.raises(LearnerDied):
        train(tmp_path / "run")
    assert "cannot write the checkpoint" in (tmp_path / "run" / EVENTS).read_text()


def test_a_stop_keeps_the_episode_under_way_and_a_checkpoint_of_the_one_before(
    tmp_path, monkeypatch
):
    session = Session(tiny(tmp_path / "run", train={"ticks": 100_000}), "train")
    count = Stage.frame

    def stopping(stage, frame):
        count(stage, frame)
        if stage.name == TRAIN and stage.ticks == 42:
            session.stop.signal = 2

    monkeypatch.setattr(Stage, "frame", stopping)
    with session:
        Training(session).run()
    last = recorded(session.folder)[-1]
    assert last["next.truncated"].tolist()[-1] is True
    assert stages(session.folder)[-1] == "train"
    assert 42 <= session.monitor.stages[-1].ticks <= 43
    trained = session.monitor.stages[-1]
    assert state(session.folder)["ticks"] == trained.finished[-1].tick < trained.ticks
    assert state(session.folder)["recorded"] == len(recorded(session.folder)) - 1


@pytest.mark.parametrize("tick", [5, 45])  # of a demonstration, of an episode of the policy's own
def test_an_episode_thrown_away_is_neither_counted_nor_kept(tmp_path, monkeypatch, tick):
    read, reads = ScriptedTeleop.read, []

    def throwing(self):
        reads.append(self)
        return replace(read(self), rerecord=len(reads) == tick)

    monkeypatch.setattr(ScriptedTeleop, "read", throwing)
    session = train(tmp_path / "run")
    reported = [json.loads(line) for line in (session.folder / EVENTS).read_text().splitlines()]
    thrown = [e for e in reported if e["event"] == "episode" and e["rerecord"]]
    kept = [e for e in reported if e["event"] == "episode" and not e["rerecord"]]
    assert len(thrown) == 1
    counted = [episode for stage in session.monitor.stages for episode in stage.episodes]
    assert [e["seed"] for e in kept] == [episode.seed for episode in counted]
    assert [len(e["action"]) for e in recorded(session.folder)] == [e["ticks"] for e in kept]
    assert len(session.monitor.stages[0].finished) == 2
    again = reported[reported.index(thrown[0]) + 1]
    assert again["seed"] == thrown[0]["seed"]  # the same scene once more


@pytest.mark.parametrize("tick", [5, 40], ids=["demonstrating", "training"])
def test_the_operator_ends_the_run(tmp_path, monkeypatch, tick):
    """A stop from the controls ends the run, not only the episode."""
    read, reads = ScriptedTeleop.read, []

    def stopping(self):
        reads.append(self)
        return replace(read(self), stop=len(reads) == tick)

    monkeypatch.setattr(ScriptedTeleop, "read", stopping)
    session = train(tmp_path / "run")
    assert len(reads) == tick
    assert session.stop.by_operator
    assert session.stop.signal is None
    episodes = recorded(session.folder)
    assert episodes[-1]["next.truncated"][-1]
    assert sum(len(episode["action"]) for episode in episodes) == tick
    counted = sum(len(stage.finished) for stage in session.monitor.stages)
    assert counted == len(episodes) - 1  # the one cut short judges nothing


def test_rewards_that_are_not_finite_end_the_run_with_their_cause(tmp_path, monkeypatch):
    push = NStepReturns.push

    def spoil(returns, frame):
        return [replace(row, reward=float("nan")) for row in push(returns, frame)]

    monkeypatch.setattr(NStepReturns, "push", spoil)
    with pytest.raises(LearnerDied) as died:
        train(tmp_path, learner={"max_skipped_updates": 4}, train={"ticks": 9999})
    assert "4 updates in a row were not finite" in str(died.value)
    assert "reward" in str(died.value)
    assert state(tmp_path)["updates"] == 0  # as of an episode's end before them
    reported = (tmp_path / EVENTS).read_text()
    assert reported.count("update_skipped") == 1


DEATHS = {
    "learner": (LearnerDied, lambda it: it.learner._put(lambda: 1 / 0)),
    "recorder": (RecorderDied, lambda it: setattr(it._recorder, "_error", OSError("full"))),
    "checkpoints": (
        CheckpointError,
        lambda it: setattr(it._checkpoints._worker, "error", OSError("?")),
    ),
}
PLACES = {
    "waiting for the scene": {"reset_time_s": 30.0},
    "on the way to the reset pose": {"reset_speed": 0.5},
    "evaluating": {},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("thread", DEATHS)
def test_a_thread_that_dies_ends_the_run_soon(tmp_path, thread, place):
    """Trap 10, wherever the loop is, also between two episodes."""
    env = {"paced": True, "fps": 50, "control_time_s": 0.5, **PLACES[place]}
    stages = {"demonstrations": 0, "ticks": 9999, "eval_every": 1, "eval_episodes": 999}
    config = tiny(tmp_path, env=env, train=stages, learner={"mode": "background"})
    error, kill = DEATHS[thread]
    killed, session = [], Session(config, "train")

    def killer(training):
        until(lambda: session.monitor._amid if place == "evaluating" else session.monitor.stages)
        time.sleep(0.3)
        killed.append(time.monotonic())
        kill(training)

    def work():
        with session:
            training = Training(session)
            threading.Thread(target=killer, args=[training]).start()
            training.run()

    with pytest.raises(error):
        work()
    assert 0 <= time.monotonic() - killed[0] < 20  # on the busiest machine
    counted = session.monitor.stages[0].ticks
    assert (counted > 0) == (place == "evaluating")  # it really was there
