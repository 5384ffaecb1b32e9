"""Keeps this computer's part of a Ray cluster up: what of it dies is started anew.

It runs `ray start` with the options that follow the name of a log, until it is ended by SIGTERM;
then all that it has started ends, and nothing else. Learners that were here come back with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from configs.errors import HilAppError
from hil_app.remote.machine import process_tree
from hil_app.remote.standing import standing
from hil_app.support import tied
from robots import isolated

ENDED = "keeper: ended"
SAYS_READY = "Ray runtime started"  # what Ray says
_RAY = "ray.scripts.scripts"
_NOT_YET = HilAppError.exit_status  # of a command; a learner that is there already has another
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
            command, said = isolated.command(_RAY, "start", "--block", *options), log.stat().st_size
            process = tied.start(command, log)
            threading.Thread(target=_bring_back, args=(process, log, said), daemon=True).start()
            status = process.wait()
            print(f"{ENDED} with status {status}, starts anew", flush=True)
            time.sleep(_RESTS_S)
    except _Ended:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if process is not None:
            _over(process)


def _bring_back(process: subprocess.Popen[bytes], log: Path, said: int) -> None:
    """Start the learners that are to be up, once Ray is; what is in the log so far is older."""
    while SAYS_READY.encode() not in log.read_bytes()[said:]:
        if process.poll() is not None:
            return
        time.sleep(0.2)
    for options in standing().values():
        command = isolated.command("hil_app", "learner", "start", *options)
        while process.poll() is None and tied.start(command, log).wait() == _NOT_YET:
            time.sleep(_RESTS_S)


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
