"""Browsers for the tests of the page that are none: what they say and hear, without a screen."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from waiting import PATIENCE_S, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

EVERY_S = 0.04  # between two words of a device in somebody's hand
AT_REST: dict[str, Any] = {"gamepad": None, "keys": [], "sticks": None}


def pad(*down: int, **axes: float) -> dict[str, Any]:
    """What a browser says of a gamepad whose buttons are ``down``; axes are leftx, lefty, …"""
    names = ("leftx", "lefty", "rightx", "righty")
    values = [axes.get(name, 0.0) for name in names]
    buttons = [float(number in down) for number in range(17)]
    return {**AT_REST, "gamepad": {"axes": values, "buttons": buttons}}


class Browser:
    """One that has the ``link``, and draws whatever it is sent at once.

    What :attr:`doing` says of its devices it tells again and again, while it has the controls and
    is not ``frozen``.
    """

    def __init__(self, link: str, **options: Any) -> None:
        place, self.token = link.split("/#token=")
        self._connection = connect(
            place.replace("http", "ws") + "/ws", max_size=None, close_timeout=1, **options
        )
        self.state: dict[str, Any] = {}
        self.heard: list[dict[str, Any]] = []  # all but states
        self.images: dict[int, list[bytes]] = {}
        self.closed: int | None = None
        self.doing, self.frozen = AT_REST, False
        self._number = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=one) for one in (self._hear, self._tell)]

    def __enter__(self) -> Self:
        self.socket = self._connection.__enter__()
        self.send(type="hello", token=self.token)
        for thread in self._threads:
            thread.start()
        until(lambda: self.state or self.closed is not None)
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.__exit__(None, None, None)
        for thread in self._threads:
            thread.join()

    @property
    def name(self) -> str:
        """What the page calls it."""
        return str(self.heard[0]["id"])

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def messages(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.heard if one["type"] == kind]

    def take_controls(self) -> None:
        self.send(type="controls", want=True)
        until(lambda: self.state["controls"]["yours"], why="it does not get the controls")

    def do(self, doing: dict[str, Any]) -> None:
        """Have its devices do this from now on."""
        self.doing = doing
        self._input()

    def press(self, what: str) -> None:
        self._number += 1
        number = self._number
        self.send(type="press", what=what, id=number)
        until(lambda: {"type": "pressed", "id": number} in self.heard, why=f"no {what}")

    def until(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait for a state with something in it."""

        def found() -> dict[str, Any] | None:
            assert self.closed is None, self.closed
            state = self.state
            return state if condition(state) else None

        return until(found, why="no such state comes")  # type: ignore[return-value]

    def until_who(self, who: str) -> dict[str, Any]:
        return self.until(lambda state: state["who"] == who)

    def _input(self) -> None:
        with self._lock, suppress(ConnectionClosed):
            self.send(type="input", **self.doing)

    def _tell(self) -> None:
        while self.closed is None:
            if not self.frozen and self.state.get("controls", {}).get("yours"):
                self._input()
            time.sleep(EVERY_S)

    def _hear(self) -> None:
        try:
            for message in self.socket:
                self._take(message)
        except ConnectionClosed:
            pass
        self.closed = self.socket.close_code

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.images.setdefault(message[0], []).append(message)
            with suppress(ConnectionClosed):
                self.send(type="drawn", camera=message[0])
            return
        said = json.loads(message)
        if said["type"] == "state":
            self.state = said
        else:
            self.heard.append(said)


class Served:
    """A command with a page."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self.folder = process, folder
        assert process.stdout is not None
        self.lines: list[str] = []
        for line in process.stdout:
            self.lines.append(line)
            if line.startswith("page: "):
                break
        assert self.lines, process.communicate()
        self.link = self.lines[-1].removeprefix("page: ").strip()
        self._rest = threading.Thread(target=lambda: self.lines.extend(process.stdout or ()))
        self._rest.start()

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.link)
        return str(parts.hostname), int(parts.port or 0)

    @property
    def token(self) -> str:
        return self.link.partition("token=")[2]

    def events(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def page_process(self) -> int | None:
        """The number of the process that serves the page."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and b"hil_app.page" in words:
                    return int(folder.name)
        return None

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: status, output, errors."""
        status = self.process.wait(PATIENCE_S)
        self._rest.join()
        assert self.process.stderr is not None
        return status, "".join(self.lines), self.process.stderr.read()


@contextmanager
def served(folder: Path, command: str, *options: str) -> Iterator[Served]:
    """A command of hil-app in ``folder``, with its run in ``out`` there, once its page is."""
    words = [sys.executable, "-m", "hil_app", command, "--output_dir=out", *options]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
    )
    with process:
        try:
            yield Served(process, folder / "out")
        finally:
            process.kill()
