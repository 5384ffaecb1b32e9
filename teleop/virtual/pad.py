"""A gamepad that no hand holds: attached to the SDL that pygame has loaded, moved by messages.

What reads it gets SDL's own joystick and controller events, at once and in order. A ``Listener``
moves it from outside; its messages are

- ``{"axis": "leftx", "value": 0.5}``: a stick, -1 to 1, right and down positive, or a trigger, 0
  to 1; a number instead of the name is a raw axis, -1 to 1;
- ``{"axis": "leftx", "value": 0.5, "polls": 9}``: so for as many polls, then back at rest;
- ``{"button": "y", "down": true}``; a number instead of the name is a raw button;
- ``{"button": "y", "polls": 9}``: held for as many polls;
- ``{"tap": "y", "seconds": 0.001}``: pressed and let go again;
- ``{"hat": 0, "to": [0, 1]}``: a raw hat: right and up are positive;
- ``{"plug": false}`` and ``{"plug": true}``: unplugged and plugged in, everything at rest;
- ``{"plug": {"name": "Twin Stick", "axes": 4, "buttons": 12}}``: another ``Model`` is plugged in
  instead, here a plain joystick;
- ``{"rumbles": true}``: nothing changes.

Each is answered with when it was done and how often the pad had been polled by then,
``{"at": time.monotonic(), "polls": 312}``, and the last with every rumble so far too,
``{"rumbles": [[low, high], ...]}``, both in [0, 1]. Names are for a pad with the standard layout;
any other has numbers only.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, TypeAdapter

from configs.manual import BUTTONS, STICKS, TRIGGERS
from teleop.base import TeleopError
from teleop.gamepad.sdl import SDL_LOCK, pygame
from teleop.virtual.remote import Message

AXES = (*STICKS[0], *STICKS[1], *TRIGGERS)
"""The axes of the standard layout, in SDL's order."""

_LONGEST_TAP_S = 10.0
_MOST = 32767
_MOST_PARTS = 255  # axes, buttons or hats of a pad
_LEAST = -32768
_JOYSTICK = 0x200  # SDL_INIT_JOYSTICK
_VIRTUAL_BUS = 0xFF
_LOADED = Path("/proc/self/maps")
_ACROSS = {-1: 8, 0: 0, 1: 2}  # SDL_HAT_LEFT, SDL_HAT_RIGHT
_ALONG = {-1: 4, 0: 0, 1: 1}  # SDL_HAT_DOWN, SDL_HAT_UP

_RumbleFunction = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint16, ctypes.c_uint16)


class _Description(ctypes.Structure):
    """SDL_VirtualJoystickDesc."""

    _fields_: ClassVar = [
        *((name, ctypes.c_uint16) for name in ("version", "type", "axes", "buttons", "hats")),
        *((name, ctypes.c_uint16) for name in ("vendor", "product", "padding")),
        *((name, ctypes.c_uint32) for name in ("button_mask", "axis_mask")),
        ("name", ctypes.c_char_p),
        ("userdata", ctypes.c_void_p),
        ("update", ctypes.c_void_p),
        ("set_player", ctypes.c_void_p),
        ("rumble", _RumbleFunction),
        *((name, ctypes.c_void_p) for name in ("rumble_triggers", "set_led", "send_effect")),
    ]


@dataclass(frozen=True)
class Model:
    """A pad as its driver shows it to SDL."""

    name: str
    axes: Annotated[int, Field(ge=0, le=_MOST_PARTS)]
    buttons: Annotated[int, Field(ge=0, le=_MOST_PARTS)]
    hats: Annotated[int, Field(ge=0, le=_MOST_PARTS)] = 0
    vendor: Annotated[int, Field(ge=0, le=0xFFFF)] = 0
    product: Annotated[int, Field(ge=0, le=0xFFFF)] = 0
    known_as: str = ""
    """GUID of a real pad, whose mapping in SDL's database it gets."""
    mapping: str = ""
    """What its axes and buttons are, as SDL writes it, if it stands for no real pad. With neither
    it is a plain joystick."""
    triggers: tuple[int, ...] = ()
    """Raw axes that rest at their lower end."""


_MODELS = TypeAdapter(Model)


STANDARD = Model(
    "Virtual Gamepad",
    axes=len(AXES),
    buttons=len(BUTTONS),
    mapping=",".join(
        [f"{name}:a{place}" for place, name in enumerate(AXES)]
        + [f"{name}:b{place}" for place, name in enumerate(BUTTONS)]
    ),
    triggers=(4, 5),
)
"""The standard layout: everything that SDL has a name for, in the order of the names."""


