"""Joysticks as their drivers have them: axes, buttons and hats by number.

::

    with gamepads():
        stick = joysticks()[0]
        while (state := stick.poll()) is not None:
            ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from configs.text.reading import shown
from teleop.gamepad.sdl import SDL_LOCK, controller, events, pygame

_FULL = 32767


class RawState(NamedTuple):
    """A joystick at one instant."""

    axes: tuple[float, ...]  # in [-1, 1]
    buttons: tuple[bool, ...]
    hats: tuple[tuple[float, float], ...]  # right and up are 1, left and down -1


class RawJoystick:
    """SDL's joystick number ``place``, one of those that ``joysticks`` found.

    SDL must stay started while it is used. ``gone`` are instances that were unplugged.
    """

    def __init__(self, place: int, gone: set[int]) -> None:
        self._joystick = pygame.joystick.Joystick(place)
        self.name = shown(self._joystick.get_name())
        self.guid = self._joystick.get_guid()  # of its model
        self.known = bool(controller.is_controller(place))  # whether SDL has a mapping for it
        self._gone = gone
        self._last = tuple(
            self._joystick.get_axis(place) for place in range(self._joystick.get_numaxes())
        )

    def poll(self) -> RawState | None:
        """What it is like now; None once it is unplugged. Empties SDL's queue of events."""
        states = self.states()
        return None if states is None else states[-1]

    def states(self) -> list[RawState] | None:
        """Every place of its axes since the last look, the state now last; None once unplugged."""
        with SDL_LOCK:
            happened, stick = events(), self._joystick
            if happened is None and stick.get_instance_id() not in _plugged():
                self._gone.add(stick.get_instance_id())
            removed = [one for one in happened or () if one.type == pygame.JOYDEVICEREMOVED]
            self._gone |= {one.instance_id for one in removed}
            if stick.get_instance_id() in self._gone:
                return None
            now = RawState(
                tuple(stick.get_axis(place) for place in range(stick.get_numaxes())),
                tuple(bool(stick.get_button(place)) for place in range(stick.get_numbuttons())),
                tuple(stick.get_hat(place) for place in range(stick.get_numhats())),
            )
            return [*self._on_the_way(happened or (), now), now]

    def _on_the_way(
        self, happened: Iterable[pygame.event.Event], now: RawState
    ) -> Iterator[RawState]:
        """The state ``now``, but for the places that its axes had before."""
        axes = list(self._last)
        for one in happened:
            ours = one.type == pygame.JOYAXISMOTION
            if ours and one.instance_id == self._joystick.get_instance_id():
                axes[one.axis] = round(one.value * _FULL) / (_FULL + 1)  # as pygame has states
                yield now._replace(axes=tuple(axes))
        self._last = now.axes


def _plugged() -> set[int]:
    """The instances of all that are plugged in."""
    places = range(pygame.joystick.get_count())
    return {pygame.joystick.Joystick(place).get_instance_id() for place in places}


def joysticks() -> list[RawJoystick]:
    """Every joystick and gamepad that is plugged in, in SDL's order.

    Raises one of ``teleop.gamepad.sdl.SDL_ERRORS`` if one cannot be opened.
    """
    gone: set[int] = set()
    with SDL_LOCK:
        return [RawJoystick(place, gone) for place in range(pygame.joystick.get_count())]
