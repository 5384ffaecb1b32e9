"""Sticks, buttons and the loop together: what is pressed, and what becomes of it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sample_runs import tiny
from waiting import until

from configs.load import validate
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.build.robots import make_robot
from hil_app.control.instruments import Instruments
from hil_app.control.monitor import Monitor
from hil_app.control.outcomes import TELEOPERATE, TRAIN
from hil_app.control.policy import NoPolicy
from hil_app.operator.screen import Screen
from hil_app.recording.frames import Frame
from hil_app.runs.folder import EVENTS
from hil_app.runs.session import Session
from hil_app.support.events import EventLog
from processors.base import Observation
from robots.arm import ARMS
from robots.base import F32, GRIPPER, JOINTS
from robots.kinematics import Kinematics
from teleop.base import TeleopError
from teleop.device import DeviceState
from teleop.events import TeleopLost
from teleop.virtual.remote import Remote

KINEMATICS = Kinematics(ARMS["so101"])
FPS = 30.0
STEP = 0.007


class Held:
    """A device of which every poll is known beforehand, the last one for good."""

    name = "the scripted pad"

    def __init__(self, *states: DeviceState | None) -> None:
        self.states, self.polls = list(states), 0

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *error: object) -> None: ...

    def poll(self) -> DeviceState | None:
        self.polls += 1
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def rumble(self, strength: float, seconds: float) -> None: ...


class Pushy:
    """A policy that goes one way as fast as it can."""

    version = 3

    def __init__(self, x: float, y: float) -> None:
        self.action = np.array([x, y, 0, 1], np.float32)

    def refresh(self) -> None: ...

    def act(self, observation: Observation) -> F32:  # noqa: ARG002 - the Policy protocol
        return self.action


def config(**changes: Any) -> RunConfig:
    usual: dict[str, Any] = {
        "teleop": {"type": "gamepad"},
        "env": {"fps": FPS, "control_time_s": None, "terminate_on_success": False},
        "processor": {"step_size": [STEP] * 3},
    }
    return validate({**usual, **changes})


@pytest.fixture
def unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator lives as fast as the computer."""
    monkeypatch.setattr("hil_app.control.rate.time.sleep", lambda _: None)


RB = frozenset({"rightshoulder"})
AT_REST = DeviceState()


@pytest.mark.usefixtures("unpaced")
@pytest.mark.parametrize("robot", ["so100_sim", "so101_sim"])
def test_no_joint_jumps_at_a_take_over_or_a_hand_back(robot: str) -> None:
    """The policy goes one way at full speed, the operator the other, in turns of six ticks."""
    back = DeviceState({"leftx": 1.0, "lefty": 1.0}, RB)
    turns = [state for _ in range(4) for state in [AT_REST] * 6 + [back] * 6]
    device = Held(AT_REST, *turns, AT_REST)
    settings = config(robot={"type": robot})
    with make_robot(settings) as twin:
        parts = Assembly(settings, robot=twin, device=device)
        teleop = parts.teleop("on_take_over")
        loop = parts.loop(teleop, Pushy(1.0, 1.0), lambda: False)
        seen = [loop.reset(5)]
        device.states = [*turns, AT_REST]
        for _ in range(49):
            seen.append(loop.tick(seen[-1]))
    sent = np.array([transition.sent for transition in seen])
    steps = np.abs(np.diff(sent[:, :GRIPPER], axis=0)).max(axis=1)  # [deg]
    is_intervention = [transition.command.sample.intervening for transition in seen]
    edges = np.diff(is_intervention)
    assert edges.sum() == 8
    assert steps[~edges].max() < 6
    assert steps[edges].max() < 6  # no more than within the hands of one
    actions = np.array([transition.command.action for transition in seen[1:]])
    np.testing.assert_array_equal(np.sign(actions[:, 0]), np.where(is_intervention[1:], -1, 1))


def test_of_a_thousand_taps_of_a_millisecond_none_is_lost(tmp_path: Path) -> None:
    """Each falls between two polls of the loop; each makes its frame, and only that, a success."""
    settings = config(teleop={"type": "gamepad", "virtual": str(tmp_path / "pad")})
    device = Assembly(settings).device
    assert device is not None
    with device, Remote(tmp_path / "pad") as pad, make_robot(settings) as twin:
        parts = Assembly(settings, robot=twin, device=device)
        teleop = parts.teleop("on_take_over")
        loop = parts.loop(teleop, NoPolicy(), lambda: False)
        loop.rate.paced = False
        last, seen = loop.reset(5), []
        for tick in range(2000):
            if tick % 2:
                pad.tell(tap="y", seconds=0.001)
            last = loop.tick(last)
            seen.append(last.success)
    assert seen == [bool(tick % 2) for tick in range(2000)]


def test_a_pad_that_is_not_there_keeps_the_session_from_writing_anything(tmp_path: Path) -> None:
    settings = tiny(tmp_path / "run", teleop={"type": "gamepad"}, env={"paced": True})
    with pytest.raises(TeleopError, match="No gamepad is plugged in"), Session(settings, "train"):
        pytest.fail("it went on")
    assert not (tmp_path / "run").exists()


def session(folder: Path, device: Held) -> Session:
    made = Session(tiny(folder / "run", teleop={"type": "gamepad"}, env={"paced": True}), "train")
    made.device = made.parts.device = device
    made.keys = None
    return made


