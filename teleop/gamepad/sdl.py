"""SDL in this process: started for the gamepads' sake, without a window, and ended again."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from teleop.base import TeleopError
from teleop.gamepad.mappings import saved_mappings

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
# A button is where it is, whatever is printed on it: an emergency stop must not change its place.
# SDL reads this again whenever it opens a pad.
os.environ.setdefault("SDL_GAMECONTROLLER_USE_BUTTON_LABELS", "0")
with warnings.catch_warnings():  # pygame 2.6 asks an old setuptools for its files
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    import pygame
    from pygame._sdl2 import controller
    from pygame._sdl2.sdl2 import error as sdl2_error

__all__ = ["SDL_ERRORS", "SDL_LOCK", "controller", "events", "gamepads", "pygame"]

SDL_ERRORS = (pygame.error, sdl2_error)

SDL_LOCK = threading.RLock()
"""To hold while calling SDL where two threads do. pygame keeps the interpreter's lock while it
waits for the one that SDL has for joysticks, and who has that may need the interpreter's."""


def events(*, pump: bool = True) -> list[pygame.event.Event] | None:
    """All that happened since the last call; None if nobody can say what.

    pygame fails, and forgets what it has read, where a joystick is gone before it was told that it
    was there.
    """
    try:
        return pygame.event.get(pump=pump)
    except SystemError:
        return None


_SETTINGS = {
    "SDL_VIDEODRIVER": "dummy",
    "SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS": "1",
    "SDL_NO_SIGNAL_HANDLERS": "1",
}
_MAPPINGS = "SDL_GAMECONTROLLERCONFIG"


@contextmanager
def gamepads() -> Iterator[None]:
    """SDL's joysticks and controllers, with the mappings that were saved.

    Raises TeleopError if SDL does not start or a saved mapping is damaged. The settings that SDL
    reads from the environment are gone again when this is entered: a window of a child process is
    a real one.
    """
    own = [line for line in (os.environ.get(_MAPPINGS), *saved_mappings()) if line]
    settings = {**_SETTINGS, **({_MAPPINGS: "\n".join(own)} if own else {})}
    with ExitStack() as stack:
        with _environment(settings):
            for part in (pygame.display, pygame.joystick, controller):
                if part.get_init():  # who started it ends it
                    continue
                stack.callback(part.quit)
                try:
                    part.init()
                except SDL_ERRORS as error:
                    raise TeleopError(f"Gamepads cannot be used, SDL says: {error}") from None
        yield


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Environment variables that are set meanwhile."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
