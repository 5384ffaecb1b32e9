"""A run whose policy learns from the demonstrations before it acts, and what a take-over costs."""

import json

import pytest
from recordings import recorded
from rich.console import Console
from sample_runs import tiny

from configs.load import ConfigError, read, validate
from hil_app.control.monitor import Monitor, WarmStart
from hil_app.learning.trainer import RLTrainer
from hil_app.operator.view import View
from hil_app.runs.folder import EVENTS
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from hil_app.support.events import EventLog
from robots.twin.robot import SimRobot


def train(folder, **changes):
    with Session(tiny(folder, **changes), "train") as session:
        Training(session).run()
    return session


def told(folder, name):
    events = [json.loads(line) for line in (folder / EVENTS).read_text().splitlines()]
    return [event for event in events if event["event"] == name]


@pytest.fixture
def moves(monkeypatch):
    """How often the robot had been told to move when each update of the warm start began."""
    command, step, commands, seen = SimRobot.command, RLTrainer.warm_start_step, [], []

    def commanded(self, target):
        commands.append(target)
        return command(self, target)

    def watched(trainer):
        seen.append(len(commands))
        return step(trainer)

    monkeypatch.setattr(SimRobot, "command", commanded)
    monkeypatch.setattr(RLTrainer, "warm_start_step", watched)
    return seen


def test_the_first_tick_acts_on_what_was_learned_and_nothing_moves_before(tmp_path, moves):
    session = train(tmp_path / "run", train={"warm_start_updates": 6})
    episodes = recorded(session.folder)
    assert len(moves) == 6
    assert len(set(moves)) == 1
    assert moves[0] >= sum(len(episode["action"]) for episode in episodes[:2])
    assert set(episodes[2]["weights_version"][:10].tolist()) == {6}
    assert session.monitor.warm_start is None
    assert [event["updates"] for event in told(session.folder, "warm_started")] == [6]


def test_without_a_demonstration_to_learn_from_it_is_told_that_there_is_none(tmp_path, moves):
    episodes = {"demonstrations": 2, "count_demonstrations": "all", "warm_start_updates": 6}
    with Session(tiny(tmp_path / "run", train=episodes), "train") as session:
        training = Training(session)
        training.learner.demonstrate = lambda _: None
        training.run()
    assert not moves
    assert len(told(session.folder, "no_warm_start")) == 1


def test_there_must_be_something_to_learn_from(tmp_path):
    with pytest.raises(ConfigError, match=r"warm_start_updates.*nothing to learn from"):
        tiny(tmp_path, train={"demonstrations": 0, "warm_start_updates": 6})
    tiny(tmp_path, train={"demonstrations": 0})


@pytest.mark.parametrize("preset", ["hil_serl", "lerobot", "rlpd", "sac"])
def test_presets_with_published_settings_do_without(preset):
    config = validate(read(preset))
    assert config.train.warm_start_updates == 0
    assert config.learner.takeover_penalty == 0
    assert not config.algorithm.imitation_filter


def test_what_was_bad_before_a_take_over_costs_the_learner_and_not_the_record(tmp_path):
    changes = {"learner": {"takeover_penalty": 0.25, "n_steps": 1}, "train": {"ticks": 150}}
    with Session(tiny(tmp_path / "run", **changes), "train") as session:
        training = Training(session)
        training.run()
    recorded_rewards = {float(r) for e in recorded(session.folder) for r in e["next.reward"]}
    learned = set(training.learner._store.online.state_dict()["rows.reward"].tolist())
    assert recorded_rewards <= {0.0, 1.0}
    assert -0.25 in learned


def test_the_view_shows_how_far_it_is():
    console, monitor = Console(record=True, width=80, force_terminal=True), Monitor()
    monitor.warm_start = WarmStart(400, lambda: 100)
    console.print(View(console, monitor, EventLog()).render())
    shown = console.export_text()
    assert "The policy learns from the demonstrations" in shown
    assert "100 of 400 updates" in shown
