"""What an operator at sticks, buttons or keys does: a scripted device, and the samples of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import written

from configs.manual import (
    MOTIONS,
    STICKS,
    TRIGGERS,
    GamepadConfig,
    GamepadHIDConfig,
    KeyboardConfig,
    ManualConfig,
)
from teleop.base import CLOSE, NEUTRAL, NO_INPUT, OPEN, STAY, Acts, Attentive, Teleop, TeleopSample
from teleop.device import Device, DeviceState, Latch
from teleop.manual import ManualTeleop, shaped

HOLD = "rightshoulder"
EVENTS = {
    "success": "y",
    "failure": "a",
    "rerecord": "x",
    "stop": "back",
    "emergency_stop": "b",
}
FLAGS = (*EVENTS, "paused")


class ScriptedDevice:
    """A device that is in the state that the test wrote last."""

    name = "the scripted pad"

    def __init__(self) -> None:
        self.latch = Latch()
        self.lost = False
        self.rumbles: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def poll(self) -> DeviceState | None:
        return None if self.lost else self.latch.take()

    def rumble(self, strength: float, seconds: float) -> None:
        self.rumbles.append((strength, seconds))


class Desk:
    """An operator's hands on a scripted device, and what was told."""

    def __init__(
        self,
        config: ManualConfig | None = None,
        *,
        acts: Acts = "on_take_over",
        wrist: bool = False,
        **options: Any,
    ) -> None:
        self.device = ScriptedDevice()
        self.reported: list[dict[str, Any]] = []
        self.open = False
        self.teleop = ManualTeleop(
            config or GamepadConfig(**options),
            self.device,
            lambda event: self.reported.append(written(event)),
            lambda: self.open,
            acts=acts,
            wrist=wrist,
        )

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.reported]

    def down(self, *names: str) -> None:
        for name in names:
            self.device.latch.button(name, down=True)

    def up(self, *names: str) -> None:
        for name in names:
            self.device.latch.button(name, down=False)

    def tap(self, *names: str) -> None:
        """Shorter than a tick."""
        for name in names:
            self.down(name)
            self.up(name)

    def push(self, **axes: float) -> None:
        for name, value in axes.items():
            self.device.latch.axis(name, value)

    def read(self) -> TeleopSample:
        return self.teleop.read()

    def grips(self, *taps: str) -> int:
        self.tap(*taps)
        return int(self.read().action[-1])

    def moves(self, **axes: float) -> dict[str, float]:
        """The motions after a push, by name; those that are 0 are left out."""
        self.push(**axes)
        moves = self.read().action[:-1]
        return {
            name: float(direction)
            for name, direction in zip(MOTIONS, moves, strict=False)
            if direction
        }


def linear(**options: Any) -> dict[str, Any]:
    return {"dead_zone": 0.0, "curve": dict.fromkeys(MOTIONS, 1.0), **options}


def flags(sample: TeleopSample) -> set[str]:
    return {name for name in FLAGS if getattr(sample, name)}


def test_it_is_a_pair_of_hands_that_can_be_asked() -> None:
    desk = Desk()
    teleop: Teleop = desk.teleop
    device: Device = desk.device
    with teleop as entered:
        assert entered is desk.teleop
    assert isinstance(teleop, Attentive)
    assert device.poll() == DeviceState()


# Taking over


def test_held_the_operator_acts_in_each_and_only_those_ticks() -> None:
    desk = Desk()
    acting = []
    for tick in range(12):
        if tick in (3, 8):
            desk.down(HOLD)
        if tick in (6, 9):
            desk.up(HOLD)
        acting.append(desk.read().intervening)
    assert [tick for tick, acts in enumerate(acting) if acts] == [3, 4, 5, 8]
    assert len(desk.device.rumbles) == 2


def test_a_hold_shorter_than_a_tick_is_one_tick() -> None:
    desk = Desk()
    desk.tap(HOLD)
    assert [desk.read().intervening for _ in range(3)] == [True, False, False]


def test_toggled_the_operator_acts_from_one_press_to_the_next() -> None:
    desk = Desk(take_over="toggle")
    acting = []
    for tick in range(9):
        if tick in (2, 5):
            desk.tap(HOLD)
        if tick == 7:
            desk.tap(HOLD, HOLD)  # on and off again
        acting.append(desk.read().intervening)
    assert [tick for tick, acts in enumerate(acting) if acts] == [2, 3, 4]
    desk.down(HOLD)
    assert desk.read().intervening
    desk.up(HOLD)
    assert desk.read().intervening


