"""A gamepad, read by SDL: every pad that games know, under the same names."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from typing import Self

from configs.manual import BUTTONS, STICKS, TRIGGERS, GamepadConfig
from configs.text.reading import shown
from teleop.base import TeleopError
from teleop.device import PULLED, DeviceState, Latch
from teleop.gamepad.plugged import (
    PluggedDevice,
    connected,
    ids_of,
    is_called,
    none_of_these,
    permission,
    unreadable,
)
from teleop.gamepad.reader import DeviceReader
from teleop.gamepad.sdl import SDL_ERRORS, SDL_LOCK, controller, events, gamepads, pygame
from teleop.virtual.pad import VirtualPad
from teleop.virtual.remote import PadListener

_AXES = (*STICKS[0], *STICKS[1], *TRIGGERS)  # in SDL's order, as BUTTONS are
_FULL = 32767
_LET_GO = pygame.CONTROLLERBUTTONUP
_PRESSES = (pygame.CONTROLLERBUTTONDOWN, _LET_GO)
_AS_CONTROLLER = (*_PRESSES, pygame.CONTROLLERAXISMOTION)
_PLUGGING = (pygame.JOYDEVICEADDED, pygame.JOYDEVICEREMOVED)
_MOVES = (*_AS_CONTROLLER, pygame.JOYAXISMOTION, pygame.JOYBUTTONDOWN, pygame.JOYBUTTONUP)
_TEST = "hil-app gamepad test"


class SDLPad:
    """A gamepad of ``config``, as a device: entered, then polled once a tick.

    Entering raises TeleopError, with the remedy, if there is none that can be used. Once its pad is
    unplugged it is lost until there is one that ``config`` allows: the same again, another that is
    plugged in, or one that was there all the time. While nobody has touched the one in use, it
    gives way to one that is plugged in after it, and to any on which a button is pressed: that is
    the one in the hand.

    An axis counts once it has moved: what drivers say of it before may be wrong (0 for a trigger
    that rests at -1, -1 for a stick that rests in its middle).

    What drivers keep for a slow reader is little: on Linux 128 events, which two sticks in motion
    fill in a tenth of a second, and then presses are gone. So there the pad is read between the
    polls, too.
    """

    def __init__(self, config: GamepadConfig) -> None:
        self._config = config
        self._latch = Latch()
        self._stack = ExitStack()
        self._virtual: VirtualPad | None = None
        self._reader: DeviceReader | None = None
        self._controller: controller.Controller | None = None
        self._instance = -1
        self._name = ""
        self._missed = False  # it was lost since the last poll
        self._look = False  # for another one: something was plugged in, or ours is lost
        self._untouched = False  # by anybody, since it is in use
        self._others: dict[
            int, controller.Controller
        ] = {}  # by instance, heard until it is touched
        self._latest = -1  # instance of what was plugged in last when ours was chosen
        self._untold: dict[int, int] = {}  # raw axes that have not moved, and where they began
        self._lowest: dict[str, float] = {}  # of each trigger: where it rests

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(gamepads())
            if self._config.virtual is not None:
                self._virtual = stack.enter_context(VirtualPad())
            stack.callback(self._drop)
            self._begin()
            if self._config.virtual is not None and self._virtual is not None:
                stack.enter_context(PadListener(self._config.virtual, self._virtual.handle))
            if sys.platform == "linux":
                self._reader = stack.enter_context(DeviceReader(self._read))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def name(self) -> str:
        """What SDL calls the pad."""
        return self._name

    def poll(self) -> DeviceState | None:
        """The pad now, and every press since the last poll; None if it was lost in between.

        Raises TeleopError once it cannot be read between the polls any more.
        """
        if self._reader is not None:
            self._reader.check()
        with SDL_LOCK:
            self._take_in(pump=True)
            if self._look and (self._controller is None or self._untouched):
                self._seek()
            missed, self._missed = self._missed, False
            state = None if missed or self._controller is None else self._latch.take()
            if self._virtual is not None:
                self._virtual.polled()
            return state

    def rumble(self, strength: float, seconds: float) -> None:
        """Let the hand feel something, if the pad can; ``strength`` in [0, 1]."""
        with SDL_LOCK:
            if self._controller is not None:
                self._controller.rumble(strength, strength, round(1000 * seconds))

    def _read(self) -> None:
        """Empty the driver's queue and SDL's between two polls."""
        with SDL_LOCK:
            controller.update()
            self._take_in(pump=False)

    def _take_in(self, *, pump: bool) -> None:
        """Take in what happened, but for what drivers say of an axis that has not moved.

        What an axis is as a controller's stick, trigger or button comes right before the axis.
        """
        happened = events(pump=pump)
        if happened is None:  # nobody knows what: begin again
            self._drop()
        waiting: list[pygame.event.Event] = []
        for event in happened or ():
            if event.type in _AS_CONTROLLER:
                waiting.append(event)
                continue
            if self._echoes(event):
                waiting = [before for before in waiting if before.type == _LET_GO]
            for before in waiting:
                self._apply(before)
            waiting.clear()
            self._apply(event)
        for event in waiting:
            self._apply(event)

    def _echoes(self, event: pygame.event.Event) -> bool:
        """Whether one of our raw axes only says where it began."""
        if event.type != pygame.JOYAXISMOTION or event.instance_id != self._instance:
            return False
        if self._untold.get(event.axis) == round(event.value * _FULL):
            return True
        self._untold.pop(event.axis, None)
        return False

    def _apply(self, event: pygame.event.Event) -> None:
        """Take one event in, if it is of our pad."""
        kind = event.type
        if kind in _PLUGGING:  # SDL forgets that one has come if another goes
            self._look = True
        instance = getattr(event, "instance_id", None)
        if kind == pygame.CONTROLLERBUTTONDOWN and instance in self._others:
            self._turn_to(instance)
        if instance != self._instance:
            return
        if kind == pygame.JOYDEVICEREMOVED:
            self._drop()
        elif kind == pygame.CONTROLLERAXISMOTION and event.axis < len(_AXES):
            self._move(_AXES[event.axis], max(event.value / _FULL, -1.0))
        elif kind in _PRESSES and event.button < len(BUTTONS):
            self._touch()
            self._latch.button(BUTTONS[event.button], down=kind == pygame.CONTROLLERBUTTONDOWN)

    def _move(self, name: str, value: float) -> None:
        """An axis is at ``value``; a trigger's way begins where it rests, its lowest so far."""
        if name in TRIGGERS:
            lowest = self._lowest[name] = min(self._lowest[name], value)
            value = (value - lowest) / (1.0 - lowest) if lowest < 1.0 else 0.0
        if abs(value) >= PULLED:  # less may be a drift
            self._touch()
        self._latch.axis(name, value)

    def _begin(self) -> None:
        """Open the pad to use; TeleopError, with the remedy, if there is none."""
        problem: str | None = None
        found = connected()
        for pad in filter(self._fits, found):
            try:
                self._open(pad, found)
            except SDL_ERRORS as error:
                problem = problem or f"{pad.name} cannot be opened, SDL says: {error}"
                continue
            self._missed = False
            return
        raise TeleopError(problem or _nothing_for(self._config.pad, found))

    def _seek(self) -> None:
        """Go on with the pad that was plugged in last, of those to use; it came after ours."""
        self._look = False
        found, before = connected(), self._controller
        for pad in sorted(filter(self._fits, found), key=lambda pad: -pad.instance):
            if before is not None and pad.instance <= self._latest:
                return
            try:
                self._open(pad, found)
            except SDL_ERRORS:  # it is gone again, or not ready yet
                self._look = True
                continue
            if before is not None:
                self._let_go(before)
            return

    def _fits(self, pad: PluggedDevice) -> bool:
        """Whether it is a pad to use."""
        if self._virtual is not None:
            return pad.place == self._virtual.index
        return pad.known and pad.is_called(self._config.pad)

    def _open(self, pad: PluggedDevice, found: list[PluggedDevice]) -> None:
        """Use ``pad``, and hear the others of ``found``."""
        opened = controller.Controller(pad.place)
        controller.update()  # the driver says where its axes are
        pygame.event.clear(_MOVES)
        self._use(opened)
        self._forget_others()
        self._latest = max(one.instance for one in found)
        for other in filter(self._fits, found):
            if other.instance != pad.instance:
                with suppress(*SDL_ERRORS):
                    self._others[other.instance] = controller.Controller(other.place)

    def _use(self, opened: controller.Controller) -> None:
        stick = opened.as_joystick()
        axes = range(stick.get_numaxes())
        self._untold = {axis: round(stick.get_axis(axis) * (_FULL + 1)) for axis in axes}
        starts = {name: opened.get_axis(place) / _FULL for place, name in enumerate(_AXES)}
        self._lowest = {name: starts[name] for name in TRIGGERS}
        self._instance, self._untouched = stick.get_instance_id(), True
        self._controller, self._name = opened, shown(opened.name)

    def _turn_to(self, instance: int) -> None:
        """Use the pad on which somebody presses a button, in place of one that nobody touched."""
        before = self._controller
        self._use(self._others.pop(instance))
        self._latch.release()
        if before is not None:
            before.quit()

    def _touch(self) -> None:
        """Somebody has the pad in use in the hand."""
        self._untouched = False
        self._forget_others()

    def _forget_others(self) -> None:
        for other in self._others.values():
            other.quit()
        self._others.clear()

    def _drop(self) -> None:
        """Let go of the pad and of everything that was held."""
        opened, self._controller = self._controller, None
        self._instance, self._look = -1, True
        self._forget_others()
        if opened is not None:
            self._let_go(opened)

    def _let_go(self, opened: controller.Controller) -> None:
        self._latch.release()
        self._missed = True
        opened.quit()


def _nothing_for(wanted: str | None, found: list[PluggedDevice]) -> str:
    """Why there is no pad to use, and what to do: what may not be read comes first."""
    barred = unreadable()
    for name, node in barred:
        if is_called(wanted, name, ids_of(node)):
            return permission(name, node)
    called = [pad for pad in found if pad.is_called(wanted)]
    for pad in called:
        if pad.teachable:
            return (
                f"{pad.name} is a joystick that SDL has no mapping for: assign its buttons once "
                "with hil-app gamepad setup"
            )
    if wanted is not None and (found or barred):
        there = [f"{pad.name} ({pad.ids})" for pad in found]
        there += [f"{name}, which may not be read" for name, _ in barred]
        called_so = f"is called '{wanted}'{none_of_these(called)}"
        return f"teleop.pad: no gamepad {called_so}; there are: {', '.join(there)}"
    others = none_of_these(found)
    return (
        f"No gamepad is plugged in{others}: plug one in, or switch it on ({_TEST} shows it), or "
        "use the keyboard, --teleop.type=keyboard, or a browser, --teleop.type=page"
    )
