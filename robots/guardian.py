"""A process of its own that lets an arm down if the program that moves it dies.

Motors hold their last goal for as long as they have power: after a ``kill -9`` or a crash nobody
else would release them, and one that pushes against something burns.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from typing import Self

from configs.robot import ServoArmConfig
from robots.base import NotConnected, RobotError, tell_nobody
from robots.servos import Servos

_DONE = b"done\n"
_PATIENCE_S = 10.0  # how long a port that is still busy, or gone, is waited for
_SINKING_S = 2.0  # in which the arm gets weaker, before it is let go
_LEAVING_S = 5.0  # that the process may take to end


class Guardian:
    """Watches over the arm of ``cfg`` while entered; it acts only if this program is gone."""

    def __init__(self, cfg: ServoArmConfig) -> None:
        self._command = [sys.executable, "-m", __name__, cfg.port, str(cfg.baud_rate)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # a session of its own: Ctrl-C is not for it
            self._command, stdin=subprocess.PIPE, start_new_session=True
        )
        return self

    def __exit__(self, *error: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(subprocess.TimeoutExpired, OSError):
            process.communicate(_DONE, timeout=_LEAVING_S)
        process.kill()
        process.wait()


def watch(port: str, baud_rate: int) -> None:
    """Wait until the program at the other end of the standard input ends, well or not."""
    if sys.stdin.buffer.read() == _DONE:
        return
    cfg = ServoArmConfig.model_validate({"port": port, "baud_rate": baud_rate})
    servos = Servos(cfg, _PATIENCE_S, tell_nobody)
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            servos.bus.open()
            break
        except NotConnected as error:
            if time.monotonic() > end:
                sys.exit(f"The arm on {port} may still have torque: switch off its power. {error}")
            time.sleep(0.1)
    print(f"hil-app has died: the arm on {port} is let down", file=sys.stderr, flush=True)
    try:
        servos.let_down(_SINKING_S)
    except RobotError as error:
        sys.exit(str(error))
    finally:
        servos.close()


if __name__ == "__main__":
    watch(sys.argv[1], int(sys.argv[2]))
