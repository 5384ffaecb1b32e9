"""The process that learns, as the run has it, and the connection to it."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from hil_app.support.wire import Connection
from robots.child import Child

_MOMENT_S, _LEAVING_S = 1.0, 10.0  # that it may take to be found dead; to leave once it may
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}  # before torch is loaded: idle threads must sleep


class LearnerChild:
    """Runs ``module`` at the other end of :attr:`connection`, with these open ``files``.

    Raises OSError if the system cannot start it.
    """

    def __init__(self, module: str, files: Sequence[int] = ()) -> None:
        self._child = Child(module, files=files, environment=_ENVIRONMENT)
        self.connection = Connection(self._child.socket)

    @property
    def process_id(self) -> int:
        """By which the system knows it."""
        return self._child.pid

    def why(self) -> str:
        """How it ended, or what it said last, in a few words."""
        status = self._child.status(_MOMENT_S)
        if status is None:
            return "its process has closed the connection"
        if status < 0:
            return f"its process was ended by {signal.Signals(-status).name}"
        last = self._child.last_words
        return f"its process ended with status {status}" + f" ({last})" * bool(last)

    def end(self, *, now: bool) -> None:
        """See that it ends, ``now`` or in its own time."""
        self._child.end(0.0 if now else _LEAVING_S)