def test_what_the_sticks_say_is_in_the_action_whoever_acts() -> None:
    desk = Desk(**linear())
    assert desk.moves(lefty=-0.5) == {"x": 0.5}
    assert not desk.read().intervening


def test_while_demonstrating_the_operator_acts_all_the_time() -> None:
    desk = Desk(acts="always")
    assert [desk.read().intervening for _ in range(3)] == [True] * 3
    desk.tap(HOLD)
    assert desk.read().intervening


def test_a_watcher_never_acts_but_judges_pauses_and_stops() -> None:
    desk = Desk(acts="never")
    desk.down(HOLD)
    assert not desk.read().intervening
    assert desk.device.rumbles == []
    desk.tap("y", "start")
    sample = desk.read()
    assert (sample.intervening, flags(sample)) == (False, {"success", "paused"})
    desk.up(HOLD)
    desk.tap(HOLD)
    assert flags(desk.read()) == set()


# Events


@pytest.mark.parametrize(("event", "button"), EVENTS.items())
def test_a_tap_shorter_than_a_tick_is_its_event_once(event: str, button: str) -> None:
    desk = Desk()
    desk.tap(button)
    assert flags(desk.read()) == {event}
    assert flags(desk.read()) == set()


def test_a_thousand_taps_are_a_thousand_events() -> None:
    desk = Desk()
    count = 0
    for _ in range(1000):
        desk.tap("y")
        count += desk.read().success
        count += desk.read().success
    assert count == 1000


def test_a_button_that_stays_down_is_one_event() -> None:
    desk = Desk()
    desk.down("y")
    assert [desk.read().success for _ in range(4)] == [True, False, False, False]


def test_events_in_the_same_tick_are_all_told() -> None:
    desk = Desk()
    desk.tap("y", "back", "b", "start")
    assert flags(desk.read()) == {"success", "stop", "emergency_stop", "paused"}


def test_an_event_by_a_trigger_is_one_pull() -> None:
    desk = Desk(controls={"close": None, "success": "lefttrigger"})
    seen = []
    for pull in (0.2, 0.6, 0.4, 0.45, 0.2, 0.9):
        desk.push(lefttrigger=pull)
        seen.append(desk.read().success)
    assert seen == [False, True, False, False, False, True]


def test_a_deed_with_two_controls_is_done_by_each() -> None:
    desk = Desk(controls={"success": "y+dpup"})
    for button in ("y", "dpup"):
        desk.tap(button)
        assert desk.read().success


def test_a_deed_that_is_turned_off_is_done_by_nothing() -> None:
    desk = Desk(controls=dict.fromkeys((*EVENTS, "pause", "take_over", "slow", "x", "open"), None))
    desk.down(*EVENTS.values(), "start", HOLD, "leftshoulder", "righttrigger")
    desk.push(lefty=-1.0)
    sample = desk.read()
    assert (sample.intervening, flags(sample)) == (False, set())
    np.testing.assert_array_equal(sample.action, NEUTRAL)


def test_between_two_episodes_only_stops_and_pauses_count() -> None:
    desk = Desk()
    desk.down(HOLD)
    desk.push(lefty=-1.0)
    desk.tap(*EVENTS.values(), "start")
    sample = desk.teleop.idle()
    assert flags(sample) == {"stop", "emergency_stop", "paused"}
    assert not sample.intervening
    np.testing.assert_array_equal(sample.action, NEUTRAL)
    assert flags(desk.teleop.idle()) == {"paused"}
    desk.tap("start")
    assert desk.teleop.idle() == NO_INPUT
    assert flags(desk.read()) == set()  # a verdict from between two episodes is none of the next


def test_who_holds_on_through_a_reset_has_the_arm_when_the_episode_begins() -> None:
    desk = Desk()
    desk.down(HOLD)
    desk.teleop.idle()
    assert desk.read().intervening


def test_a_toggled_take_over_ends_with_the_episode() -> None:
    desk = Desk(take_over="toggle")
    desk.tap(HOLD)
    assert desk.read().intervening
    desk.teleop.idle()
    assert not desk.read().intervening


# Pauses


def test_a_pause_lasts_until_pause_is_pressed_again() -> None:
    desk = Desk()
    desk.tap("start")
    assert [desk.read().paused for _ in range(3)] == [True] * 3
    desk.tap("start")
    assert not desk.read().paused
    assert desk.names == ["paused", "resumed"]


