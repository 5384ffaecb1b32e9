"""What controls and what they do are called where people read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from configs.manual import STICKS, ManualConfig, Term
from configs.page import KEY, TOUCH

DIRECTIONS = MappingProxyType(
    {
        "x": ("forward", "back"),
        "y": ("left", "right"),
        "z": ("up", "down"),
        "pitch": ("tilt up", "tilt down"),
        "roll": ("roll right", "roll left"),
    }
)
"""Where a motion above 0 goes, and one below."""
DEEDS = MappingProxyType(
    {
        "take_over": "take over",
        "slow": "slow",
        "open": "open gripper",
        "close": "close gripper",
        "toggle_gripper": "toggle gripper",
        "success": "success",
        "failure": "failure",
        "rerecord": "record again",
        "pause": "pause",
        "stop": "stop the run",
        "emergency_stop": "emergency stop",
    }
)
_HINTS = MappingProxyType(  # as short as they are in the terminal's own hint
    {
        "emergency_stop": "EMERGENCY STOP",
        "take_over": "take over",
        "success": "success",
        "failure": "failure",
        "rerecord": "again",
        "pause": "pause",
        "stop": "quit",
    }
)
_HELD = {"slow"}  # what counts only while its control is held
PLACES = MappingProxyType(
    {
        "leftx": "left stick",
        "lefty": "left stick",
        "rightx": "right stick",
        "righty": "right stick",
        "lefttrigger": "LT",
        "righttrigger": "RT",
        "leftshoulder": "LB",
        "rightshoulder": "RB",
        "leftstick": "left stick pressed",
        "rightstick": "right stick pressed",
        "dpup": "D-pad up",
        "dpdown": "D-pad down",
        "dpleft": "D-pad left",
        "dpright": "D-pad right",
        "a": "A",
        "b": "B",
        "x": "X",
        "y": "Y",
        "back": "Back",
        "start": "Start",
        "guide": "Guide",
        "misc1": "Share",
        "paddle1": "paddle 1",
        "paddle2": "paddle 2",
        "paddle3": "paddle 3",
        "paddle4": "paddle 4",
        "touchpad": "touchpad",
    }
)
"""A pad's controls, as Xbox pads have them; SDL's names are places, the same on every pad."""
AXES = frozenset(axis for stick in STICKS for axis in stick)


Does = Mapping[tuple[str, int], str]
"""What each control, moved this way, does; the way is that of :class:`Use`."""


class Use(NamedTuple):
    """One way to move a control, and what that does."""

    control: str
    direction: int  # of a stick: 1 right or down, -1 left or up; 0 for all else
    does: str


def uses(config: ManualConfig, *, wrist: bool) -> tuple[Use, ...]:
    """What every control that does something does, in the order of the device's controls."""
    found = [
        use
        for deed, used in config.layout(wrist=wrist).items()
        for term in used
        for use in _uses(config, deed, term)
    ]
    return tuple(sorted(found, key=lambda use: config.available.index(use.control)))


def place(control: str, direction: int = 0, *, pad: bool) -> str:
    """What to move, such as "left stick up"; a keyboard's controls are no ``pad``'s.

    Beside a pad's, the operator's page has keys.
    """
    name = PLACES.get(control, control.removeprefix(KEY)) if pad else control
    if not direction:
        return name
    directions = ("up", "down") if control.endswith("y") else ("left", "right")
    return f"{name} {directions[direction > 0]}"


def _uses(config: ManualConfig, deed: str, term: Term) -> Iterator[Use]:
    if deed not in DIRECTIONS:
        yield Use(term.control, 0, _deed(config, deed))
        return
    positive, negative = DIRECTIONS[deed]
    if term.control in AXES:
        for direction in (-1, 1):
            yield Use(term.control, direction, positive if term.sign * direction > 0 else negative)
    else:
        yield Use(term.control, 0, positive if term.sign > 0 else negative)


def _deed(config: ManualConfig, deed: str) -> str:
    if deed == "take_over":
        return "take over (hold)" if config.take_over == "hold" else "take over (on / off)"
    return f"{DEEDS[deed]} (hold)" if deed in _HELD else DEEDS[deed]


def by_control(config: ManualConfig, *, wrist: bool) -> Does:
    """What every control that does something does."""
    return {(use.control, use.direction): use.does for use in uses(config, wrist=wrist)}


def stick_words(does: Does, side: str) -> list[str]:
    """What the "left" or "right" stick does, in a few short lines."""
    lines = []
    for axis, directions in (("y", "↑ ↓"), ("x", "← →")):
        first, second = does.get((f"{side}{axis}", -1)), does.get((f"{side}{axis}", 1))
        if first and second:
            lines.append(f"{directions}  {first} / {second}")
    if (pressed := does.get((f"{side}stick", 0))) is not None:
        lines.append(f"pressed: {pressed}")
    return lines


def ready(config: ManualConfig) -> str:
    """What to press to have an episode begin: the control that says success."""
    return _either(config, config.layout(wrist=False).get("success", ()))


def hint(config: ManualConfig, *, wrist: bool) -> str:
    """How the operator tells the run what to do, in a line."""
    layout = config.layout(wrist=wrist)
    said = {words: _either(config, layout.get(deed, ())) for deed, words in _HINTS.items()}
    return ", ".join(f"{controls} {words}" for words, controls in said.items() if controls)


def _either(config: ManualConfig, used: Iterable[Term]) -> str:
    """Which controls do the same; what is touched says so itself."""
    pad = config.sticks is not None
    found = (term.control for term in used if not term.control.startswith(TOUCH))
    return " or ".join(place(control, pad=pad) for control in found)
