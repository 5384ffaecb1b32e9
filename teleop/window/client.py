"""The operator's window, as a program that shows something in it sees it.

::

    with Window("so101", keys=key_help(config, wrist=False)) as window:
        while not window.closed:
            window.show(Shown("POLICY", "policy", images))
            for change in window.changes():
                ...

The window is a process of its own: neither a slow display nor an image holds up who calls this.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

from configs.text.reading import parse_json
from robots.child import Child
from teleop.base import TeleopError
from teleop.window.shown import KeyHelp, Shown, pack

PERIOD_S = 0.05  # at least, between two things shown
SILENCE_S = 1.0  # after which a window that takes keys counts as stuck

_START_S = 30.0  # that the window may take to open
_LEAVE_S = 2.0  # to close by itself
_LOOK_S = 0.01  # from one look for something to show to the next
_MANY = 65536  # bytes


class KeyChange(NamedTuple):
    """A key, one of ``configs.manual.KEYS``, went down or up."""

    key: str
    down: bool


class Window:
    """A window on this computer's screen, open while entered.

    ``keys`` is the help that it shows about its keys; None if it takes none. ``virtual`` is a
    local socket through which keys are pressed for tests, too (see :mod:`teleop.window.app`).
    Raises TeleopError if there is no screen.
    """

    def __init__(self, title: str, keys: KeyHelp | None, virtual: Path | None = None) -> None:
        self._setup = {
            "title": title,
            "keys": keys,
            "virtual": None if virtual is None else str(virtual.absolute()),
        }
        self.closed = False  # by the operator
        self._newest: Shown | None = None
        self._failure: BaseException | None = None  # to send it
        self._leaving = threading.Event()
        self._received = b""  # the beginning of a line
        self._heard = 0.0  # when something came from the window [s]

    def __enter__(self) -> Self:
        self._child = Child("teleop.window")
        self._socket = self._child.socket
        self._thread = threading.Thread(target=self._send, name="window", daemon=True)
        try:
            self._open()
        except BaseException:
            self._end()
            raise
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._leaving.set()
        self._end()
        self._thread.join()

    @property
    def silent(self) -> bool:
        """Whether a window with keys is stuck: what they do now is not known."""
        return time.monotonic() - self._heard > SILENCE_S

    def show(self, shown: Shown) -> None:
        """Show this instead of what was shown; never waits."""
        self._newest = shown

    def changes(self) -> list[KeyChange]:
        """What the keys did since the last call; never waits.

        When the operator has closed the window, ``closed`` is true from now on. Raises TeleopError
        if the window has died, or can be shown nothing any more.
        """
        if self.closed:
            return []
        if self._failure is not None:
            raise TeleopError(
                f"The window can be shown nothing any more ({self._failure!r}): start again, or "
                "without it."
            ) from self._failure
        gone = self._receive()
        *lines, self._received = self._received.split(b"\n")
        found: list[KeyChange] = []
        for message in map(parse_json, lines):
            if "key" in message:
                found.append(KeyChange(message["key"], message["down"]))
            self.closed |= "closed" in message
        if gone and not self.closed:
            raise self._died()
        return found

    def _open(self) -> None:
        """Wait until the window is there."""
        self._socket.settimeout(_START_S)
        try:
            self._socket.sendall(json.dumps(self._setup).encode() + b"\n")
            answer = self._first_answer()
        except TimeoutError:
            raise TeleopError(f"The window does not open within {_START_S:g} s.") from None
        except OSError:
            raise self._died() from None
        if "error" in answer:
            raise TeleopError(answer["error"])
        self._socket.settimeout(None)
        self._heard = time.monotonic()

    def _first_answer(self) -> dict[str, Any]:
        while b"\n" not in self._received:
            data = self._socket.recv(_MANY)
            if not data:
                raise self._died()
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        answer: dict[str, Any] = parse_json(line)
        return answer

    def _receive(self) -> bool:
        """Take what the window has told since the last call; whether it is gone."""
        try:
            while data := self._socket.recv(_MANY, socket.MSG_DONTWAIT):
                self._received += data
                self._heard = time.monotonic()
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        return True

    def _send(self) -> None:
        """Send what is to be shown, until the window is gone."""
        try:
            self._send_newest()
        except OSError:
            pass  # it is gone, as its changes tell
        except BaseException as error:
            self._failure = error

    def _send_newest(self) -> None:
        sent = None
        while not self._leaving.wait(_LOOK_S):  # to wake it would cost who calls show
            shown = self._newest
            if shown is None or shown is sent or self.closed:
                continue
            for part in pack(shown):
                self._socket.sendall(part)
            sent = shown
            self._leaving.wait(PERIOD_S - _LOOK_S)

    def _died(self) -> TeleopError:
        """An error that says how the window's process ended."""
        status = self._child.status(_LEAVE_S)
        last = self._child.last_words or "no word of why"
        return TeleopError(
            f"The window has ended by itself (status {status}: {last}): start again, or without it."
        )

    def _end(self) -> None:
        """Have the process end, by itself if it can."""
        self._child.end(_LEAVE_S)
        self._socket.close()
