"""Devices with sticks, buttons or keys: what each of their controls does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from configs.registry import Factory
from configs.teleop import TELEOPS, TeleopConfig
from configs.text.paths import UserPath

if TYPE_CHECKING:
    from configs.run import RunConfig

Motion = Literal["x", "y", "z", "pitch", "roll"]
Deed = Literal[
    "take_over",
    "slow",
    "open",
    "close",
    "toggle_gripper",
    "success",
    "failure",
    "rerecord",
    "pause",
    "stop",
    "emergency_stop",
]
Doing = Literal[Motion, Deed]
MOTIONS: tuple[Motion, ...] = ("x", "y", "z", "pitch", "roll")
WRIST: tuple[Motion, ...] = ("pitch", "roll")

STICKS = (("leftx", "lefty"), ("rightx", "righty"))  # right and down are positive
_STICK_AXES = frozenset(axis for stick in STICKS for axis in stick)
TRIGGERS = ("lefttrigger", "righttrigger")
BUTTONS = (
    *("a", "b", "x", "y", "back", "guide", "start", "leftstick", "rightstick"),
    *("leftshoulder", "rightshoulder", "dpup", "dpdown", "dpleft", "dpright"),
    *("misc1", "paddle1", "paddle2", "paddle3", "paddle4", "touchpad"),
)
"""A pad's buttons, as SDL's GameController names them; the triggers count as buttons too."""
PAD = (*(axis for stick in STICKS for axis in stick), *TRIGGERS, *BUTTONS)
KEYS = (
    *"abcdefghijklmnopqrstuvwxyz0123456789",
    *("up", "down", "left", "right", "pageup", "pagedown", "home", "end", "insert", "delete"),
    *("space", "return", "tab", "backspace", "escape"),
    *("leftshift", "rightshift", "leftctrl", "rightctrl", "leftalt", "rightalt"),
    *(f"f{number}" for number in range(1, 13)),
)
"""A keyboard's keys."""

_CONTROL = r"([a-z][a-z0-9]*|[0-9])"
_TERM = re.compile(rf"([+-]?){_CONTROL}")
_SUM = re.compile(rf"[+-]?{_CONTROL}([+-]{_CONTROL})*")


class Term(NamedTuple):
    """A control and the sign with which it counts."""

    sign: int
    control: str


def terms(binding: str) -> tuple[Term, ...]:
    """The controls of a binding such as "-lefty" or "righttrigger-lefttrigger".

    Raises ValueError unless it is a sum of controls.
    """
    text = binding.replace(" ", "").lower()
    if not _SUM.fullmatch(text):
        raise ValueError(f"'{binding}' is not a sum of controls such as '-lefty' or 'up-down'")
    return tuple(Term(-1 if sign == "-" else 1, name) for sign, name in _TERM.findall(text))


def _digit(binding: object) -> object:
    """The key that a file or an option names as a number."""
    return str(binding) if type(binding) is int else binding


