"""Commands that are ended, in order, once the program that started them has died, however."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from robots import isolated

_PR_SET_PDEATHSIG = 1  # of Linux; elsewhere only an end in order reaches the command


def start(command: Sequence[str], log: Path, folder: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a command in a working ``folder``, or this one; its words are added to ``log``.

    It is ended by SIGTERM once the thread that calls this is gone.
    """
    with log.open("ab") as words:
        return subprocess.Popen(
            isolated.command("hil_app.support.tied", str(os.getpid()), *command),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            env=isolated.environment(),
            cwd=folder,
        )


def main() -> None:
    """Become the command of the arguments, which follow the number of who starts it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):  # it is gone already
        sys.exit(128 + signal.SIGTERM)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
