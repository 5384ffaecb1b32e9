"""A process of ours that is started for the time of a run, and the connection to it."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence

from hil_app.learning.elsewhere.wire import Connection
from robots import isolated

_MOMENT_S, _LEAVING_S = 1.0, 10.0  # that it may take to be found dead; to leave once it may


class Child:
    """Runs ``module`` with a connection as its standard input, and these open ``files``.

    It is in a session of its own: Ctrl-C is not for it. It must end once the connection does.
    OSError if the system cannot start it.
    """

    def __init__(self, module: str, files: Sequence[int] = ()) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        ours, theirs = socket.socketpair()
        self.connection = Connection(ours)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    isolated.command(module),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    pass_fds=files,
                    # before torch is loaded: its idle threads must sleep
                    env={"OMP_WAIT_POLICY": "PASSIVE", **isolated.environment()},
                    start_new_session=True,
                )
        except BaseException:
            self.connection.close()
            self._errors.close()
            raise

    @property
    def process_id(self) -> int:
        """By which the system knows it."""
        return self._process.pid

    def why(self) -> str:
        """How it ended, or what it said last, in a few words."""
        try:
            status = self._process.wait(_MOMENT_S)
        except subprocess.TimeoutExpired:
            return "its process has closed the connection"
        if status < 0:
            return f"its process was ended by {signal.Signals(-status).name}"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").splitlines()
        last = next((line for line in reversed(said) if line.strip()), "")
        return f"its process ended with status {status}" + f" ({last.strip()})" * bool(last)

    def end(self, *, now: bool) -> None:
        """See that it ends, ``now`` or in its own time, and let go of it."""
        self.connection.shut_down()
        if now:
            self._process.kill()
        try:
            self._process.wait(_LEAVING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