class VirtualPad:
    """A pad of one ``model``, plugged in while entered; SDL's joysticks must be started.

    ``rumbles`` are all that it was asked for: low and high frequency, each in [0, 1]. Whoever polls
    it calls ``polled`` after each, and so is the time in which it lives.
    """

    _plugged: ClassVar[set[VirtualPad]] = set()  # SDL calls them back

    def __init__(self, model: Model = STANDARD) -> None:
        self.model = model
        self.rumbles: list[tuple[float, float]] = []
        self.polls = 0
        self._then: list[tuple[int, Callable[[], None]]] = []  # what is done after so many polls
        self._sdl = _sdl()
        self._joystick: int | None = None
        self._instance = -1
        self._rumble = _RumbleFunction(self._on_rumble)

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(self, *error: object) -> None:
        self.unplug()

    @property
    def index(self) -> int | None:
        """Its place among SDL's joysticks; None if it is not plugged in."""
        if self._joystick is None:
            return None
        with SDL_LOCK:
            count = self._sdl.SDL_NumJoysticks()
            ids = [self._sdl.SDL_JoystickGetDeviceInstanceID(place) for place in range(count)]
        return ids.index(self._instance) if self._instance in ids else None

    def plug(self) -> None:
        """Plug it in, everything at rest."""
        with SDL_LOCK:
            if not self._sdl.SDL_WasInit(_JOYSTICK):
                raise TeleopError("No virtual gamepad without SDL: start it first.")
            if self.index is None:
                self._attach()

    def unplug(self) -> None:
        """Unplug it, whatever is held."""
        with SDL_LOCK:
            place = self.index
            if place is not None:
                self._sdl.SDL_JoystickDetachVirtual(place)
                self._sdl.SDL_JoystickClose(self._joystick)
            self._joystick = None
            self._plugged.discard(self)

    def axis(self, which: str | int, value: float) -> None:
        """Move a stick or a trigger by name, or a raw axis, in [-1, 1], by number."""
        least = 0 if which in TRIGGERS else -1
        if not least <= value <= 1:
            raise ValueError(f"{which}: {value} is not from {least} to 1")
        if which in TRIGGERS:
            value = 2 * value - 1
        place = self._place("axis", AXES, which)
        self._set("Axis", place, round(value * (_MOST if value > 0 else -_LEAST)))

    def button(self, which: str | int, *, down: bool) -> None:
        """Press a button, or let it go, by name or raw number."""
        self._set("Button", self._place("button", BUTTONS, which), down)

    def tap(self, which: str | int, seconds: float = 0.001) -> None:
        """Press a button and let it go again; ``seconds`` are at most 10."""
        if not 0 <= seconds <= _LONGEST_TAP_S:
            raise ValueError(f"a tap lasts from 0 to {_LONGEST_TAP_S:g} s, not {seconds}")
        self.button(which, down=True)
        time.sleep(seconds)
        self.button(which, down=False)

    def hat(self, which: int, right: int, up: int) -> None:
        """Move a raw hat: right and up are 1, left and down -1."""
        self._set("Hat", which, _ACROSS[right] | _ALONG[up])

    def polled(self) -> None:
        """Somebody has taken in what it does now."""
        with SDL_LOCK:
            self.polls += 1
            due = [act for polls, act in self._then if polls <= self.polls]
            self._then = [(polls, act) for polls, act in self._then if polls > self.polls]
            for act in due:
                with suppress(ValueError):  # it was unplugged meanwhile
                    act()

    def handle(self, message: Message) -> Message:
        """Do what a message says; raises an error of some kind if it cannot."""
        answer: Message = {"at": time.monotonic(), "polls": self.polls}
        match message:
            case {"axis": which, "value": value, "polls": int(polls)}:
                move, back = partial(self.axis, which, value), partial(self.axis, which, 0.0)
                self._for_polls(polls, move, back)
            case {"button": which, "polls": int(polls)}:
                press = partial(self.button, which)
                self._for_polls(polls, partial(press, down=True), partial(press, down=False))
            case {"axis": which, "value": value}:
                self.axis(which, value)
            case {"button": which, "down": bool(down)}:
                self.button(which, down=down)
            case {"tap": which, "seconds": seconds}:
                self.tap(which, seconds)
            case {"hat": which, "to": [right, up]}:
                self.hat(which, right, up)
            case {"plug": bool(plugged)}:
                (self.plug if plugged else self.unplug)()
            case {"plug": dict(fields)}:
                model = _MODELS.validate_python(vars(Model(**fields)))
                self.unplug()
                self.model = model
                self.plug()
            case {"rumbles": True}:
                answer["rumbles"] = list(self.rumbles)
            case _:
                raise ValueError(f"a virtual pad knows no {message}")
        return answer

    def _for_polls(self, polls: int, act: Callable[[], None], back: Callable[[], None]) -> None:
        """``act`` now, and ``back`` once as many polls have taken that in."""
        with SDL_LOCK:
            act()
            self._then.append((self.polls + polls, back))

    def _place(self, what: str, names: tuple[str, ...], which: str | int) -> int:
        """The raw number of ``which``."""
        if isinstance(which, int):
            return which
        if self.model is not STANDARD:
            raise ValueError(f"{self.model.name} has no names, only numbers")
        if which not in names:
            raise ValueError(f"no {what} '{which}'; there are: {', '.join(names)}")
        return names.index(which)

    def _set(self, what: str, place: int, value: int) -> None:
        with SDL_LOCK:
            if self.index is None:
                raise ValueError("it is not plugged in")
            if getattr(self._sdl, f"SDL_JoystickSetVirtual{what}")(self._joystick, place, value):
                raise ValueError(f"{self.model.name}: {self._error()}")
            self._sdl.SDL_JoystickUpdate()

    def _attach(self) -> None:
        self._learn_mapping()
        model = self.model
        description = _Description(
            version=1,
            axes=model.axes,
            buttons=model.buttons,
            hats=model.hats,
            vendor=model.vendor,
            product=model.product,
            name=model.name.encode(),
            rumble=self._rumble,
        )
        place = self._sdl.SDL_JoystickAttachVirtualEx(ctypes.byref(description))
        self._joystick = self._sdl.SDL_JoystickOpen(place) if place >= 0 else None
        if not self._joystick:
            raise TeleopError(f"No virtual gamepad, SDL says: {self._error()}")
        self._plugged.add(self)
        self._instance = self._sdl.SDL_JoystickGetDeviceInstanceID(place)
        for axis in model.triggers:
            self._sdl.SDL_JoystickSetVirtualAxis(self._joystick, axis, _LEAST)
        self._sdl.SDL_JoystickUpdate()

    def _learn_mapping(self) -> None:
        """Tell SDL what this pad's axes and buttons are, unless it is a plain joystick."""
        model = self.model
        fields = f"{model.name},{model.mapping}"
        if model.known_as:
            real = self._sdl.SDL_JoystickGetGUIDFromString(model.known_as.encode())
            line = self._sdl.SDL_GameControllerMappingForGUID(real)
            if not line:
                raise TeleopError(f"SDL knows no pad {model.known_as}")
            fields = line.decode().split(",", 1)[1]
        if model.known_as or model.mapping:
            self._sdl.SDL_GameControllerAddMapping(f"{self._guid()},{fields}".encode())

    def _guid(self) -> str:
        """As SDL makes it, but without the name's checksum, which stands for any."""
        model = self.model
        bus = _VIRTUAL_BUS.to_bytes(4, "little")
        if model.vendor and model.product:
            numbers = (model.vendor, model.product, 0)
            ids = b"".join(number.to_bytes(4, "little") for number in numbers)[:10]
        else:
            ids = model.name.encode()[:9].ljust(10, b"\0")
        return (bus + ids + b"v\0").hex()

    def _on_rumble(self, _: object, low: int, high: int) -> int:
        self.rumbles.append((low / 0xFFFF, high / 0xFFFF))
        return 0

    def _error(self) -> str:
        return str(self._sdl.SDL_GetError().decode())


