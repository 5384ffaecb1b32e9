"""The policy asks for a take-over: when, when not, and how the operator comes to know."""

import json
from types import SimpleNamespace

import pytest
from recordings import recorded
from reported import written
from safetensors.torch import load_file
from sample_runs import tiny

from configs.events import tell_nobody
from configs.options.help import HelpConfig
from hil_app.control.help_requests import FRESH, HelpRequests
from hil_app.learning.sac.q_values import QValues
from hil_app.learning.sac.sac import SACAlgorithm
from hil_app.runs.folder import EVENTS, METRICS, find_checkpoint
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from hil_app.support.events import EventLog
from teleop.base import Attentive
from teleop.no_teleop import NoTeleop
from teleop.scripted import ScriptedTeleop

BAD, GOOD = 0.2, 0.9  # values on either side of the threshold
FRAME = SimpleNamespace(tick=0, is_intervention=False, after_pause=False, done=False)


class FakeTeleop(NoTeleop):
    """Hands that note how often they are asked."""

    def __init__(self):
        self.asked = 0

    def ask(self):
        self.asked += 1


class Rig:
    """Requests, what they look at, and in which ticks the policy asked."""

    def __init__(self, **config):
        options = {"min_value": 0.5, "ticks": 3, "again_after": 4, "after_updates": 100, **config}
        self.teleop, self.events, self.q_values = FakeTeleop(), EventLog(), None
        self.heard, self.ticks, self.asked_at = [], 0, []
        self.events.listeners.append(lambda event: self.heard.append(written(event)))
        self.requests = HelpRequests(
            HelpConfig(**options), lambda: self.q_values, self.teleop, self.events.emit
        )

    def tick(self, value, disagreement=0.0, updates=100, **changes):
        """A tick that is judged at once; of ``value`` None it is not."""
        self.ticks += 1
        frame = SimpleNamespace(**{**vars(FRAME), "tick": self.ticks, **changes})
        if value is not None:
            self.q_values = QValues(frame, value, disagreement, updates)
        before = len(self.heard)
        self.requests(frame)
        self.asked_at += [self.ticks] * (len(self.heard) - before)
        return self.requests.asking

    def run(self, *values, **changes):
        """Whether the policy asks after each of the ticks."""
        return [self.tick(value, **changes) for value in values]


# when


@pytest.mark.parametrize(
    ("value", "disagreement", "asks"),
    [(0.49, 0.2, True), (0.5, 0.2, False), (0.5, 0.21, True), (-3.0, 0.0, True), (2.0, 5.0, True)],
)
def test_it_asks_below_the_value_or_above_the_disagreement(value, disagreement, asks):
    rig = Rig(min_value=0.5, max_disagreement=0.2, ticks=1)
    assert rig.tick(value, disagreement) == asks
    assert len(rig.heard) == asks


@pytest.mark.parametrize(
    ("threshold", "value", "disagreement"),
    [({"min_value": None, "max_disagreement": 0.2}, -9.0, 0.1), ({"min_value": 0.5}, 0.9, 9.0)],
)
def test_a_threshold_that_is_null_does_not_count(threshold, value, disagreement):
    assert not Rig(**threshold, ticks=1).tick(value, disagreement)


@pytest.mark.parametrize("ticks", [1, 2, 5])
def test_it_asks_after_so_many_bad_ticks_in_a_row(ticks):
    rig = Rig(ticks=ticks)
    almost = [BAD] * (ticks - 1)
    assert rig.run(*almost, GOOD, *almost) == [False] * (2 * ticks - 1)
    assert rig.tick(BAD)
    assert rig.asked_at == [2 * ticks]


def test_an_intervention_ends_the_row():
    rig = Rig(again_after=1)
    rig.run(BAD, BAD)
    rig.tick(BAD, is_intervention=True)
    assert rig.run(BAD, BAD, BAD) == [False, False, True]


def test_a_pause_ends_the_row():
    rig = Rig()
    rig.run(BAD, BAD)
    assert rig.run(BAD, after_pause=True) == [False]
    assert rig.run(BAD, BAD) == [False, True]


def test_an_episode_s_end_ends_the_row():
    rig = Rig()
    rig.run(BAD, BAD)
    assert not rig.tick(BAD, done=True)  # it asked, but of an episode that is over
    assert rig.asked_at == [3]
    rig = Rig()
    rig.run(BAD)
    rig.tick(BAD, done=True)
    assert rig.run(BAD, BAD, BAD) == [False, False, True]


