"""What people read of the controls is what the controls do."""

from __future__ import annotations

from typing import Self

import pytest

from configs.events import tell_nobody
from configs.manual import PAD, GamepadConfig, KeyboardConfig, ManualConfig
from teleop.base import CLOSE, OPEN, TeleopSample
from teleop.device import DeviceState
from teleop.manual import ManualTeleop
from teleop.words import AXES, DEEDS, PLACES, Use, by_control, hint, place, stick_words, uses

DIRECTIONS = {  # place in the action, and sign
    "forward": (0, 1),
    "back": (0, -1),
    "left": (1, 1),
    "right": (1, -1),
    "up": (2, 1),
    "down": (2, -1),
    "tilt up": (3, 1),
    "tilt down": (3, -1),
    "roll right": (4, 1),
    "roll left": (4, -1),
}
REVERSED = GamepadConfig(controls={"x": "lefty", "z": "a-y", "success": None, "failure": None})
LAYOUTS = [
    (config, wrist)
    for config in (GamepadConfig(), KeyboardConfig(), REVERSED)
    for wrist in (False, True)
]
CASES = [
    pytest.param(config, wrist, use, id=f"{config.type}-{wrist}-{use.control}{use.direction}")
    for config, wrist in LAYOUTS
    for use in uses(config, wrist=wrist)
]


class Held:
    """A device of which one control is held."""

    name = "held"

    def __init__(self, use: Use) -> None:
        axes = {use.control: float(use.direction or 1)}
        buttons = (use.control,) if use.control not in AXES else ()
        self._state = DeviceState(axes, frozenset(buttons), buttons)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def poll(self) -> DeviceState:
        return self._state

    def rumble(self, strength: float, seconds: float) -> None: ...


def sample(config: ManualConfig, wrist: bool, use: Use) -> TeleopSample:
    device = Held(use)
    return ManualTeleop(
        config, device, tell_nobody, lambda: False, acts="on_take_over", wrist=wrist
    ).read()


@pytest.mark.parametrize(("config", "wrist", "use"), CASES)
def test_each_control_does_what_is_said_of_it_and_nothing_else(
    config: ManualConfig, wrist: bool, use: Use
) -> None:
    given = sample(config, wrist, use)
    moved = {index: value for index, value in enumerate(given.action[:-1]) if value}
    if use.does in DIRECTIONS:
        index, sign = DIRECTIONS[use.does]
        assert list(moved) == [index]
        assert moved[index] * sign > 0
        return
    assert moved == {}
    assert given.success == (use.does == "success")
    assert given.failure == (use.does == "failure")
    assert given.rerecord == (use.does == "record again")
    assert given.stop == (use.does == "stop the run")
    assert given.emergency_stop == (use.does == "emergency stop")
    assert given.paused == (use.does == "pause")
    assert given.intervening == (use.does == "take over (hold)")
    assert (given.action[-1] == OPEN) == (use.does in ("open gripper", "toggle gripper"))
    assert (given.action[-1] == CLOSE) == (use.does == "close gripper")


@pytest.mark.parametrize(("config", "wrist"), LAYOUTS)
def test_nothing_that_the_layout_has_is_left_unsaid(config: ManualConfig, wrist: bool) -> None:
    layout = config.layout(wrist=wrist)
    said = {use.control for use in uses(config, wrist=wrist)}
    assert said == {term.control for used in layout.values() for term in used}
    assert len(by_control(config, wrist=wrist)) == len(uses(config, wrist=wrist))


def test_every_control_and_every_deed_has_a_name_of_its_own() -> None:
    directions = {
        place(name, direction, pad=True)
        for name in PAD
        for direction in ((-1, 1) if name in AXES else (0,))
    }
    assert len(directions) == len(PAD) + 4
    assert len(set(PLACES)) == len(PAD)
    assert len(set(DEEDS.values())) == len(DEEDS)
    assert place("lefty", -1, pad=True) == "left stick up"
    assert place("rightx", 1, pad=True) == "right stick right"
    assert place("x", pad=False) == "x"


def test_a_toggled_take_over_is_said_to_be_one() -> None:
    does = by_control(GamepadConfig(take_over="toggle"), wrist=False)
    assert does["rightshoulder", 0] == "take over (on / off)"


def test_a_stick_is_reported_in_lines() -> None:
    does = by_control(GamepadConfig(), wrist=True)
    assert stick_words(does, "left") == [
        "↑ ↓  forward / back",
        "← →  left / right",
        "pressed: slow (hold)",
    ]


def test_the_hint_of_a_run_fits_a_terminal_and_follows_the_layout() -> None:
    said = hint(GamepadConfig(), wrist=False)
    assert said.startswith("B EMERGENCY STOP, RB take over, Y success")
    assert len(said) < 90
    mine = GamepadConfig(controls={"success": "dpup", "failure": None})
    assert "D-pad up success" in hint(mine, wrist=False)
    assert "failure" not in hint(mine, wrist=False)
    assert hint(KeyboardConfig(), wrist=False).startswith("space EMERGENCY STOP")
