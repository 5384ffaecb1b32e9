"""What people have shown: recorded datasets, demonstrations that fail, and a policy's start."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import takewhile

from configs.errors import HilAppError
from configs.events import Tell
from configs.learning.learner import OfflineDatasetConfig
from hil_app.control.gate import Gate
from hil_app.control.loop import Loop
from hil_app.control.monitor import Loading, Stage, WarmStart
from hil_app.datasets.to_buffer import Source, check, rows_of, unsaid
from hil_app.events import (
    DatasetsLoaded,
    DatasetsSoFar,
    DatasetsTooLarge,
    DatasetsUnsaid,
    DemonstrationsFail,
    DepthLeftOut,
    LoadingDatasets,
    NoWarmStart,
    WarmStarted,
    WarmStarting,
)
from hil_app.learning.elsewhere.surface import AnyLearner
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.recording.dataset import Dataset
from hil_app.runs.folder import dataset_of
from hil_app.runs.session import Session

ASK, GIVE_UP = 3, 10  # demonstrations that fail in a row: then somebody is asked, or nobody there
TELL_EVERY = 10.0  # seconds between two events that say how far it is


class DemonstrationsFailed(HilAppError):
    """Nobody is there to say why no demonstration succeeds; the message has what to look at."""


def demonstrations_fail(stage: Stage, gate: Gate, tell: Tell) -> None:
    """Have a run that nobody shows how to do it ask what is wrong; raises DemonstrationsFailed.

    ``gate`` is the stage's: an operator who is there is waited for.
    """
    failed = stage.failed_in_a_row
    said = (
        f"{failed} demonstrations in a row did not succeed, and do not count: is the task within "
        "reach, is env.control_time_s long enough, and does somebody (the success control, or a "
        "classifier) say when it is done? --train.count_demonstrations=all learns from failures too"
    )
    if gate.attended and failed % ASK == 0:
        tell(DemonstrationsFail(cause=said, in_a_row=failed))
        gate.close()
    elif not gate.attended and failed >= GIVE_UP:
        raise DemonstrationsFailed(said)


def warm_start(session: Session, learner: AnyLearner, loop: Loop, stop: Callable[[], bool]) -> bool:
    """Have the policy learn from the demonstrations alone, while the arm of their ``loop`` is held.

    It goes on where a run that is resumed has left it. False if there is nothing to do.
    """
    total, before = session.config.train.warm_start_updates, learner.warmed
    events, monitor, started = session.events, session.monitor, time.monotonic()
    if before >= total or stop():
        return False
    learner.rest()  # it has come to every demonstration then
    learner.go_on()
    if not learner.progress.offline:
        cause = "no demonstration is there to learn from: the policy begins as it was made"
        events.emit(NoWarmStart(cause=cause))
        return False
    note = f"the policy learns from the demonstrations, {total - before} updates"
    events.emit(WarmStarting(updates=total - before, note=note))
    monitor.warm_start = WarmStart(total, lambda: learner.warmed)
    with loop.teleop:
        held = (loop.hold,) if loop.rate.paced else ()
        learner.warm_start(total, lambda: stop() or loop.asked.stop, *held)
    monitor.warm_start = None
    session.apply_stops(loop.asked)
    made = learner.warmed - before
    note = f"{made} updates in {time.monotonic() - started:.1f} s"
    events.emit(WarmStarted(updates=made, note=note))
    return True


class OfflineData:
    """Datasets of ``learner.datasets``, opened and found to fit.

    Raises DatasetError with all that does not fit the run's config.
    """

    def __init__(self, session: Session, wanted: Sequence[OfflineDatasetConfig]) -> None:
        self._session, self._config = session, session.config
        opened = [(Dataset(dataset_of(one.root)), one) for one in wanted]
        self._sources = [Source(dataset, one.only, one.weight) for dataset, one in opened]
        parts = session.parts
        check(self._sources, parts.policy_config, self._config.env.fps, parts.names)
        self._reported = 0.0

    def load(self, learner: AnyLearner, policy: GaussianActorPolicy) -> bool:
        """Fill the offline buffer; False if the run is to stop meanwhile. Raises DatasetError."""
        if not self._sources:
            return True
        events, started = self._session.events, time.monotonic()
        loading = Loading(sum(len(source.dataset) for source in self._sources))
        self._session.monitor.loading, self._reported = loading, started
        roots = ", ".join(str(source.dataset.root) for source in self._sources)
        events.emit(LoadingDatasets(note=f"{loading.total} frames of {roots}"))
        for line in filter(None, map(unsaid, self._sources)):
            events.emit(DatasetsUnsaid(note=line))
        for line in filter(None, (source.dataset.left_out for source in self._sources)):
            events.emit(DepthLeftOut(note=line))
        rows = sum(self._rows(source, learner, policy, loading) for source in self._sources)
        self._session.monitor.loading = None
        if self._session.stop():
            return False
        note = f"{rows} rows to learn from, in {time.monotonic() - started:.1f} s"
        events.emit(DatasetsLoaded(rows=rows, note=note))
        if (capacity := self._config.learner.offline_capacity) < rows:
            cause = f"{rows - capacity} rows of them are lost: raise learner.offline_capacity"
            events.emit(DatasetsTooLarge(cause=cause))
        return True

    def _rows(
        self, source: Source, learner: AnyLearner, policy: GaussianActorPolicy, loading: Loading
    ) -> int:
        """Add a dataset's rows to the offline buffer; returns how many there were."""

        def read(frames: int) -> None:
            loading.frames += frames
            if time.monotonic() - self._reported > TELL_EVERY:
                self._reported = time.monotonic()
                done = DatasetsSoFar(frames=loading.frames, of=loading.total)
                self._session.events.emit(done)

        n_steps, discount = self._config.learner.n_steps, self._config.algorithm.discount
        rows = rows_of(source, policy, n_steps=n_steps, discount=discount, read=read)
        going_on = takewhile(lambda _: not self._session.stop(), rows)
        return learner.begin_with(going_on, source.weight)