def test_the_pad_s_emergency_stop_counts_on_the_way_to_rest(tmp_path: Path) -> None:
    with session(tmp_path, Held(AT_REST, DeviceState(pressed=("b",)), AT_REST)) as run:
        assert not run._emergency()
        assert not run.stop()
        assert run._emergency()
        assert (run.stop(), run.stop.emergency) == (True, True)
    assert "hands_ready" in (run.folder / EVENTS).read_text()


@pytest.mark.parametrize(
    ("asked", "counts"),
    [("success", True), ("failure", True), ("take over", False), ("stop", True)],
)
def test_in_an_evaluation_the_operator_judges_and_stops_but_does_not_act(
    tmp_path: Path, asked: str, counts: bool
) -> None:
    button = {"success": "y", "failure": "a", "take over": "rightshoulder", "stop": "back"}[asked]
    state = DeviceState({"leftx": 1.0}, frozenset({button}), (button,))
    with session(tmp_path, Held(state)) as run:
        sample = run.teleop("never").read()
    assert not sample.intervening
    assert (sample.success or sample.failure or sample.stop) == counts


def text_of(renderable: Any) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


@pytest.fixture
def moved() -> Iterator[Callable[..., Any]]:
    """A stage in its fourth tick, with the hands as they are told to be."""
    with make_robot(config()) as twin:

        def make(*states: DeviceState | None) -> Any:
            reported: list[tuple[str, dict[str, Any]]] = []
            device = Held(AT_REST, *states)
            parts = Assembly(
                config(),
                tell=lambda event: reported.append((event.name, event.facts())),
                robot=twin,
                device=device,
            )
            loop = parts.loop(parts.teleop("on_take_over"), NoPolicy(), lambda: False)
            loop.rate.paced = False
            stage = Monitor().begin(TELEOPERATE, np.inf, "episodes", loop)
            last = loop.reset(5)
            device.states = list(states)
            for _ in range(4):
                last = loop.tick(last)
                stage.frame(Frame.of(last))
            return stage

        yield make


def test_the_instruments_show_joints_gripper_steps_and_what_is_not_sensed(
    moved: Callable[..., Any],
) -> None:
    stage = moved(DeviceState({"leftx": -1.0}, RB))
    shown = text_of(Instruments(stage.loop)())
    for name in JOINTS:
        assert name in shown
    newest = stage.loop.newest
    assert f"{newest.reading.joints[0]:.1f} °" in shown
    assert f"{1000 * newest.command.goal.tip[1]:.1f}" in shown
    assert f"{1000 * KINEMATICS.tip(newest.reading.joints)[2]:.1f}" in shown
    assert "+1.00" in shown  # the action
    for step in (*stage.loop.action_pipeline.seconds, *stage.loop.env_pipeline.seconds):
        assert step in shown
    assert "teleop" in shown
    assert "–" in shown  # the twin has no heat


def test_the_instruments_of_a_small_terminal_leave_out_steps_and_no_joint(
    moved: Callable[..., Any],
) -> None:
    """Beside them a view of 24 lines has room for 12 and an empty one."""
    stage = moved(DeviceState({"leftx": -1.0}, RB))
    console = Console(record=True, width=76, file=io.StringIO())
    console.print(Instruments(stage.loop)(False))
    shown = console.export_text()
    assert shown.count("\n") <= 13
    for name in (*JOINTS, "teleop", "action steps", "robot.command"):
        assert name in shown
    assert "inverse kinematics" not in shown


def test_the_instruments_show_load_and_heat_of_motors_that_tell(moved: Callable[..., Any]) -> None:
    stage = moved(AT_REST)
    newest = stage.loop.newest
    reading = dataclasses.replace(
        newest.reading,
        loads=np.float32([11, -22, 33, 44, 55, 66]),
        temperatures=np.float32([31, 32, 33, 34, 35, 36]),
    )
    stage.loop.newest = dataclasses.replace(newest, reading=reading)
    shown = text_of(Instruments(stage.loop)())
    for figure in ("+11 %", "-22 %", "+66 %", "31 °C", "36 °C"):
        assert figure in shown


@pytest.mark.parametrize(
    ("state", "word", "mood"),
    [
        (DeviceState({"leftx": -1.0}, RB), "YOU", "you"),
        (AT_REST, "HOLDS", "paused"),
    ],
)
def test_the_screen_says_who_has_the_arm(
    moved: Callable[..., Any], state: DeviceState, word: str, mood: str
) -> None:
    stage, seen, events = moved(state), [], EventLog()
    window: Any = SimpleNamespace(show=seen.append)
    monitor = Monitor()
    monitor.stages.append(stage)
    with Screen(window, monitor, events):
        events.emit(TeleopLost(cause="the pad is gone"))
        until(lambda: seen and seen[-1].message)
        shown = seen[-1]
        assert (shown.state, shown.mood) == (word, mood)
        assert shown.message == "hands lost: the pad is gone"
        assert shown.facts["its tick"] == "4"
        stage.name = TRAIN
        until(lambda: seen[-1].state == ("POLICY" if word == "HOLDS" else "YOU"))
        stage.loop.phase = "paused"
        until(lambda: seen[-1].state == "PAUSED")
        stage.loop.phase = "reset"
        until(lambda: seen[-1].state == "RESET")
