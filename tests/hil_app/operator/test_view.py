"""The live view: it shows what there is to know and disturbs nobody."""

import io
import math
import re
import threading
import time
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
from rich.console import Console
from sample_runs import a_loop, a_recording, an_episode
from waiting import until

from hil_app.control.monitor import Monitor
from hil_app.control.outcomes import Evaluation
from hil_app.events import EpisodeEnded, Evaluated, HelpWanted, LearnerFailed
from hil_app.learning.learner import Progress
from hil_app.operator.view import PAUSED, TITLES, View
from hil_app.support.events import EventLog

PROGRESS = Progress(
    updates=321,
    updates_per_second=43.2,
    online=777,
    offline=555,
    stats={
        "loss_critic": 0.1111,
        "loss_actor": -0.2222,
        "loss_discrete_critic": 0.3333,
        "loss_temperature": 0.4444,
        "temperature": 0.0123,
    },
)


def aged(**ages):
    """What a robot senses, as far as a view looks at it."""
    return SimpleNamespace(ages=ages)


EPISODE = EpisodeEnded(
    stage="train",
    seed=0,
    ticks=1,
    reward=0.0,
    success=False,
    intervention_ticks=0,
    takeovers=0,
    rerecord=False,
    stop=False,
    emergency_stop=False,
    terminated=False,
)


class Rig:
    """A view, what it looks at, and what it printed."""

    def __init__(self, terminal=True, width=100):
        self.console = Console(
            record=True, force_terminal=terminal, width=width, file=io.StringIO(), _environ={}
        )
        self.monitor, self.events = Monitor(), EventLog()
        learner = SimpleNamespace(progress=PROGRESS)
        self.view = View(self.console, self.monitor, self.events, learner)

    def stage(self, name):
        """A stage in its 4th tick, after 5 episodes of 10 ticks, 3 of them successes."""
        stage = self.monitor.begin(name, 400, "ticks", a_loop(1.25, 1.25, 1.25))
        for success in (True, False, True, False, True):
            stage.ticks += 10
            stage.end(an_episode(10, success=success, intervention_ticks=2, reward=0.75))
        stage.frame(
            SimpleNamespace(tick=4, weights_version=320, reading=aged(front=0.01, wrist=0.02))
        )
        return stage

    def cells(self):
        """What the view shows, by its titles."""
        self.console.print(self.view.render())
        rows = re.findall(r"^│ (.*?) *│$", self.console.export_text(), re.MULTILINE)
        parts = [re.split(r"\s{2,}", row) for row in rows]
        return {
            title: value for row in parts for title, value in zip(row[::2], row[1::2], strict=False)
        }

    def text(self):
        return re.sub(r"\s+", " ", self.console.export_text())


def test_there_is_nothing_to_see_before_the_first_stage():
    assert Rig().view.render() == ""


@pytest.mark.parametrize("name", list(TITLES))
def test_every_stage_shows_where_it_is(name):
    rig = Rig(width=160)
    rig.stage(name)
    cells = rig.cells()
    shown = {
        "ticks": "51 of 400",
        "episode, its tick": "6, 4",
        "success, last 20": "60%",
        "by hand, last 20": "20.0% of ticks",
        "last return": "0.75",
        "late p50/p99/max": "1.2/1.2/1.2 ms",
        "oldest image, p99": "20 ms",
    }
    assert {title: cells.get(title) for title in shown} == shown
    assert ("updates" in cells) == (name == "train")


def test_training_shows_the_learner():
    rig = Rig(width=160)
    rig.stage("train")
    cells = rig.cells()
    shown = {
        "updates": "321 (43/s)",
        "weights version": "320",
        "on/offline buffer": "777 / 555",
        "temperature": "0.0123",
        "critic loss": "0.1111",
        "actor loss": "-0.2222",
        "gripper loss": "0.3333",
        "temperature loss": "0.4444",
    }
    assert {title: cells.get(title) for title in shown} == shown


def the_policy_may_ask(rig, *, asking=False, evaluated=True):
    """As much of the requests for help as the view looks at."""
    q_values = SimpleNamespace(value=-0.1234, disagreement=0.0567) if evaluated else None
    rig.monitor.help = SimpleNamespace(asking=asking, q_values=q_values)


