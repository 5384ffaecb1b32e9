"""Many runs in one folder, some at a time, each a command in a process and a folder of its own.

A run that is there is not run again. One that was cut short is set aside and begun anew, so an
experiment that was stopped goes on with what its folder has.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from hil_app.bench import BenchError
from hil_app.bench.learning import started
from hil_app.bench.learning.outcome import finished, so_far
from hil_app.bench.learning.processes import OURS, Place, Processes
from hil_app.bench.learning.protocol import protocol

TRAIN, RECORD = (*OURS, "train"), (*OURS, "record")


@dataclass(frozen=True)
class Run:
    """A run to do: a ``program`` with ``options`` and, at the end, one that names its folder.

    The program ends with status 0 and leaves a summary.json there.
    """

    name: str  # of what is compared
    seed: int
    options: tuple[str, ...]
    program: tuple[str, ...] = TRAIN

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}"

    @property
    def place(self) -> Path:
        """Where its folder is in that of the experiment."""
        return Path(self.name.replace(", ", "_").replace(" ", "_"), f"seed_{self.seed}")


def training(name: str, seed: int, options: Sequence[str], program: tuple[str, ...] = TRAIN) -> Run:
    """A training with some options, by the protocol of all benchmarks."""
    return Run(name, seed, (*options, *protocol(seed)), program)


class Experiment:
    """Does runs in one folder, ``jobs`` of them at a time, in a ``place``: here if none is named.

    ::

        experiment = Experiment(folder, runs, jobs=2)
        for run in experiment.run():
            print(run, outcome.read(experiment.path(run), run.seed))
        experiment.check()
    """

    def __init__(
        self, folder: Path, runs: Sequence[Run], jobs: int, place: Place | None = None
    ) -> None:
        self.folder, self.runs, self.jobs = folder, runs, jobs
        self.over = 0  # runs, well or not
        self.failures: list[str] = []  # the last words of runs
        self._place = place or Processes()
        self._running: list[Run] = []
        self._stopped = False

    def run(self) -> Iterator[Run]:
        """Each run as it ends well; on an interrupt, those under way are ended too."""
        with ThreadPoolExecutor(self.jobs) as pool:
            work = {pool.submit(self._one, run): run for run in self.runs}
            try:
                for future in as_completed(work):
                    failure = future.result()
                    self.over += 1
                    if failure is None:
                        yield work[future]
                    else:
                        self.failures.append(failure)
            except BaseException:
                self._stop()
                raise

    def check(self) -> None:
        """Raise BenchError if a run has failed."""
        if self.failures:
            raise BenchError("; ".join(self.failures))

    def under_way(self) -> dict[str, str]:
        """How far each run is that is being done, in words."""
        return {str(run): so_far(self.path(run)) for run in [*self._running]}

    def path(self, run: Run) -> Path:
        """The folder of a run."""
        return self.folder / run.place

    def _one(self, run: Run) -> str | None:
        """Do a run unless it is there; returns what is wrong with it."""
        folder = self.path(run)
        if self._stopped:
            return None
        if finished(folder):
            return started.differs(folder, run.options)
        if folder.exists():
            folder.rename(folder.with_name(f"{folder.name}_cut_short_{time.time_ns()}"))
        folder.parent.mkdir(parents=True, exist_ok=True)
        started.note(folder, run.options, self.jobs)
        return self._done(run, folder)

    def _done(self, run: Run, folder: Path) -> str | None:
        log = folder.with_suffix(".log")
        self._running.append(run)
        try:
            status = self._place.do([*run.program, *run.options], folder, log)
        except BenchError as error:
            return f"{run}, {error} (see {log})"
        finally:
            self._running.remove(run)
        if status:
            last = " ".join(log.read_text(errors="replace").strip().splitlines()[-1:])
            return f"{run}, ended with status {status}: {last} (see {log})"
        return None if finished(folder) else f"{run}, has left no finished run in {folder}"

    def _stop(self) -> None:
        self._stopped = True
        self._place.stop()