class ManualConfig(TeleopConfig):
    """What all devices with sticks, buttons or keys share."""

    device: ClassVar[Factory]  # makes the operator's device, of this or of the window
    in_window: ClassVar[bool] = False  # its keys are pressed there
    in_browser: ClassVar[bool] = False  # on whatever computer that is
    how: ClassVar[str] = ""  # it is read
    available: ClassVar[tuple[str, ...]] = ()  # the device's controls
    position_layout: ClassVar[Mapping[str, str]] = MappingProxyType({})
    wrist_layout: ClassVar[Mapping[str, str]] = MappingProxyType({})

    controls: dict[Doing, Annotated[str | None, BeforeValidator(_digit)]] = {}
    """What differs from the default layout: a control, or a sum such as "dpup-dpdown", by what it
    does (x, y, z, pitch, roll, take_over, slow, open, close, toggle_gripper, success, failure,
    rerecord, pause, stop, emergency_stop); null for none."""
    take_over: Literal["hold", "toggle"] = "hold"
    """Whether the operator acts while the take-over control is held, or from one press to the
    next."""
    speed: dict[Motion, Annotated[float, Field(gt=0, le=1)]] = {}
    """Fastest motion as a share of a full action, where it is less than 1, by motion."""
    slow_speed: float = Field(0.3, gt=0, le=1)
    """Speed while the slow control is held, as a share of the usual one."""
    on_loss: Literal["hold", "hand_back"] = "hold"
    """When the device is lost: the arm holds until it is back and the operator takes over or
    presses pause, or the policy goes on alone."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for deed, binding in self.controls.items():
            try:
                used = () if binding is None else terms(binding)
            except ValueError as error:
                raise ValueError(f"controls.{deed}: {error}") from None
            for _, control in used:
                if deed not in MOTIONS and control.removeprefix("touch") in _STICK_AXES:
                    raise ValueError(f"controls.{deed}: a stick cannot be pressed: name a button")
                if control not in self.available:
                    known = ", ".join(self.available)
                    raise ValueError(f"controls.{deed}: no control '{control}'; controls: {known}")
        return self

    def layout(self, *, wrist: bool) -> dict[str, tuple[Term, ...]]:
        """What each control does: terms by deed; ``wrist`` has the motions of the wrist."""
        usual = self.wrist_layout if wrist else self.position_layout
        own: dict[str, str | None] = dict(self.controls.items())
        chosen = {**usual, **own}
        found = {deed: terms(binding) for deed, binding in chosen.items() if binding is not None}
        return {deed: used for deed, used in found.items() if wrist or deed not in WRIST}

    @property
    def manual(self) -> ManualConfig:
        """Itself."""
        return self

    @property
    def sticks(self) -> PadConfig | None:
        """What it is, if it has the sticks of a gamepad."""
        return None

    def check(self, run: RunConfig) -> None:
        """Raise ValueError if a control would do two things."""
        self.check_controls(wrist=run.processor.wrist is not None)

    def check_controls(self, *, wrist: bool) -> None:
        """Raise ValueError if a control would do two things."""
        layout = self.layout(wrist=wrist)
        counts = Counter(control for used in layout.values() for _, control in used)
        for control, count in counts.items():
            if count > 1:
                deeds = [deed for deed, used in layout.items() if control in {c for _, c in used}]
                raise ValueError(
                    f"teleop.controls: {control} would do {' and '.join(deeds)}: give one of "
                    "them another control, or null"
                )


_PAD_DEEDS = {
    "take_over": "rightshoulder",
    "success": "y",
    "failure": "a",
    "rerecord": "x",
    "emergency_stop": "b",
    "pause": "start",
    "stop": "back",
}


class PadConfig(ManualConfig):
    """What gamepads share, however they are read."""

    available: ClassVar[tuple[str, ...]] = PAD
    position_layout: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "x": "-lefty",
            "y": "-leftx",
            "z": "-righty",
            "slow": "leftshoulder",
            "close": "lefttrigger",
            "open": "righttrigger",
            **_PAD_DEEDS,
        }
    )
    wrist_layout: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "x": "-lefty",
            "y": "-leftx",
            "z": "righttrigger-lefttrigger",
            "pitch": "-righty",
            "roll": "rightx",
            "slow": "leftstick",
            "toggle_gripper": "leftshoulder",
            **_PAD_DEEDS,
        }
    )

    dead_zone: float = Field(0.12, ge=0, lt=0.9)
    """Share of a stick's or a trigger's way in which it counts as at rest; beyond it, motion begins
    at 0."""
    curve: dict[Motion, Annotated[float, Field(ge=1, le=5)]] = {}
    """Exponent of the response, where it is not 1.5, by motion: 1 is linear, more is finer about
    the middle."""
    rumble: float = Field(0.5, ge=0, le=1)
    """How strongly the pad rumbles when a take-over begins and when the policy asks for one; 0 for
    never."""

    @property
    def sticks(self) -> PadConfig:
        """Itself."""
        return self


@TELEOPS.register("teleop.manual:make")
class GamepadConfig(PadConfig):
    """A gamepad, read by SDL: any pad that games know."""

    device = "teleop.gamepad.pad:SDLPad"
    how = "read by SDL"

    type: Literal["gamepad"] = "gamepad"
    """The teleoperator's name."""
    pad: str | None = None
    """Part of the pad's name, or its vendor and product such as "046d:c219", if there are several;
    null for the first."""
    virtual: UserPath | None = None
    """For tests and demos: no real pad, but one that is moved through this local socket."""


@TELEOPS.register("teleop.manual:make")
class GamepadHIDConfig(PadConfig):
    """A gamepad, read report by report, where SDL does not serve."""

    device = "teleop.gamepad.hid:HIDPad"
    how = "read report by report"

    type: Literal["gamepad_hid"] = "gamepad_hid"
    """The teleoperator's name."""
    pad: str | None = None
    """Vendor and product of the pad, such as "046d:c219", or part of its name; null for the first
    that is known."""


_KEYBOARD = {
    "x": "up-down",
    "y": "left-right",
    "z": "e-d",
    "take_over": "leftshift",
    "slow": "leftctrl",
    "open": "o",
    "close": "c",
    "toggle_gripper": "g",
    "success": "s",
    "failure": "f",
    "rerecord": "r",
    "pause": "p",
    "stop": "q",
    "emergency_stop": "space",
}


@TELEOPS.register("teleop.manual:make")
class KeyboardConfig(ManualConfig):
    """The keyboard, while a small window has the focus."""

    device = "teleop.keyboard:KeyboardWindow"
    in_window = True
    how = "while its window has the focus"

    available: ClassVar[tuple[str, ...]] = KEYS
    position_layout: ClassVar[Mapping[str, str]] = MappingProxyType(_KEYBOARD)
    wrist_layout: ClassVar[Mapping[str, str]] = MappingProxyType(
        {**_KEYBOARD, "pitch": "i-k", "roll": "l-j"}
    )

    type: Literal["keyboard"] = "keyboard"
    """The teleoperator's name."""
    virtual: UserPath | None = None
    """For tests and demos: keys are pressed through this local socket, too."""