def test_the_critics_are_shown_where_the_policy_may_ask_for_help():
    rig = Rig(width=160)
    rig.stage("train")
    assert "critics' value" not in rig.cells()
    the_policy_may_ask(rig)
    cells = rig.cells()
    assert (cells["critics' value"], cells["they disagree by"]) == ("-0.1234", "0.0567")
    the_policy_may_ask(rig, evaluated=False)
    cells = rig.cells()
    assert (cells["critics' value"], cells["they disagree by"]) == ("–", "–")


@pytest.mark.parametrize("width", [60, 100])
def test_a_request_for_a_take_over_stands_out_while_it_lasts(width):
    rig = Rig(width=width)
    rig.stage("train")
    for asking in (False, True, False):
        the_policy_may_ask(rig, asking=asking)
        rig.console.print(rig.view.render())
        assert ("The policy asks for a take-over" in rig.text()) == asking


@pytest.mark.parametrize("terminal", [True, False])
def test_a_request_for_a_take_over_leaves_a_line_too(terminal):
    rig = Rig(terminal)
    with rig.view:
        rig.events.emit(
            HelpWanted(
                cause="the policy asks for a take-over: it is lost", value=None, disagreement=None
            )
        )
    assert "! help_wanted: the policy asks for a take-over: it is lost" in rig.text()


def test_skipped_updates_and_evaluations_are_shown_once_there_are_some():
    rig = Rig(width=160)
    rig.stage("train")
    assert not {"skipped updates", "on its own"} & rig.cells().keys()
    rig = Rig(width=160)
    rig.stage("train")
    rig.view._learner.progress = replace(PROGRESS, stats={"skipped_updates": 3.0})
    for ticks, successes in ((500, 19), (1000, 15)):
        rig.monitor.evaluations.append(Evaluation(ticks, successes, 20, 12.0, ticks, 1.0))
    cells = rig.cells()
    assert cells["skipped updates"] == "3"
    assert cells["on its own"] == "75% at 1000, best 95%"


def test_an_evaluation_amid_the_training_is_shown_while_it_lasts():
    rig = Rig(width=160)
    rig.stage("train")
    with rig.monitor.amid(20, a_loop()) as evaluated:
        evaluated.end(an_episode(10, success=True))
        assert rig.cells()["episodes"] == "1 of 20"
        rig.console.print(rig.view.render())
        assert TITLES["evaluate"] in rig.text()
    assert rig.cells()["ticks"] == "51 of 400"


def test_what_waits_to_be_recorded_is_shown_in_every_recorded_run():
    rig = Rig(width=160)
    rig.stage("record")
    assert "recording backlog" not in rig.cells()
    rig.monitor.recording = a_recording()
    cells = rig.cells()
    assert cells["recording backlog"] == "12 frames, 0.4 s"
    assert cells["episodes recorded"] == "8"


@pytest.mark.parametrize("name", list(TITLES))
def test_every_figure_fits_a_window_of_100_columns(name, monkeypatch):
    monkeypatch.setattr("hil_app.operator.view.duration", lambda _: "0:41, about 0:20 left")
    wide, narrow = Rig(width=160), Rig(width=100)
    for rig in (wide, narrow):
        rig.stage(name)
        the_policy_may_ask(rig)
        rig.monitor.recording = a_recording()
    narrow.console.print(narrow.view.render())
    text = narrow.text()
    assert TITLES[name] in text
    assert [value for value in wide.cells().values() if value not in text] == []


def test_a_stage_without_an_episode_or_a_paced_tick_can_be_shown():
    rig = Rig()
    rig.monitor.begin("train", 400, "ticks", a_loop())
    cells = rig.cells()
    assert cells["success, last 20"] == "–"
    assert "late p50/p99/max" not in cells


def test_it_can_be_shown_while_the_loop_counts():
    rig = Rig()
    stage, stop = rig.stage("train"), threading.Event()

    def count():
        while not stop.is_set():
            stage.frame(
                SimpleNamespace(tick=stage.ticks % 10, weights_version=stage.ticks, reading=aged())
            )
            stage.loop.rate.lateness.append(0.001)
            if stage.ticks % 10 == 0 and len(stage.finished) < 1000:
                stage.end(an_episode(10))

    loop = threading.Thread(target=count)
    loop.start()
    try:
        start = time.thread_time()
        for _ in range(30):
            rig.console.print(rig.view.render())
        seconds = time.thread_time() - start
    finally:
        stop.set()
        loop.join()
    assert seconds / 30 < 0.25


