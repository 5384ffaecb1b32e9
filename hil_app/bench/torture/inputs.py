"""Hostile inputs of every kind, each read in a process that is watched from outside."""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from hil_app.bench import BenchError
from hil_app.bench.torture.row import TortureRow
from hil_app.bench.torture.worker import LIMIT_S, SUBJECTS
from robots import isolated

_STARTING_S = 120.0  # that a worker may take until its first try
_STUCK_S = 3 * LIMIT_S  # without a word from it

__all__ = ["SUBJECTS", "inputs"]


def inputs(
    name: str, tries: int, seed: int, report: Callable[[TortureRow], None] = lambda _: None
) -> TortureRow:
    """``tries`` hurt inputs of one kind; ``report`` hears of every hundred."""
    row, done = TortureRow(name), 0
    with tempfile.TemporaryDirectory() as folder:
        while done < tries:
            done = _worker(row, (name, seed, done, tries - done), Path(folder), report)
    return row


def _worker(
    row: TortureRow,
    task: tuple[str, int, int, int],
    folder: Path,
    report: Callable[[TortureRow], None],
) -> int:
    """Have one process read on until it is done, dead or stuck; returns how far all are now."""
    command = isolated.command("hil_app.bench.torture.worker", *map(str, task), str(folder))
    environment = isolated.environment()
    _, _, done, left = task
    end, begun = done + left, ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        lines = _lines(process)
        patience = _STARTING_S
        while done < end:
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                process.kill()
                row.count("hang", begun, "it had to be killed")
                return done + 1
            if line is None and not begun:
                raise BenchError(
                    f"reading {row.kind}: the process did not start ({process.wait()})"
                )
            if line is None:
                row.count("traceback", begun, f"the process died ({process.wait()})")
                return done + 1
            said, patience = json.loads(line), _STUCK_S
            begun = said.get("done", begun)
            if "outcome" in said:
                row.count(said["outcome"], begun, said["message"], said["grown"] / 1024)
                done += 1
                if row.tries % 100 == 0:
                    report(row)
    return done


def _lines(process: subprocess.Popen[str]) -> queue.Queue[str | None]:
    """What the process says, line by line, and None once it has ended."""
    assert process.stdout is not None
    found: queue.Queue[str | None] = queue.Queue()

    def pump(pipe: IO[str]) -> None:
        for line in pipe:
            found.put(line)
        found.put(None)

    threading.Thread(target=pump, args=(process.stdout,), daemon=True).start()
    return found
