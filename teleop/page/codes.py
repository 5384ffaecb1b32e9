"""What a browser says of a gamepad, keys and fingers, in the words of a layout.

A browser shows a gamepad of the "standard" mapping as axes in [-1, 1], right and down positive, and
buttons in [0, 1], numbered by their places. Keys are named by their places, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from configs.manual import KEYS, STICKS, TRIGGERS
from configs.page import KEY, TOUCH_STICKS

AXES = (*STICKS[0], *STICKS[1])
"""A pad's axes, in the browser's order."""
BUTTONS = (
    *("a", "b", "x", "y", "leftshoulder", "rightshoulder", *TRIGGERS, "back", "start"),
    *("leftstick", "rightstick", "dpup", "dpdown", "dpleft", "dpright", "guide", "misc1"),
)
"""A pad's buttons, in the browser's order."""
_SPECIAL = {
    **{f"Arrow{way.capitalize()}": way for way in ("up", "down", "left", "right")},
    **{name: name.lower() for name in ("Home", "End", "Insert", "Delete", "Space", "Tab")},
    **{name: name.lower() for name in ("PageUp", "PageDown", "Backspace", "Escape")},
    "Enter": "return",
    "ControlLeft": "leftctrl",
    "ControlRight": "rightctrl",
    "ShiftLeft": "leftshift",
    "ShiftRight": "rightshift",
    "AltLeft": "leftalt",
    "AltRight": "rightalt",
}
CODES: Mapping[str, str] = MappingProxyType(
    {
        **{f"Key{name.upper()}": name for name in KEYS if len(name) == 1 and name.isalpha()},
        **{f"Digit{name}": name for name in KEYS if name.isdigit()},
        **{f"F{number}": f"f{number}" for number in range(1, 13)},
        **_SPECIAL,
    }
)
"""The key of ``configs.manual.KEYS`` that a browser's ``KeyboardEvent.code`` names."""
PULLED = 0.5  # a button's value that counts as pressed
_AT_REST = dict.fromkeys((*AXES, *TRIGGERS, *TOUCH_STICKS), 0.0)
_GRIPPER = {0: "touchclose", 2: "touchopen"}
_MOST = 64  # axes, buttons or keys; more are no device

Controls = tuple[dict[str, float], frozenset[str]]
"""Every axis by name, and the names of all that is held."""


def controls_of(said: Mapping[str, Any]) -> Controls:
    """What a browser's "input" message says. Raises ValueError for what is none."""
    axes, held = dict(_AT_REST), set[str]()
    if (pad := said.get("gamepad")) is not None:
        _take_pad(_block(pad, "gamepad"), axes, held)
    keys = _listed(said.get("keys", []), "keys")
    held |= {f"{KEY}{CODES[code]}" for code in keys if isinstance(code, str) and code in CODES}
    if (touch := said.get("sticks")) is not None:
        _take_touch(_block(touch, "sticks"), axes, held)
    return axes, frozenset(held)


def _take_pad(pad: Mapping[str, Any], axes: dict[str, float], held: set[str]) -> None:
    pushes = [_number(value, -1.0) for value in _listed(pad.get("axes", []), "axes")]
    axes |= zip(AXES, pushes, strict=False)
    presses = [_number(value, 0.0) for value in _listed(pad.get("buttons", []), "buttons")]
    for name, value in zip(BUTTONS, presses, strict=False):
        if name in TRIGGERS:
            axes[name] = value
        elif value >= PULLED:
            held.add(name)


def _take_touch(touch: Mapping[str, Any], axes: dict[str, float], held: set[str]) -> None:
    for across, side in ((0, "left"), (2, "right")):
        stick = _listed(touch.get(side, []), side)
        pushes = [_number(value, -1.0) for value in stick[:2]]
        axes |= zip(TOUCH_STICKS[across : across + 2], pushes, strict=False)
    if touch.get("hold") is True:
        held.add("touchhold")
    grip = touch.get("gripper")
    if type(grip) is int and grip in _GRIPPER:
        held.add(_GRIPPER[grip])


def _number(value: Any, least: float) -> float:
    """A number in [``least``, 1]; what lies beyond is at the end."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a finite number is expected, got {type(value).__name__}")
    return float(min(max(value, least), 1.0))


def _listed(value: Any, name: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple) or len(value) > _MOST:
        raise ValueError(f"{name}: a list of at most {_MOST} is expected")
    return value


def _block(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: an object is expected")
    return value