def test_a_terminal_shows_the_view_live_and_ends_with_a_line_a_stage():
    rig = Rig()
    with rig.view:
        rig.stage("demonstrate")
        rig.stage("train")
    lines = [line for line in rig.console.export_text().splitlines() if " episodes, " in line]
    assert [line.split(":")[0] for line in lines] == ["demonstrate", "train"]
    assert (
        "51 ticks, 5 episodes, success of the last 5 60%, interventions 20.0% of ticks" in lines[0]
    )
    assert rig.events.listeners == []


def test_without_a_terminal_there_is_a_line_now_and_then(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("hil_app.operator.view.time", clock)
    rig = Rig(terminal=False)
    rig.stage("train")
    with rig.view:
        for clock.now in (4.0, 8.0, 12.0, 16.0, 20.0, 24.0):
            rig.events.emit(EPISODE)
        until(lambda: rig.console.export_text(clear=False).count("train: 51 ticks") == 2)
    assert rig.console.export_text().count("train: 51 ticks") == 3


@pytest.mark.parametrize("terminal", [True, False])
def test_every_evaluation_amid_the_training_leaves_a_line(terminal):
    rig = Rig(terminal)
    with rig.view:
        result = Evaluation(500, 19, 20, mean_ticks=13.21, updates=500, train_seconds=50.0)
        rig.events.emit(Evaluated(**asdict(result)))
    assert "on its own after 500 ticks: 19 of 20 succeed, 13.2 ticks long" in rig.text()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_cause_is_shown_as_it_is_even_if_it_looks_like_markup(terminal):
    rig = Rig(terminal)
    with rig.view:
        rig.events.emit(LearnerFailed(cause="RuntimeError: no [cpu] tensor in [/tmp/x]"))
    assert "! learner_died: RuntimeError: no [cpu] tensor in [/tmp/x]" in rig.text()


def test_a_pause_is_seen():
    rig = Rig()
    stage = rig.stage("train")
    rig.console.print(rig.view.render())
    assert PAUSED not in rig.text()
    stage.loop.phase = "paused"
    rig.console.print(rig.view.render())
    assert PAUSED in rig.text()


def moved_by(**sample):
    """As much of a tick as the view looks at, to see who has the arm."""
    facts = {"emergency_stop": False, "intervening": False} | sample
    return SimpleNamespace(command=SimpleNamespace(sample=SimpleNamespace(**facts)))


@pytest.mark.parametrize(
    ("name", "phase", "sample", "said"),
    [
        ("train", "acting", {"intervening": True}, "You have the arm"),
        ("train", "acting", {}, "The policy has the arm"),
        ("teleoperate", "acting", {}, "The arm holds: take over to move it"),
        ("train", "paused", {}, "Paused"),
        ("train", "reset", {}, "Reset, 7 s left"),
        ("train", "acting", {"emergency_stop": True}, "Emergency stop"),
    ],
)
def test_a_small_terminal_says_who_has_the_arm_and_how_to_stop_it(name, phase, sample, said):
    rig = Rig(width=80)
    rig.view._hint = "B EMERGENCY STOP, RB take over, Y success, A failure, X again, Back quit"
    stage = rig.stage(name)
    stage.loop.newest, stage.loop.phase = moved_by(**sample), phase
    stage.loop.reset_until = time.monotonic() + 7.2
    rig.console.print(rig.view.render())
    title, who, hint, *_ = rig.console.export_text().splitlines()
    assert TITLES[name] in title
    assert said in who
    assert "B EMERGENCY STOP, RB take over" in hint


@pytest.mark.parametrize(
    ("goal", "seconds", "said"),
    [
        (102, 125, "2:05, about 2:05 left"),
        (51, 3787, "1:03:07, about 0:00 left"),
        (math.inf, 125, "2:05 │"),
    ],
)
def test_the_time_and_what_is_left_of_it_are_shown(goal, seconds, said):
    rig = Rig(width=80)
    stage = rig.stage("train")
    stage.goal, stage._timer = goal, SimpleNamespace(seconds=seconds)
    rig.console.print(rig.view.render())
    assert said in rig.console.export_text().splitlines()[1]
