"""The checkpoints of a run: which there are, and the thread that writes them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from configs.load import ConfigError
from configs.text.writing import write_whole
from hil_app.events import CheckpointNotSaved, CheckpointSaved, CheckpointsDied
from hil_app.learning.checkpoint import CheckpointError, Saved, Snapshot, save
from hil_app.runs.folder import BEST, best_of
from hil_app.support.checkpoint_names import checkpoints_in
from hil_app.support.events import EventLog
from hil_app.support.files import remove_folder
from hil_app.support.worker import Worker


@dataclass(frozen=True)
class _Job:
    snapshot: Snapshot
    ticks: int  # of the training
    best: dict[str, Any] | None = None  # how well it did, if nothing before did better

    @property
    def name(self) -> str:
        return f"tick_{self.ticks:06d}"


class Checkpoints:
    """Writes a run's checkpoints into ``folder``, in a thread of its own, while entered.

    ::

        with Checkpoints(folder, keep_last=2, events=events) as checkpoints:
            checkpoints.keep(snapshot, ticks)                # in memory
            checkpoints.keep(snapshot, ticks, write=True)    # and on disk, soon

    The newest snapshot is always written on leaving. When the disk is slow, only the newest one
    that waits is written. A disk that refuses is an event; on leaving it is a
    :class:`CheckpointError`, unless another error ends the run. ``before`` is called with a
    snapshot before it is written.
    """

    def __init__(
        self,
        folder: Path,
        keep_last: int,
        events: EventLog,
        before: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        self._folder, self._keep_last = folder, keep_last
        self._events, self._before = events, before
        self._newest: _Job | None = None
        self._written: _Job | None = None
        self._worker: Worker[_Job] | None = None
        self._saved = Saved()

    def __enter__(self) -> Self:
        self._worker = Worker("checkpoints", self._deal, failed=self._died, tidy=_drop_outdated)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._worker is not None:
            self._worker.close()
        try:
            self.check()
            if self._newest is not None and self._newest is not self._written:
                self._write(self._newest)
        except CheckpointError as error:
            if kind is None:
                raise
            self._events.emit(CheckpointNotSaved(cause=str(error)))

    def keep(
        self,
        snapshot: Snapshot,
        ticks: int,
        *,
        write: bool = False,
        best: dict[str, Any] | None = None,
    ) -> None:
        """Take the newest snapshot, after so many training ticks; ``best`` marks it as the best.

        Safe from any thread, and never waits for the disk.
        """
        self._newest = job = _Job(snapshot, ticks, best)
        if self._worker is not None and (write or best is not None):
            self._worker.put(job)

    def check(self) -> None:
        """Raise :class:`CheckpointError` if the thread has died of something else than the disk."""
        error = None if self._worker is None else self._worker.error
        if error is not None:
            raise CheckpointError(f"checkpoints can no longer be written: {error!r}")

    # What follows runs in the thread, or after it has ended.

    def _deal(self, jobs: list[_Job]) -> None:
        for job in jobs:
            try:
                self._write(job)
            except CheckpointError as error:
                self._events.emit(CheckpointNotSaved(cause=str(error)))

    def _died(self, error: BaseException) -> None:
        self._events.emit(CheckpointsDied(cause=repr(error)))

    def _write(self, job: _Job) -> None:
        self._before(job.snapshot)
        start = time.monotonic()
        folder = self._unused(job.name)
        self._saved = save(job.snapshot, folder, self._saved)
        self._written = job
        try:
            if job.best is not None:
                mark = {"checkpoint": folder.name, **job.best}
                write_whole(self._folder / BEST, (json.dumps(mark, indent=2) + "\n").encode())
            self._prune()
        except (OSError, ConfigError) as error:
            raise CheckpointError(f"cannot tidy up {self._folder}: {error}") from error
        seconds = round(time.monotonic() - start, 3)
        self._events.emit(CheckpointSaved(checkpoint=folder.name, ticks=job.ticks, seconds=seconds))

    def _unused(self, name: str) -> Path:
        """A folder for a checkpoint; one of the same tick is never written over."""
        taken = {path.name for path in checkpoints_in(self._folder)}
        again = (f"{name}_{number}" for number in range(2, len(taken) + 2))
        return self._folder / next(n for n in (name, *again) if n not in taken)

    def _prune(self) -> None:
        """Remove all but the last ones and the best."""
        best = best_of(self._folder)
        for folder in checkpoints_in(self._folder)[: -self._keep_last]:
            if folder != best:
                remove_folder(folder)


def _drop_outdated(waiting: list[_Job]) -> None:
    """Leave the best so far, and the newest if that came after it."""
    best = [index for index, job in enumerate(waiting) if job.best is not None][-1:]
    later = waiting[best[0] + 1 :] if best else waiting
    waiting[:] = [*(waiting[index] for index in best), *later[-1:]]
