"""The process that serves the page, as the run has it."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from contextlib import suppress
from typing import IO, Any

from hil_app.page.wire import Downstream
from robots import isolated

_LEAVE_S, _KILL_S = 2.0, 1.0  # to end by itself, and when it is told to


class PageProcess:
    """Serves at the socket ``address`` what it is told through :attr:`link`; runs at once.

    It ends when the link is closed, however this program has died.
    """

    def __init__(self, address: socket.socket, setup: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - end() closes it
        with theirs:
            self._process = subprocess.Popen(  # a session of its own: Ctrl-C is not for it
                isolated.command("hil_app.page", str(address.fileno())),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                cwd="/",
                env=isolated.environment(),
                start_new_session=True,
                pass_fds=(address.fileno(),),
            )
        self.link = Downstream(ours)
        self.link.put(setup)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def end(self, patience_s: float = _LEAVE_S) -> str:
        """Have it end, by itself if it can within ``patience_s``; returns how it did, in words."""
        with suppress(OSError):
            self.link.connection.shutdown(socket.SHUT_RDWR)
        for patience, insist in (
            (patience_s, self._process.terminate),
            (_KILL_S, self._process.kill),
        ):
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                insist()
        self._process.wait()
        self.link.connection.close()
        with self._errors:
            return self._last_words()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        said = [line for line in lines if line.strip() and not line[0].isspace()]
        return f"status {self._process.poll()}: {said[-1] if said else 'no word of why'}"
