"""The real command in a process of its own, without the seconds that loading torch takes.

One process loads everything once, and each command is a fork of it that runs ``hil-app`` from its
very beginning; only one that needs an environment of its own is started as a user would.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from robots import isolated

_LOADED = ("hil_app.cli.run_command", "hil_app.cli.record")
_KILLING_S = 10.0


class ForkedCommand:
    """``hil-app`` with ``options``, on the terminal or file ``screen``, its errors on ``errors``.

    It leads a session of its own, whose terminal is ``screen`` if that is one.
    """

    def __init__(
        self, options: Sequence[str], screen: str, errors: str, environment: Mapping[str, str]
    ) -> None:
        self._started: subprocess.Popen[bytes] | None = None
        self._forked: multiprocessing.process.BaseProcess | None = None
        task = (list(options), screen, errors)
        if environment:
            self._started = subprocess.Popen(
                isolated.command(__name__, screen, errors, *options),
                env={**isolated.environment(), **environment},
            )
            self.pid = self._started.pid
            return
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(_LOADED))
        self._forked = context.Process(target=run, args=task)
        self._forked.start()
        assert self._forked.pid is not None
        self.pid = self._forked.pid

    @property
    def ended(self) -> bool:
        """Whether the process has."""
        if self._started is not None:
            return self._started.poll() is not None
        assert self._forked is not None
        return not self._forked.is_alive()

    def kill(self) -> None:
        """End it for good."""
        end = time.monotonic() + _KILLING_S
        while not self.ended and time.monotonic() < end:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.01)


def run(options: list[str], screen: str, errors: str) -> None:
    """Be the command, in this process."""
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # it is ignored under nohup
    seen, printed = os.open(screen, os.O_RDWR), os.open(errors, os.O_WRONLY | os.O_APPEND)
    for number, file in enumerate((seen, seen, printed)):
        os.dup2(file, number)
    if os.isatty(0):
        with suppress(OSError):  # it is another's
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.argv = ["hil-app", *options]
    runpy.run_module("hil_app", run_name="__main__")


if __name__ == "__main__":
    run(sys.argv[3:], sys.argv[1], sys.argv[2])
