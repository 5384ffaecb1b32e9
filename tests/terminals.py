"""Programs in a terminal of their own, with an operator who types."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waiting import PATIENCE_S

TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
TAKE += "os.execv(sys.argv[1], sys.argv[1:])"


@dataclass(frozen=True)
class Terminal:
    """A program and its terminal; what it prints goes to pipes."""

    process: subprocess.Popen[str]
    operator: int  # the terminal's far side
    program: int

    def press(self, keys: str) -> None:
        """Type ``keys``."""
        os.write(self.operator, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal, as a window or a connection is closed."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, self.operator)
        os.close(nowhere)

    @property
    def modes(self) -> list[Any]:
        """How the terminal is set."""
        return termios.tcgetattr(self.program)


@contextmanager
def in_terminal(*command: str, cwd: Path | None = None) -> Iterator[Terminal]:
    """A command whose standard input is a terminal that it has to itself."""
    operator, program = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, *command],
        stdin=program,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        start_new_session=True,
    )
    try:
        with process:
            try:
                yield Terminal(process, operator, program)
            finally:
                if process.poll() is None:
                    process.terminate()
                    try:
                        process.communicate(timeout=PATIENCE_S)
                    finally:
                        process.kill()
    finally:
        os.close(operator)
        os.close(program)
