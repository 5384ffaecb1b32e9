"""A process of ours that serves this one for a while, and the socket to it."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress

from robots import isolated

_MOMENT_S = 1.0  # that it may take to end once it is told to


class Child:
    """Runs ``module`` with the other end of :attr:`socket` as its standard input.

    It is in a session of its own, as Ctrl-C is not for it, and must end once the socket is closed,
    however this program has died. It has these open ``files``, and ``environment`` beside ours.
    Raises OSError if the system cannot start it.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        files: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.socket, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - end() closes it
        try:
            with theirs:
                self._process = subprocess.Popen(
                    isolated.command(module, *arguments),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    pass_fds=files,
                    env={**(environment or {}), **isolated.environment()},
                    start_new_session=True,
                )
        except BaseException:
            self.socket.close()
            self._errors.close()
            raise

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def status(self, patience_s: float) -> int | None:
        """Its exit status, below 0 for a signal's; None if it goes on for longer than this."""
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return None

    @property
    def last_words(self) -> str:
        """The last line of what it said of its end, or nothing."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        return next((one for one in reversed(lines) if one.strip() and not one[0].isspace()), "")

    def end(self, patience_s: float) -> str:
        """See that it ends, in its own time if that is no longer than this.

        Returns its status and its last words. The socket is shut, and for its owner to close.
        """
        with suppress(OSError):  # the other end is gone already
            self.socket.shutdown(socket.SHUT_RDWR)
        if self.status(patience_s) is None:
            self._process.terminate()
        if self.status(_MOMENT_S) is None:
            self._process.kill()
        with self._errors:
            return f"status {self._process.wait()}: {self.last_words or 'no word of why'}"
