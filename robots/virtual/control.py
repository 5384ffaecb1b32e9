"""The local socket through which a virtual arm's world and faults are reached."""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from configs.text.reading import shown
from robots.base import RobotError
from robots.sockets import LONGEST_LINE, answered, is_ours, listen, socket_folder
from robots.virtual.client import socket_path

_MOST = 32  # connections; more are turned away

Handlers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any] | None]]


class Control:
    """Answers JSON lines from the connections that a selector serves."""

    def __init__(self, selector: selectors.BaseSelector, answers: Handlers) -> None:
        self._selector, self._answers = selector, answers
        self._pending: dict[socket.socket, bytes] = {}
        self._path = _own_path()
        self._listener = self._listen(self._path)

    def move(self, port: str) -> None:
        """Be found under the name of ``port`` from now on; "" hides. Raises RobotError."""
        path = socket_path(port) if port else _own_path()
        listener = self._listen(path)
        self._close()
        self._listener, self._path = listener, path

    def close(self) -> None:
        """End every connection and remove the socket."""
        for connection in list(self._pending):
            self._drop(connection)
        self._close()

    def _listen(self, path: Path) -> socket.socket:
        """Listen at ``path``, in place of what an arm that was killed has left there."""
        socket_folder(make=True)
        try:
            path.unlink(missing_ok=True)
            listener = listen(path)
        except OSError as error:
            raise RobotError(f"The virtual arm cannot listen on {path}: {error}") from None
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))
        return listener

    def _close(self) -> None:
        self._selector.unregister(self._listener)
        self._listener.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # it is gone again, or there are too many open files
            return
        if len(self._pending) >= _MOST or not is_ours(connection):
            connection.close()
            return
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
                connection.sendall(self._answer(line))
        except OSError:
            content = b""
        if not content or len(rest) > LONGEST_LINE:
            self._drop(connection)

    def _answer(self, line: bytes) -> bytes:
        def refusal(error: BaseException) -> str:
            if isinstance(error, RobotError):
                return str(error)
            return f"A virtual arm cannot make sense of {shown(line)} ({shown(repr(error))})."

        return answered(line, lambda ask: self._answers[ask.pop("ask")](ask), refusal)

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._pending[connection]
        connection.close()


def _own_path() -> Path:
    """Where an arm listens that is not to be found."""
    return socket_folder() / f"{os.getpid()}.sock"
