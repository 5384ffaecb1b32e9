"""Keeps this computer's part of a Ray cluster up: what of it dies is started anew.

It runs `ray start` with the options that follow the name of a log, until it is ended by SIGTERM;
then all that it has started ends, and nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from hil_app.remote.machine import process_tree
from hil_app.support import tied
from robots import isolated

ENDED = "keeper: ended"
_RESTS_S = 2.0  # before it is started anew
_ENDS_S = 20.0  # that all of it may take to end


class _Ended(BaseException):
    """Somebody wants it to end."""


def main() -> None:
    """Keep it up until SIGTERM."""
    signal.signal(signal.SIGTERM, _end)
    log, options = Path(sys.argv[1]), sys.argv[2:]
    process: subprocess.Popen[bytes] | None = None
    try:
        while True:
            command = isolated.command("ray.scripts.scripts", "start", "--block", *options)
            process = tied.start(command, log)
            status = process.wait()
            print(f"{ENDED} with status {status}, starts anew", flush=True)
            time.sleep(_RESTS_S)
    except _Ended:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if process is not None:
            _over(process)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
    raise _Ended


def _over(process: subprocess.Popen[bytes]) -> None:
    """End it and all that it has started."""
    all_of_it = process_tree(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_ENDS_S)
    for one in all_of_it:
        with suppress(OSError):
            os.kill(one, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    main()
