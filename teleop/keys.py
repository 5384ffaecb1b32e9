"""The operator's terminal as a few buttons while a run moves a real arm."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol, Self

from teleop.base import NO_INPUT, Attentive, Pausing, Remembering, Switched, Teleop, TeleopSample

BUTTONS = MappingProxyType(
    {
        " ": "emergency_stop",
        "s": "success",
        "f": "failure",
        "r": "rerecord",
        "t": "switch",
        "q": "stop",
        "\n": "ready",
    }
)
"""What each key does: ``switch`` takes over or hands back, the others are of TeleopSample."""

_BETWEEN = frozenset({"stop", "emergency_stop", "ready"})  # what counts between two episodes
_AMID = frozenset(BUTTONS.values()) - {"switch", "ready"}  # and amid one
_SEQUENCE = re.compile(r"\x1b[\[O][0-9;]*[@-~]")  # what cursor and function keys send
_MANY = 4096  # bytes, more than anyone types between two looks
_INPUT, _LOCAL = 0, 3  # places of these modes in a terminal's attributes


def hint(*, switched: bool) -> str:
    """What the keys do, in a line; ``switched`` has the one that takes over."""
    take_over = "t take over / hand back, " if switched else ""
    return f"space EMERGENCY STOP, {take_over}s success, f failure, r again, q quit"


class KeyReader:
    """The keys pressed in the terminal that this program was started from.

    ::

        with KeyReader() as keys:
            while True:
                if "emergency_stop" in keys.pressed():
                    ...

    While entered, keys act at once and are not shown; Ctrl-C stays what it is. What was typed
    before or after is thrown away. If the program has no terminal to itself (a pipe, the
    background), no key is ever pressed.
    """

    def __init__(self) -> None:
        self._terminal: int | None = None  # its file descriptor
        self._before: list[Any] = []  # its attributes

    @property
    def live(self) -> bool:
        """Whether somebody can press a key."""
        return self._terminal is not None

    def __enter__(self) -> Self:
        with suppress(OSError, ValueError, AttributeError, termios.error):  # none, or it is gone
            terminal = sys.stdin.fileno()
            if os.isatty(terminal) and _in_front(terminal):
                self._before = termios.tcgetattr(terminal)
                self._listen(terminal)
                self._terminal = terminal
        return self

    def __exit__(self, *error: object) -> None:
        terminal, self._terminal = self._terminal, None
        if terminal is None:
            return
        with suppress(OSError, termios.error), _unstopped():
            if _in_front(terminal):  # else it is in the hands of another program, with its modes
                _set(terminal, self._before)

    def pressed(self) -> frozenset[str]:
        """What was pressed since the last call, of the names in BUTTONS; never waits."""
        terminal = self._terminal
        if terminal is None:
            return frozenset()
        try:
            if not _in_front(terminal):  # reading would stop the program
                return frozenset()
            if termios.tcgetattr(terminal)[_LOCAL] & termios.ICANON:  # back from the background
                self._listen(terminal)
            ready, _, _ = select.select([terminal], [], [], 0)
            typed = os.read(terminal, _MANY).decode(errors="replace") if ready else ""
        except (OSError, termios.error):  # the terminal is gone
            self._terminal = None
            return frozenset()
        typed = _SEQUENCE.sub("", typed).lower()
        return frozenset(BUTTONS[key] for key in typed if key in BUTTONS)

    def _listen(self, terminal: int) -> None:
        """Have keys come one by one, unseen; Ctrl-S must not hold up what prints."""
        modes = termios.tcgetattr(terminal)
        modes[_INPUT] &= ~termios.IXON
        modes[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
        _set(terminal, modes)


class Presses(Protocol):
    """Buttons beside a teleoperator: the terminal's keys, or those of the operator's page."""

    def pressed(self) -> frozenset[str]:
        """What was pressed since the last call, of the names in BUTTONS, or "pause"."""


class Attended:
    """A teleoperator with buttons beside it, such as the terminal's keys.

    An emergency stop counts at once, whatever the teleoperator does. Between two episodes only
    stops, pauses and ``ready`` count. What the teleoperator remembers stays its own.
    """

    def __init__(self, teleop: Teleop, *buttons: Presses) -> None:
        self._teleop, self._buttons = teleop, buttons
        self._paused = False  # by a button, where the teleoperator itself cannot

    def __enter__(self) -> Self:
        self._teleop.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._teleop.__exit__(*error)

    def read(self) -> TeleopSample:
        """What the teleoperator does now, and what was pressed."""
        pressed = self._pressed()
        if "emergency_stop" in pressed:
            return replace(NO_INPUT, emergency_stop=True)
        if "switch" in pressed and isinstance(self._teleop, Switched):
            self._teleop.switch()
        return self._with(self._teleop.read(), pressed & _AMID)

    def idle(self) -> TeleopSample:
        """The same between two episodes: only stops, pauses and ``ready`` count."""
        pressed = self._pressed()
        if "emergency_stop" in pressed:
            return replace(NO_INPUT, emergency_stop=True)
        return self._with(self._teleop.idle(), pressed & _BETWEEN)

    def _pressed(self) -> frozenset[str]:
        """What was pressed; a pause is passed on, or kept."""
        found = frozenset[str]().union(*(buttons.pressed() for buttons in self._buttons))
        if "pause" in found:
            if isinstance(self._teleop, Pausing):
                self._teleop.pause()
            else:
                self._paused = not self._paused
        return found

    def _with(self, sample: TeleopSample, pressed: frozenset[str]) -> TeleopSample:
        events: dict[str, Any] = dict.fromkeys(pressed, True)
        if self._paused:
            events["paused"] = True
        return replace(sample, **events) if events else sample

    def ask(self) -> None:
        """Have the teleoperator ask for a take-over, if they can."""
        if isinstance(self._teleop, Attentive):
            self._teleop.ask()

    def state(self) -> dict[str, Any]:
        """What the teleoperator remembers."""
        return self._teleop.state() if isinstance(self._teleop, Remembering) else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Have the teleoperator go on from what :meth:`state` gave."""
        if isinstance(self._teleop, Remembering):
            self._teleop.load_state(state)


def _set(terminal: int, modes: list[Any]) -> None:
    """Throw away what was typed so far; a terminal that takes no output is not waited for."""
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    termios.tcflush(terminal, termios.TCIFLUSH)


def _in_front(terminal: int) -> bool:
    """Whether this program has ``terminal`` to itself now."""
    return os.tcgetpgrp(terminal) == os.getpgrp()


@contextmanager
def _unstopped() -> Iterator[None]:
    """Meanwhile changing a terminal from the background does not stop the program."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