@pytest.mark.parametrize("take_over", ["hold", "toggle"])
def test_a_new_take_over_ends_a_pause_and_is_reported(take_over: str) -> None:
    desk = Desk(take_over=take_over)
    desk.tap("start")
    assert desk.read().paused
    desk.down(HOLD)
    sample = desk.read()
    assert (sample.paused, sample.intervening) == (False, True)
    assert desk.names == ["paused", "resumed"]


def test_who_pauses_while_acting_acts_no_more_until_it_goes_on() -> None:
    desk = Desk()
    desk.down(HOLD)
    desk.read()
    desk.tap("start")
    samples = [desk.read() for _ in range(2)]
    assert [(sample.paused, sample.intervening) for sample in samples] == [(True, False)] * 2
    desk.tap("start")
    sample = desk.read()
    assert (sample.paused, sample.intervening) == (False, True)


def test_verdicts_count_in_a_pause() -> None:
    desk = Desk()
    desk.tap("start")
    desk.read()
    desk.tap("a", "b")
    assert flags(desk.read()) == {"failure", "emergency_stop", "paused"}


# Loss and return


def lose(desk: Desk) -> None:
    desk.device.lost = True
    desk.device.latch.release()


@pytest.mark.parametrize("take_over", ["hold", "toggle"])
def test_a_pad_lost_while_the_operator_acts_pauses_the_arm_until_it_is_taken_over_again(
    take_over: str,
) -> None:
    desk = Desk(take_over=take_over)
    desk.down(HOLD)
    desk.push(lefty=-1.0)
    assert desk.read().intervening
    lose(desk)
    samples = [desk.read() for _ in range(3)]
    assert [(it.paused, it.intervening) for it in samples] == [(True, False)] * 3
    assert all(np.array_equal(it.action, NEUTRAL) for it in samples)
    assert desk.reported == [
        {"event": "hands_lost", "cause": "the scripted pad is gone: the arm holds"}
    ]
    desk.device.lost = False
    sample = desk.read()
    assert (sample.paused, sample.intervening) == (True, False)
    assert desk.reported[1] == {
        "event": "hands_back",
        "note": "the scripted pad is back: take over or press pause to go on",
    }
    desk.down(HOLD)
    sample = desk.read()
    assert (sample.paused, sample.intervening) == (False, True)


def test_a_pad_that_is_back_goes_on_with_pause_too() -> None:
    desk = Desk()
    lose(desk)
    assert desk.read().paused
    desk.device.lost = False
    desk.tap("start")
    sample = desk.read()
    assert (sample.paused, sample.intervening) == (False, False)


def test_another_pad_that_takes_the_place_of_a_lost_one_is_said_to_do_so() -> None:
    desk = Desk()
    lose(desk)
    desk.device.name = "the second pad"  # it is chosen before the loss is polled
    desk.read()
    desk.device.lost = False
    desk.read()
    assert [event.get("cause", event.get("note")) for event in desk.reported] == [
        "the scripted pad is gone: the arm holds",
        "the second pad takes its place: take over or press pause to go on",
    ]


def test_handed_back_the_policy_goes_on_alone_and_the_pad_works_when_it_is_back() -> None:
    desk = Desk(on_loss="hand_back")
    desk.down(HOLD)
    desk.read()
    lose(desk)
    assert [desk.read() for _ in range(3)] == [NO_INPUT] * 3
    desk.device.lost = False
    assert desk.read().paused is False
    assert [event.get("cause", event.get("note")) for event in desk.reported] == [
        "the scripted pad is gone: the policy goes on alone",
        "the scripted pad is back",
    ]
    desk.down(HOLD)
    assert desk.read().intervening


@pytest.mark.parametrize("on_loss", ["hold", "hand_back"])
def test_nobody_can_go_on_alone_with_a_demonstration(on_loss: str) -> None:
    desk = Desk(acts="always", on_loss=on_loss)
    desk.read()
    lose(desk)
    sample = desk.read()
    assert (sample.paused, sample.intervening) == (True, False)
    desk.device.lost = False
    assert desk.read().paused
    desk.tap("start")
    assert desk.read().intervening


def test_a_pause_outlives_a_loss_that_hands_back() -> None:
    desk = Desk(on_loss="hand_back")
    desk.tap("start")
    desk.read()
    lose(desk)
    assert desk.read().paused
    desk.device.lost = False
    assert desk.read().paused


def test_a_pad_lost_between_two_episodes_is_reported_and_pauses() -> None:
    desk = Desk()
    lose(desk)
    assert flags(desk.teleop.idle()) == {"paused"}
    assert flags(desk.read()) == {"paused"}
    assert desk.names == ["hands_lost"]