@pytest.mark.parametrize("again_after", [1, 4, 9])
def test_while_the_trouble_lasts_it_asks_again_only_so_many_ticks_later(again_after):
    rig = Rig(again_after=again_after)
    assert all(rig.run(*[BAD] * 30)[2:])
    assert rig.asked_at == list(range(3, 31, again_after + 1))
    assert rig.teleop.asked == len(rig.asked_at)


@pytest.mark.parametrize("again_after", [4, 9])
def test_it_leaves_the_operator_in_peace_for_so_many_ticks_after_an_intervention(again_after):
    rig = Rig(again_after=again_after)
    rig.run(BAD, BAD, is_intervention=True)
    rig.run(*[BAD] * 15)
    assert rig.asked_at[0] == 2 + again_after + 1


def test_peace_lasts_into_the_next_episode():
    rig = Rig(again_after=9)
    rig.run(BAD, BAD, BAD)
    rig.tick(GOOD, done=True)
    rig.run(*[BAD] * 9)
    assert rig.asked_at == [3, 13]


def test_critics_that_know_nothing_do_not_count():
    rig = Rig(after_updates=100)
    assert not any(rig.run(*[BAD] * 9, updates=99))
    assert rig.run(BAD, BAD, BAD, updates=100) == [False, False, True]
    assert Rig(after_updates=0, ticks=1).tick(BAD, updates=0)


def test_a_judgement_counts_for_a_few_ticks_and_then_is_too_old():
    """A learner that is slower than the loop."""
    rig = Rig(ticks=FRESH)
    assert rig.run(BAD, *[None] * (FRESH - 1)) == [False] * (FRESH - 1) + [True]
    rig = Rig(ticks=FRESH + 1)
    assert not any(rig.run(BAD, *[None] * 50))


def test_ticks_without_a_judgement_neither_count_nor_end_a_row():
    rig = Rig(ticks=FRESH + 2)
    assert not any(rig.run(BAD, *[None] * 50))
    assert rig.run(BAD, BAD) == [False, True]


def test_a_judgement_from_before_an_intervention_or_of_another_episode_does_not_count():
    rig = Rig(again_after=1, ticks=2)
    rig.tick(BAD)
    rig.tick(None, is_intervention=True)
    assert not any(rig.run(None, None, None))
    rig = Rig(ticks=2)
    rig.tick(BAD, done=True)
    assert not any(rig.run(None, None, None))


# until when


def test_it_asks_until_the_operator_takes_over():
    rig = Rig()
    rig.run(BAD, BAD, BAD)
    assert not rig.tick(BAD, is_intervention=True)


def test_it_asks_until_the_trouble_has_been_over_as_long_as_it_took_to_ask():
    rig = Rig()
    rig.run(BAD, BAD, BAD)
    assert rig.run(GOOD, GOOD, BAD, GOOD, GOOD, GOOD) == [True, True, True, True, True, False]


def test_it_asks_until_the_episode_is_over_or_stands_still():
    for change in ({"done": True}, {"after_pause": True}):
        rig = Rig()
        rig.run(BAD, BAD, BAD)
        assert not rig.tick(GOOD, **change)


def test_requests_are_counted_by_episode():
    rig = Rig(again_after=4)
    rig.run(*[BAD] * 8)
    rig.tick(BAD, done=True)
    assert rig.requests.requests == 2
    rig.tick(GOOD, tick=1)
    assert rig.requests.requests == 0


# how the operator knows


def test_the_operator_sees_the_cause_and_feels_it():
    rig = Rig(max_disagreement=0.25)
    assert isinstance(rig.teleop, Attentive)
    rig.run(BAD, BAD, BAD)
    (event,) = rig.heard
    assert event["event"] == "help_wanted"
    assert event["cause"] == (
        "the policy asks for a take-over: the critics' value is 0.2, below "
        "ask_for_help.min_value (0.5)"
    )
    assert (event["value"], event["disagreement"]) == (BAD, 0.0)
    assert rig.teleop.asked == 1
    rig = Rig(max_disagreement=0.25)
    rig.run(GOOD, GOOD, GOOD, disagreement=1 / 3)
    (event,) = rig.heard
    assert event["cause"] == (
        "the policy asks for a take-over: the critics disagree by 0.333, more than "
        "ask_for_help.max_disagreement (0.25)"
    )


