"""The recorded datasets that a training learns from beside its own episodes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import takewhile

from configs.learning.learner import OfflineDatasetConfig
from hil_app.control.monitor import Loading
from hil_app.datasets.to_buffer import Source, check, rows_of, unsaid
from hil_app.events import (
    DatasetsLoaded,
    DatasetsSoFar,
    DatasetsTooLarge,
    DatasetsUnsaid,
    DepthLeftOut,
    LoadingDatasets,
)
from hil_app.learning.learner import Learner
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.recording.dataset import Dataset
from hil_app.runs.session import Session

TELL_EVERY = 10.0  # seconds between two events that say how far it is


class OfflineData:
    """Datasets of ``learner.datasets``, opened and found to fit.

    Raises DatasetError with all that does not fit the run's config.
    """

    def __init__(self, session: Session, wanted: Sequence[OfflineDatasetConfig]) -> None:
        self._session, self._config = session, session.config
        self._sources = [Source(Dataset(one.root), one.only, one.weight) for one in wanted]
        parts = session.parts
        check(self._sources, parts.policy_config, self._config.env.fps, parts.names)
        self._reported = 0.0

    def load(self, learner: Learner, policy: GaussianActorPolicy) -> bool:
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
        self, source: Source, learner: Learner, policy: GaussianActorPolicy, loading: Loading
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