# Motions


def test_each_stick_moves_its_way() -> None:
    desk = Desk(**linear())
    assert desk.moves(lefty=-1.0) == {"x": 1.0}
    assert desk.moves(lefty=0.0, leftx=-0.5) == {"y": 0.5}
    assert desk.moves(leftx=0.0, righty=0.25) == {"z": -0.25}
    assert desk.moves(righty=0.0, rightx=1.0) == {}
    assert desk.read().action.shape == (4,)
    assert desk.read().action.dtype == np.float32


def test_with_a_wrist_the_second_stick_turns_it_and_the_triggers_lift() -> None:
    desk = Desk(wrist=True, **linear())
    assert desk.read().action.shape == (6,)
    assert desk.moves(righty=-1.0) == {"pitch": 1.0}
    assert desk.moves(righty=0.0, rightx=0.5) == {"roll": 0.5}
    assert desk.moves(rightx=0.0, righttrigger=0.75) == {"z": 0.75}
    assert desk.moves(lefttrigger=1.0) == {"z": -0.25}
    assert desk.moves(lefttrigger=0.0, righttrigger=0.0, leftx=1.0) == {"y": -1.0}
    assert desk.grips("leftshoulder") == OPEN


def test_keys_move_as_long_as_they_are_down_and_at_least_a_tick() -> None:
    desk = Desk(KeyboardConfig())
    desk.down("up", "right")
    assert desk.moves() == {"x": 1.0, "y": -1.0}
    assert desk.moves() == {"x": 1.0, "y": -1.0}
    desk.up("up", "right")
    assert desk.moves() == {}
    desk.tap("e")
    assert desk.moves() == {"z": 1.0}
    desk.down("up", "down")
    assert desk.moves() == {}


def test_a_keyboard_turns_the_wrist_too() -> None:
    desk = Desk(KeyboardConfig(), wrist=True)
    desk.down("i", "j")
    assert desk.moves() == {"pitch": 1.0, "roll": -1.0}


def test_a_sum_is_never_more_than_everything() -> None:
    desk = Desk(controls={"x": "dpup-dpdown-lefty"}, **linear())
    desk.down("dpup")
    assert desk.moves(lefty=-1.0) == {"x": 1.0}


def test_the_curve_is_finer_about_the_middle() -> None:
    desk = Desk(dead_zone=0.0, curve={"x": 3.0, "z": 1.0})
    moves = desk.moves(lefty=-0.5, leftx=0.25, righty=-0.5)
    assert moves == pytest.approx({"x": 0.125, "y": -0.125, "z": 0.5})  # y has 1.5


def test_a_speed_is_the_motions_own() -> None:
    desk = Desk(**linear(speed={"x": 0.4}))
    assert desk.moves(lefty=-1.0, leftx=-1.0) == pytest.approx({"x": 0.4 / 2**0.5, "y": 0.5**0.5})


def test_slow_is_for_as_long_as_it_is_held() -> None:
    desk = Desk(**linear(slow_speed=0.25, speed={"x": 0.5}))
    desk.down("leftshoulder")
    assert desk.moves(lefty=-1.0) == {"x": 0.125}
    desk.up("leftshoulder")
    assert desk.moves() == {"x": 0.5}


# The dead zone

DIRECTIONS = st.floats(-1, 1)
ZONES = st.floats(0, 0.89)


@given(x=DIRECTIONS, y=DIRECTIONS, zone=ZONES)
def test_a_stick_keeps_its_direction_and_is_at_most_1_from_the_middle(
    x: float, y: float, zone: float
) -> None:
    for across, along in STICKS:
        axes = shaped({across: x, along: y}, zone)
        got = axes[across], axes[along]
        assert math.hypot(*got) <= 1 + 1e-9
        if math.hypot(x, y) <= zone:
            assert got == (0, 0)
        else:
            assert got[0] * y == pytest.approx(got[1] * x, abs=1e-9)
            assert got[0] * x >= 0
            assert got[1] * y >= 0
        assert all(
            direction == 0 for name, direction in axes.items() if name not in (across, along)
        )


@given(angle=st.floats(0, 2 * math.pi), zone=ZONES)
def test_motion_begins_at_0_on_the_edge_of_the_zone_and_is_1_on_the_rim(
    angle: float, zone: float
) -> None:
    def far(direction: float) -> float:
        axes = shaped(
            {"leftx": direction * math.cos(angle), "lefty": direction * math.sin(angle)}, zone
        )
        return math.hypot(axes["leftx"], axes["lefty"])

    assert far(zone) == pytest.approx(0, abs=1e-9)
    assert far(1.0) == pytest.approx(1)
    assert far((1 + zone) / 2) == pytest.approx(0.5)
    directions = [far(zone + (1 - zone) * step / 20) for step in range(21)]
    assert directions == sorted(directions)
    assert len({round(direction, 9) for direction in directions}) == 21


