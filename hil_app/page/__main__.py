"""The process that serves the page: started by the run it is of, not by hand."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading

import cv2

from hil_app.page.app import PageApp
from hil_app.page.serving import server_of
from hil_app.page.viewers import Viewers
from hil_app.page.wire import Message, Upstream, WireError

_BEAT_S = 0.5  # between two signs of life
_FAREWELL_S = 0.3  # for browsers to hear how it ended


class _Service:
    """The server between the run, at the other end of ``upstream``, and the browsers."""

    def __init__(self, upstream: Upstream, address: socket.socket) -> None:
        self._upstream, self._address = upstream, address
        self._setup, _ = upstream.receive()
        self._viewers = Viewers(len(self._setup["hello"]["run"]["cameras"]), self._tell)
        app = PageApp(self._setup, self._viewers, self._tell).asgi()
        self._server = server_of(app, self._setup["certificate"])
        self._gone = asyncio.Event()

    async def run(self) -> None:
        """Serve until the run is gone."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._receive, args=(loop,), name="run", daemon=True).start()
        served = asyncio.create_task(self._server.serve(sockets=[self._address]))
        beats = asyncio.create_task(self._beat())
        await self._gone.wait()
        await asyncio.sleep(_FAREWELL_S)
        beats.cancel()
        self._server.should_exit = True
        await served

    async def _beat(self) -> None:
        while not self._server.started:
            await asyncio.sleep(0.01)
        while True:
            self._viewers.beat()
            await asyncio.sleep(_BEAT_S)

    def _tell(self, message: Message) -> None:
        """Have the run hear something; a run that is gone or stuck ends this process."""
        try:
            self._upstream.send(message)
        except (OSError, WireError):
            self._gone.set()

    def _receive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take what the run tells, in a thread, until it is gone."""
        try:
            while True:
                loop.call_soon_threadsafe(self._viewers.take, *self._upstream.receive())
        except (OSError, WireError, RuntimeError):
            pass
        finally:
            loop.call_soon_threadsafe(self._gone.set)


def main() -> None:
    """Serve the socket whose number is the argument, for the run at the standard input."""
    try:
        connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
        address = socket.socket(fileno=int(sys.argv[1]))
    except (OSError, IndexError, ValueError):
        sys.exit("This is the program behind the operator's page: hil-app starts it by itself.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    asyncio.run(_Service(Upstream(connection), address).run())


main()
