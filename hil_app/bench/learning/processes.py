"""Where the runs of an experiment are done: here, each in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from robots import isolated

OURS = tuple(isolated.command("hil_app"))  # how a command of this program begins on this computer


class Place(Protocol):
    """Does the commands of runs; several threads call it at a time."""

    def do(self, command: Sequence[str], folder: Path, log: Path) -> int:
        """Run a command that leaves a run in ``folder`` and its words in ``log``.

        Returns its exit status. Raises BenchError if it is not known how it ended.
        """

    def stop(self) -> None:
        """End all that are under way; none is begun from now on."""


class Processes:
    """Processes of this computer."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def do(self, command: Sequence[str], folder: Path, log: Path) -> int:
        """See `Place`."""
        with log.open("wb") as words:
            process = subprocess.Popen(
                [*command, f"--output_dir={folder}"],
                stdout=words,
                stderr=subprocess.STDOUT,
                env=isolated.environment(),
            )
            self._running.append(process)
            if self._stopped:  # meanwhile
                process.terminate()
            status = process.wait()
            self._running.remove(process)
        return status

    def stop(self) -> None:
        """See `Place`."""
        self._stopped = True
        for process in [*self._running]:
            process.terminate()
