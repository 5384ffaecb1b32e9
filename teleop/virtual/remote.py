"""A local socket through which a virtual device is moved from outside: JSON lines, each answered.

::

    with Listener(path, handle):        # in the program that has the device
        ...
    with Remote(path) as remote:        # in the one that moves it
        remote.tell(button="y", down=True)
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from configs.reading import parse_json
from teleop.base import TeleopError

Message = dict[str, Any]
_PATIENCE_S = 10.0


class Listener:
    """Has ``handle`` do what the messages on the socket ``path`` say, one after the other.

    It is called in a thread of this object; what it returns or raises goes back to the sender. One
    sender at a time is heard.
    """

    def __init__(self, path: Path, handle: Callable[[Message], Message | None]) -> None:
        self._path, self._handle = path, handle
        self._server = socket.socket(socket.AF_UNIX)
        self._connection: socket.socket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="virtual device", daemon=True)

    def __enter__(self) -> Self:
        try:
            if self._path.is_socket():  # of a program that was killed
                self._path.unlink()
            self._server.bind(str(self._path))
        except OSError as error:
            self._server.close()
            raise TeleopError(f"teleop.virtual: cannot listen on {self._path}: {error}") from None
        self._server.listen()
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

    def _serve(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connection = connection
            with connection, suppress(OSError):
                if self._closed:  # before it was known here
                    return
                for line in connection.makefile("rb"):
                    connection.sendall(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> Message:
        try:
            return self._handle(parse_json(line)) or {}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}


class Remote:
    """The other end: each ``tell`` returns once what it says has happened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        self._socket.settimeout(_PATIENCE_S)
        try:
            self._socket.connect(str(self._path))
        except OSError as error:
            self._socket.close()
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
            line = self._lines.readline()
        except OSError as error:
            raise TeleopError(f"The virtual device is gone: {error}") from None
        if not line:
            raise TeleopError("The virtual device is gone.")
        answer: Message = parse_json(line)
        if problem := answer.get("error"):
            raise TeleopError(f"The virtual device refuses {message}: {problem}")
        return answer
