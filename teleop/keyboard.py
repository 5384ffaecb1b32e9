"""The keyboard, while the operator's window has the focus."""

from __future__ import annotations

from typing import Self

from configs.manual import ManualConfig
from teleop.base import TeleopError
from teleop.device import DeviceState, Latch
from teleop.window.client import Window
from teleop.window.shown import KeyHelp
from teleop.words import by_control


class KeyboardWindow:
    """The keys of ``window``, which is opened and closed by whoever made it.

    When the window loses the focus, all keys are let go; what was pressed before still counts.
    When the operator closes it, the run is to end: ``stop_key`` counts as pressed at every poll
    from then on. A window that is stuck is a device that is lost: keys that were down may be up by
    now. ``poll`` raises TeleopError if the window has died, or is closed and there is no
    ``stop_key``.
    """

    name = "the keyboard"

    def __init__(self, window: Window, stop_key: str | None) -> None:
        self._window, self._stop_key = window, stop_key
        self._latch = Latch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._latch.release()

    def poll(self) -> DeviceState | None:
        """The keys now, with every press since the last poll; None while the window is stuck."""
        for key, down in self._window.changes():
            self._latch.button(key, down=down)
        if self._window.closed:
            self._latch.release()
            if self._stop_key is None:
                raise TeleopError("The window with the keys was closed: the run ends.")
            return DeviceState(pressed=(self._stop_key,))
        if self._window.silent:
            self._latch.release()
            return None
        return self._latch.take()

    def rumble(self, strength: float, seconds: float) -> None:
        """A keyboard cannot."""


def key_help(config: ManualConfig, *, wrist: bool) -> KeyHelp:
    """What the window says about its keys: those of a motion together, forward first."""
    does = by_control(config, wrist=wrist)
    found: dict[str, tuple[str, ...]] = {}
    for used in config.layout(wrist=wrist).values():
        keys = [control for _, control in sorted(used, key=lambda term: -term.sign)]
        found[" / ".join(dict.fromkeys(does[key, 0] for key in keys))] = tuple(keys)
    return found
