"""The process that serves the page, as the run has it."""

from __future__ import annotations

import socket
from typing import Any

from hil_app.page.wire import Downstream
from robots.child import Child

_LEAVE_S = 2.0  # to end by itself


class PageProcess:
    """Serves at the socket ``address`` what it is told through :attr:`link`; runs at once.

    It ends when the link is closed, however this program has died.
    """

    def __init__(self, address: socket.socket, setup: dict[str, Any]) -> None:
        self._child = Child("hil_app.page", str(address.fileno()), files=[address.fileno()])
        self.link = Downstream(self._child.socket)
        self.link.put(setup)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._child.pid

    def end(self, patience_s: float = _LEAVE_S) -> str:
        """Have it end, by itself if it can within ``patience_s``; returns how it did, in words."""
        how = self._child.end(patience_s)
        self.link.connection.close()
        return how
