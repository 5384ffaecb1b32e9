"""The training of a trial: a process that is started, looked at and ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from hil_app.bench.learning import started
from hil_app.bench.learning.outcome import finished
from hil_app.control.outcomes import Evaluation
from hil_app.runs.browse.history import History
from hil_app.runs.folder import checkpoints_of
from hil_app.support import tied

_END_S = 60.0  # that a run may take to end safely


class Training:
    """A ``program`` such as ``hil-app train``, begun or gone on with from its last checkpoint.

    One that has finished, or is ``over`` for another reason, only tells its evaluations again.
    """

    def __init__(
        self,
        folder: Path,
        options: Sequence[str],
        place: Path,
        program: Sequence[str],
        *,
        over: bool,
    ) -> None:
        self._folder, self._program, self._told = folder, program, 0
        self._log = folder.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None
        if not (over or finished(folder)):
            self._process = tied.start(self._command(options), self._log, place)

    def next_evaluation(self, patience_s: float) -> Evaluation | None:
        """The next one; None if there is none within some time, or at all.

        Raises RuntimeError if the training has failed.
        """
        end = time.monotonic() + patience_s
        while True:
            running = self.running
            evaluations = History.read(self._folder).evaluations
            if len(evaluations) > self._told:
                self._told += 1
                return evaluations[self._told - 1]
            if not running:
                self._check()
                return None
            if time.monotonic() > end:
                return None
            time.sleep(min(0.5, patience_s))

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        """End it safely: its checkpoint is whole, and it can go on."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self, options: Sequence[str]) -> list[str]:
        folder = self._folder
        if checkpoints_of(folder):
            return [*self._program, f"--resume={folder}"]
        if folder.exists():  # it ended before there was anything to go on from
            folder.rename(folder.with_name(f"{folder.name}_cut_short_{time.time_ns()}"))
        started.note(folder, options, jobs=1)
        return [*self._program, *options, f"--output_dir={folder}"]

    def _check(self) -> None:
        if self._process is None or finished(self._folder):
            return
        last = " ".join(self._log.read_text(errors="replace").strip().splitlines()[-1:])
        raise RuntimeError(
            f"{self._folder.name} ended with status {self._process.returncode}: {last} "
            f"(see {self._log})"
        )
