"""An address of this computer that a program listens at, and a process of ours then serves."""

from __future__ import annotations

import errno
import socket
from itertools import chain
from typing import Self

from configs.base import ConfigError

USUAL = 8080
_NEXT = 20  # ports that are tried from there on, before any that is free
_BACKLOG = 64


class Address:
    """Listens at ``host`` while entered: at the ``port`` given, or at the first that is free.

    Whoever connects waits until somebody serves the socket. Raises ConfigError if it cannot be.
    """

    def __init__(self, host: str, port: int | None) -> None:
        self._host, self._wanted = host, port
        self.socket: socket.socket

    def __enter__(self) -> Self:
        ports = [self._wanted] if self._wanted else chain(range(USUAL, USUAL + _NEXT), [0])
        for port in ports:
            try:
                self.socket = self._listen(port)
                return self
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise ConfigError(
                        f"page.host: cannot listen at {self._host} port {port}: "
                        f"{error.strerror or error}"
                    ) from None
        raise ConfigError(
            f"page.port: {self._wanted} is taken by another program: choose another, or null for "
            "one that is free"
        )

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    @property
    def port(self) -> int:
        """The port."""
        number: int = self.socket.getsockname()[1]
        return number

    def _listen(self, port: int) -> socket.socket:
        family, kind, _, _, place = socket.getaddrinfo(
            self._host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(place)
            found.listen(_BACKLOG)
        except BaseException:
            found.close()
            raise
        return found