@given(pull=st.floats(0, 1), zone=ZONES)
def test_a_trigger_has_the_same_zone(pull: float, zone: float) -> None:
    for name in TRIGGERS:
        direction = shaped({name: pull}, zone)[name]
        assert direction == pytest.approx(max(0.0, pull - zone) / (1 - zone))
        assert 0 <= direction <= 1


def test_a_stick_in_its_zone_moves_nothing_and_beyond_it_moves() -> None:
    desk = Desk(dead_zone=0.3, curve={"x": 1.0})
    assert desk.moves(lefty=-0.2, leftx=0.2) == {}
    assert desk.moves(lefty=-0.65, leftx=0.0) == pytest.approx({"x": 0.5})


# The gripper


def test_triggers_open_and_close_it_for_as_long_as_they_are_pulled() -> None:
    desk = Desk()
    grips = []
    for axes in ({"righttrigger": 0.9}, {"lefttrigger": 0.9}, {"righttrigger": 0.1}, {}):
        desk.push(**axes)
        grips.append(int(desk.read().action[-1]))
    assert grips == [OPEN, STAY, CLOSE, CLOSE]  # both at once: it stays
    desk.push(lefttrigger=0.0)
    assert desk.grips() == STAY


def test_a_pull_shorter_than_a_tick_is_a_tick() -> None:
    desk = Desk()
    desk.push(righttrigger=1.0)
    desk.push(righttrigger=0.0)
    assert [desk.grips() for _ in range(2)] == [OPEN, STAY]


def test_the_toggle_begins_with_what_the_gripper_is_and_lasts() -> None:
    for is_open, asked in ((True, CLOSE), (False, OPEN)):
        desk = Desk(controls={"toggle_gripper": "rightstick"})
        desk.open = is_open
        assert desk.grips() == STAY
        assert [desk.grips("rightstick"), desk.grips(), desk.grips()] == [asked] * 3
        assert desk.grips("rightstick") == (OPEN if asked == CLOSE else CLOSE)
        assert desk.grips("rightstick", "rightstick") == (OPEN if asked == CLOSE else CLOSE)


def test_the_toggle_goes_by_what_was_asked_last_even_while_the_gripper_is_on_its_way() -> None:
    desk = Desk(controls={"toggle_gripper": "rightstick"})
    desk.open = False
    assert desk.grips("rightstick") == OPEN
    desk.open = False  # still
    assert desk.grips("rightstick") == CLOSE


def test_a_pull_ends_what_the_toggle_asked_for() -> None:
    desk = Desk(controls={"toggle_gripper": "rightstick"})
    desk.grips("rightstick")
    desk.push(lefttrigger=1.0)
    assert desk.grips() == CLOSE
    desk.push(lefttrigger=0.0)
    assert desk.grips() == STAY


def test_a_new_take_over_begins_with_a_gripper_that_stays() -> None:
    desk = Desk(controls={"toggle_gripper": "rightstick"})
    desk.down(HOLD)
    assert desk.grips("rightstick") == OPEN
    desk.up(HOLD)
    desk.read()
    desk.down(HOLD)
    assert desk.grips() == STAY


# What the hand feels


@pytest.mark.parametrize("config", [GamepadConfig(rumble=0.5), GamepadHIDConfig(rumble=0.5)])
def test_a_take_over_is_felt_once_and_a_request_stronger(config: ManualConfig) -> None:
    desk = Desk(config)
    desk.down(HOLD)
    for _ in range(3):
        desk.read()
    assert len(desk.device.rumbles) == 1
    desk.teleop.ask()
    (taken, brief), (asked, longer) = desk.device.rumbles
    assert 0 < taken < asked == 0.5
    assert brief < longer


@pytest.mark.parametrize("config", [GamepadConfig(rumble=0.0), KeyboardConfig()])
def test_without_strength_or_a_motor_nothing_is_felt(config: ManualConfig) -> None:
    desk = Desk(config)
    controls: Mapping[str, Any] = config.layout(wrist=False)
    desk.down(controls["take_over"][0].control)
    assert desk.read().intervening
    desk.teleop.ask()
    assert desk.device.rumbles == []