def test_hands_that_feel_nothing_are_left_alone():
    newest = SimpleNamespace(frame=None)
    teleop = NoTeleop()
    assert not isinstance(teleop, Attentive)
    config = HelpConfig(min_value=0.5, ticks=1, after_updates=0)
    requests = HelpRequests(config, lambda: newest.q_values, teleop, tell_nobody)
    newest.q_values = QValues(FRAME, BAD, 0.0, 0)
    requests(FRAME)
    assert requests.asking
    assert requests.q_values is newest.q_values


# in a run

ASKING = {"min_value": 9.0, "ticks": 3, "again_after": 10, "after_updates": 5}


def train(folder, **changes):
    with Session(tiny(folder, **{"train": {"ticks": 120}, **changes}), "train") as session:
        training = Training(session)
        training.run()
    return session, training


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_asks_the_operator_and_counts_it(tmp_path, monkeypatch):
    """The critics of a sparse reward of 1 never promise 9."""
    asked = []

    class Feeling(ScriptedTeleop):
        def ask(self):
            asked.append(self)

    monkeypatch.setattr("teleop.scripted.ScriptedTeleop", Feeling)
    session, training = train(tmp_path / "run", ask_for_help=ASKING)
    events = read(session.folder / EVENTS)
    wanted = [event for event in events if event["event"] == "help_wanted"]
    assert len(wanted) == len(asked) >= 5
    assert all("below ask_for_help.min_value (9)" in event["cause"] for event in wanted)
    assert all(event["disagreement"] > 0 for event in wanted)
    counted = [
        figures["episode/help_requests"]
        for figures in read(session.folder / METRICS)
        if "episode/return" in figures
    ]
    assert sum(counted) == len(wanted)
    assert training.learner.q_values.updates > 5
    assert session.monitor.help.q_values is training.learner.q_values


def test_nothing_is_judged_unless_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delattr(SACAlgorithm, "q_values")  # the contract's raises
    session, training = train(tmp_path / "run")
    assert training.learner.q_values is None
    assert session.monitor.help is None
    lines = read(session.folder / METRICS)
    assert not any("episode/help_requests" in line for line in lines)


def test_a_seed_gives_the_same_run_whether_the_policy_asks_or_not(tmp_path):
    """As long as nobody acts on it, as the scripted operator does not."""

    def outcome(folder):
        checkpoint = find_checkpoint(folder)
        weights = {
            (str(path.relative_to(checkpoint)), key): value.numpy().tobytes()
            for path in checkpoint.rglob("*.safetensors")
            for key, value in load_file(path).items()
        }
        frames = [
            {key: value.tobytes() for key, value in episode.items()} for episode in recorded(folder)
        ]
        return frames, weights

    session, _ = train(tmp_path / "on", ask_for_help=ASKING)
    assert any(event["event"] == "help_wanted" for event in read(session.folder / EVENTS))
    train(tmp_path / "off")
    assert outcome(tmp_path / "on") == outcome(tmp_path / "off")


def test_a_background_learner_s_critics_are_asked_too(tmp_path):
    pace = {"fps": 50.0, "paced": True, "control_time_s": 1.0, "reset_speed": 1000.0}
    session, _ = train(
        tmp_path / "run",
        ask_for_help={**ASKING, "after_updates": 0, "ticks": 1},
        train={"ticks": 60, "demonstrations": 1},
        learner={"mode": "background"},
        env=pace,
    )
    wanted = [e for e in read(session.folder / EVENTS) if e["event"] == "help_wanted"]
    assert wanted


def test_in_lockstep_the_requests_look_at_the_tick_that_was_just_learned_from(
    tmp_path, monkeypatch
):
    look, seen = HelpRequests.__call__, []

    def watched(requests, frame):
        seen.append(requests.q_values.frame is frame)
        look(requests, frame)

    monkeypatch.setattr(HelpRequests, "__call__", watched)
    _, training = train(tmp_path / "run", ask_for_help=ASKING)
    assert all(seen)
    assert len(seen) >= 120
    assert training.learner.q_values.frame is training._episode_frames[-1]
