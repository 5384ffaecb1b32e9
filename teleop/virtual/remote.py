"""A local socket through which a virtual device is moved from outside: JSON lines, each answered.

::

    with Listener(path, handle):        # in the program that has the device
        ...
    with Remote(path) as remote:        # in the one that moves it
        remote.tell(button="y", down=True)
"""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from configs.text.reading import shown
from robots.sockets import (
    LONGEST_ANSWER,
    LONGEST_LINE,
    Message,
    answered,
    connect,
    is_ours,
    listen,
    parsed,
)
from teleop.base import TeleopError

__all__ = ["Message", "PadListener", "Remote"]

_PATIENCE_S = 10.0
_AGAIN_S = 0.02  # until another look for who connects
_LONGEST_REFUSAL = 500  # characters


class PadListener:
    """Has ``handle`` do what the messages on the socket ``path`` say, one after the other.

    It is called in a thread of this object; what it returns or raises goes back to the sender. One
    sender at a time is heard.
    """

    def __init__(self, path: Path, handle: Callable[[Message], Message | None]) -> None:
        self._path, self._handle = path, handle
        self._server: socket.socket
        self._connection: socket.socket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="virtual device", daemon=True)

    def __enter__(self) -> Self:
        try:
            if self._path.is_socket():
                self._remove_dead()
            self._server = listen(self._path)
        except OSError as error:
            raise TeleopError(
                f"teleop.virtual: cannot listen on {self._path}: {error.strerror or error}"
            ) from None
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed = True
        for end in (self._server, self._connection):
            if end is not None:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        self._path.unlink(missing_ok=True)

    def _remove_dead(self) -> None:
        """Remove the socket of a program that was killed; OSError if it lives."""
        try:
            connect(self._path, _PATIENCE_S).close()
        except ConnectionRefusedError:
            self._path.unlink()
            return
        raise OSError(errno.EADDRINUSE, "a program that runs listens there")

    def _serve(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._server.accept()
            except OSError:  # closed, or too many open files
                time.sleep(_AGAIN_S)
                continue
            self._connection = connection
            with connection, suppress(OSError):
                if not self._closed and is_ours(connection):
                    self._hear(connection)

    def _hear(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            while (line := lines.readline(LONGEST_LINE)).endswith(b"\n"):
                connection.sendall(answered(line, self._handle, _refusal))


def _refusal(error: BaseException) -> str:
    return shown(f"{type(error).__name__}: {error}", _LONGEST_REFUSAL)


class Remote:
    """The other end: each ``tell`` returns once what it says has happened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket

    def __enter__(self) -> Self:
        try:
            self._socket = connect(self._path, _PATIENCE_S)
        except OSError as error:
            raise TeleopError(f"No virtual device listens on {self._path}: {error}") from None
        self._lines = self._socket.makefile("rb")
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.close()
        self._socket.close()

    def tell(self, **message: Any) -> Message:
        """Have the device do what ``message`` says; TeleopError if it cannot, or is gone.

        Returns the answer.
        """
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            answer = parsed(self._lines.readline(LONGEST_ANSWER))
        except OSError as error:
            raise TeleopError(f"The virtual device is gone: {error}") from None
        if problem := answer.get("error"):
            raise TeleopError(f"The virtual device refuses {message}: {problem}")
        return answer