class _GUID(ctypes.Structure):
    _fields_: ClassVar = [("data", ctypes.c_uint8 * 16)]


def _sdl() -> ctypes.CDLL:
    """The SDL that pygame has loaded."""
    for path in _candidates():
        try:
            sdl = ctypes.CDLL(path)
            sdl.SDL_JoystickAttachVirtualEx.restype = ctypes.c_int
        except (OSError, AttributeError):
            continue
        sdl.SDL_JoystickOpen.restype = ctypes.c_void_p
        for what in ("Axis", "Button", "Hat"):
            function = getattr(sdl, f"SDL_JoystickSetVirtual{what}")
            function.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
        sdl.SDL_JoystickClose.argtypes = [ctypes.c_void_p]
        sdl.SDL_JoystickGetGUIDFromString.restype = _GUID
        sdl.SDL_GameControllerMappingForGUID.argtypes = [_GUID]
        sdl.SDL_GameControllerMappingForGUID.restype = ctypes.c_char_p
        sdl.SDL_GetError.restype = ctypes.c_char_p
        return sdl
    raise TeleopError("No virtual gamepad: the SDL that pygame has loaded is not found.")


def _candidates() -> Iterator[str]:
    """Where it may be: on Linux among what this process has loaded, else beside pygame."""
    if _LOADED.exists():
        paths = {line.split(maxsplit=5)[-1].strip() for line in _LOADED.read_text().splitlines()}
        yield from sorted(path for path in paths if "/libSDL2-2" in path)
    home = Path(pygame.__file__).parent
    for pattern in (".dylibs/libSDL2-2*", "SDL2.dll"):
        yield from map(str, home.glob(pattern))
