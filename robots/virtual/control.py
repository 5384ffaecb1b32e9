"""The local socket through which a virtual arm's world and faults are reached."""

from __future__ import annotations

import json
import os
import selectors
import socket
from collections.abc import Callable, Mapping
from typing import Any

from configs.reading import parse_json, shown
from robots.base import RobotError
from robots.virtual.client import socket_folder, socket_path

_LONGEST = 65536  # bytes of a line

Answers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any] | None]]


class Control:
    """Answers JSON lines from the connections that a selector serves."""

    def __init__(self, selector: selectors.BaseSelector, answers: Answers) -> None:
        self._selector, self._answers = selector, answers
        folder = socket_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"{os.getpid()}.sock"
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._listener.setblocking(False)
        self._pending: dict[socket.socket, bytes] = {}
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def move(self, port: str) -> None:
        """Be found under the name of ``port`` from now on; "" hides."""
        path = socket_path(port) if port else socket_folder() / f"{os.getpid()}.sock"
        self._path.rename(path)  # replaces what an arm that was killed has left
        self._path = path

    def close(self) -> None:
        """End every connection and remove the socket."""
        for connection in list(self._pending):
            self._drop(connection)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(1.0)  # answers are short: only a dead client can be slow to take one
        self._pending[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._serve(connection))

    def _serve(self, connection: socket.socket) -> None:
        try:
            content = connection.recv(4096)
        except OSError:
            content = b""
        *lines, rest = (self._pending[connection] + content).split(b"\n")
        self._pending[connection] = rest
        try:
            for line in lines:
                connection.sendall(json.dumps(self._answer(line)).encode() + b"\n")
        except OSError:
            content = b""
        if not content or len(rest) > _LONGEST:
            self._drop(connection)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            question = parse_json(line)
            return self._answers[question.pop("ask")](question) or {}
        except RobotError as error:
            return {"error": str(error)}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {
                "error": f"A virtual arm cannot make sense of {shown(line, 60)} ({shown(error)})."
            }

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._pending[connection]
        connection.close()
