"""The program behind the operator's window: it draws what it is sent, and tells what the keys do.

What it hears and says goes through one socket, its standard input. It ends when that is closed,
however the other end has died.

For tests, keys are pressed through a local socket (see :mod:`teleop.virtual.remote`), too, with
``{"key": "up", "down": true}``, ``{"tap": "s"}``, ``{"focus": false}`` and ``{"close": true}``.
These become events of SDL's like any other, and are answered once what they do has been told.
``{"save": "FILE.png"}`` saves what the window shows.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pygame

from configs.manual import KEYS
from teleop.base import TeleopError
from teleop.virtual.remote import Message, PadListener
from teleop.window import codes
from teleop.window.client import PERIOD_S, SILENCE_S
from teleop.window.drawing import WindowView, draw
from teleop.window.shown import Shown, unpack

_SIZE = (960, 720)  # of the window when it opens [px]
_BEAT_S = SILENCE_S / 8  # between two signs of life
_HIDDEN = ("offscreen", "dummy")  # drivers of SDL's that have no screen
_ANSWER_S = 5.0  # that a virtual key may take
_EXPOSED = {pygame.WINDOWEXPOSED, pygame.WINDOWSIZECHANGED, pygame.WINDOWFOCUSGAINED}


class App:
    """The window and its keys; ``setup`` is the first line that came through ``connection``."""

    def __init__(self, connection: socket.socket, stream: BinaryIO, setup: Message) -> None:
        self._connection, self._stream = connection, stream
        self._title: str = setup["title"]
        self._virtual: str | None = setup["virtual"]
        keys = setup["keys"]
        self._keys = None if keys is None else {does: tuple(used) for does, used in keys.items()}
        self._unsent = b""
        self._beat = 0.0  # when the last sign of life was given [s]
        self._down: dict[int, str] = {}  # names of the keys that are down, by scancode
        self._newest = Shown("...", "paused", title=self._title)
        self._due, self._stale = 0.0, True  # when to draw next [s], and whether
        self._over = False
        self._broken: BaseException | None = None
        self._closed = threading.Event()  # by the operator
        self._news, self._settled, self._save = (pygame.event.custom_type() for _ in range(3))

    def run(self) -> None:
        """Open the window, and have it be one until the other end is closed, or it is."""
        with ExitStack() as stack:
            try:
                _open(self._title, takes_keys=self._keys is not None)
                stack.callback(pygame.display.quit)
                if self._virtual is not None:
                    stack.enter_context(PadListener(Path(self._virtual), self._act))
            except TeleopError as error:
                self._tell(error=str(error))
                return
            self._tell(ready=True)
            reader = threading.Thread(target=self._read, daemon=True)
            reader.start()
            while not self._over and not self._closed.is_set():
                self._turn()
            pygame.display.quit()
            reader.join()  # closed or not, the other end says when all is over
            if self._broken is not None:
                raise self._broken

    def _read(self) -> None:
        """Take what is to be shown as it comes; the newest counts."""
        try:
            while (shown := unpack(self._stream)) is not None:
                self._newest = shown
                self._post(self._news)
        except ConnectionError:
            pass  # killed while it had something to hear
        except BaseException as error:  # raised where the window ends
            self._broken = error
        self._over = True
        self._post(self._news)

    def _post(self, kind: int, **facts: Any) -> None:
        with suppress(pygame.error):  # the window is closed
            pygame.event.post(pygame.event.Event(kind, facts))

    def _turn(self) -> None:
        """Wait for something to happen, and do what it asks for."""
        due = self._due - time.monotonic() if self._stale else _BEAT_S
        first = pygame.event.wait(round(1000 * min(max(due, 0.001), _BEAT_S)))
        for event in (first, *pygame.event.get()):
            self._apply(event)
        self._live()
        if self._stale and time.monotonic() >= self._due:
            self._draw()

    def _apply(self, event: pygame.event.Event) -> None:
        if event.type == pygame.KEYDOWN:
            self._press(event.key, event.scancode)
        elif event.type == pygame.KEYUP:
            self._release(event.scancode)
        elif event.type == pygame.WINDOWFOCUSLOST:
            for scancode in tuple(self._down):
                self._release(scancode)
        elif event.type == pygame.QUIT:
            self._tell(closed=True)
            self._closed.set()
        elif event.type == self._settled:
            event.done.set()
        elif event.type == self._save:
            pygame.image.save(pygame.display.get_surface(), event.path)
        self._stale |= event.type in (pygame.WINDOWFOCUSLOST, self._news, *_EXPOSED)

    def _press(self, keycode: int, scancode: int) -> None:
        name = codes.name_of(keycode, scancode)
        if self._keys is None or name is None or scancode in self._down:
            return
        if name not in self._down.values():
            self._tell(key=name, down=True)
        self._down[scancode] = name
        self._stale = True

    def _release(self, scancode: int) -> None:
        """By place: what a key is called may have changed since it went down."""
        name = self._down.pop(scancode, None)
        if name is not None and name not in self._down.values():
            self._tell(key=name, down=False)
        self._stale = True

    def _draw(self) -> None:
        shown = self._newest
        focused = self._keys is None or pygame.key.get_focused()
        view = WindowView(self._keys or {}, frozenset(self._down.values()), focused)
        draw(pygame.display.get_surface(), shown, view)
        pygame.display.flip()
        self._due, self._stale = time.monotonic() + PERIOD_S, False

    def _live(self) -> None:
        """Give a sign of life, if the other end counts on one, and send what is left to send."""
        now = time.monotonic()
        if self._keys is not None and not self._unsent and now - self._beat >= _BEAT_S:
            self._beat = now
            self._unsent = b"{}\n"
        self._flush()

    def _tell(self, **message: Any) -> None:
        self._unsent += json.dumps(message).encode() + b"\n"
        self._flush()

    def _flush(self) -> None:
        """Send what can be sent without waiting."""
        with suppress(OSError):  # full: later; gone: the reader notices
            while self._unsent:
                sent = self._connection.send(self._unsent, socket.MSG_DONTWAIT)
                self._unsent = self._unsent[sent:]

    def _act(self, message: Message) -> None:
        """Do what ``message`` of the virtual keyboard says; ValueError if that is not known."""
        match message:
            case {"key": str(key), "down": bool(down)}:
                self._move(key, down)
            case {"tap": str(key)}:
                self._move(key, True)
                self._move(key, False)
            case {"focus": False}:
                self._post(pygame.WINDOWFOCUSLOST)
            case {"close": True}:
                self._post(pygame.QUIT)
            case {"save": str(path)}:
                self._post(self._save, path=path)
            case _:
                raise ValueError("wants key and down, tap, focus (false), close (true) or save")
        self._settle()

    def _move(self, key: str, down: bool) -> None:
        if key not in KEYS:
            raise ValueError(f"no key '{key}'; keys: {', '.join(KEYS)}")
        codes_of = {"key": codes.KEYCODES[key], "scancode": codes.SCANCODES[key]}
        self._post(pygame.KEYDOWN if down else pygame.KEYUP, **codes_of)

    def _settle(self) -> None:
        """Wait until all that was posted has been told."""
        done = threading.Event()
        self._post(self._settled, done=done)
        end = time.monotonic() + _ANSWER_S
        while not (done.wait(0.01) or self._closed.is_set()):
            if time.monotonic() > end:
                raise ValueError("the window is stuck")


def _open(title: str, *, takes_keys: bool) -> None:
    """Open the window; raises TeleopError where there is no screen."""
    wanted = os.environ.get("SDL_VIDEODRIVER", "").split(",")
    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
        if driver in _HIDDEN and driver not in wanted:  # SDL takes them when it finds no other
            raise pygame.error("no display is set")
        pygame.display.set_mode(_SIZE, pygame.RESIZABLE)
    except pygame.error as error:
        pygame.display.quit()
        others = "use a gamepad (--teleop.type=gamepad) or a browser (--teleop.type=page)"
        instead = others if takes_keys else "go without a window"
        raise TeleopError(
            f"No window can be opened ({error}): start this on a computer with a screen, connect "
            f"with ssh -X, or {instead}."
        ) from None
    pygame.display.set_caption(title)
    pygame.font.init()
    pygame.key.stop_text_input()  # else input methods keep keys for themselves
