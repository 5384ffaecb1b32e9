"""What a tracker offers, and the thread that keeps it away from the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol

from hil_app.events import TrackerCutShort, TrackerFailed
from hil_app.support.events import EventLog
from hil_app.support.worker import Worker

_MOST = 10_000  # figures that wait for a slow tracker
_PATIENCE = 20.0  # with a tracker that does not get on, at the end [s]


class Moment(NamedTuple):
    """When figures were taken."""

    time: float  # seconds since 1970
    ticks: int  # of the training
    updates: int


class Tracker(Protocol):
    """Somewhere that figures go: made, used and closed in a thread of its own, where it may wait.

    Whatever it raises ends it, and not the run.
    """

    def log(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """Take figures by name."""

    def close(self) -> None:
        """Take no more, and see to it that those taken are kept."""

    def abandon(self) -> None:
        """Let the program end though a call has not returned; called from another thread."""


class Tracking:
    """Passes figures on to a tracker; nobody waits for it, but a little at the end.

    Args:
        title: What people are told it is.
        make: Makes the tracker, in the thread.
        events: A tracker that fails or hangs is an event.
    """

    def __init__(self, title: str, make: Callable[[], Tracker], events: EventLog) -> None:
        self._title, self._make, self._events = title, make, events
        self._tracker: Tracker | None = None
        self._worker: Worker[tuple[Moment, Mapping[str, float]] | None] = Worker(
            f"tracker {title}", self._deal, most=_MOST, failed=self._failed
        )

    def log(self, moment: Moment, figures: Mapping[str, float]) -> None:
        """Have the tracker take these figures, soon."""
        self._worker.put((moment, figures))

    def end(self) -> None:
        """Have the tracker closed, soon."""
        self._worker.put(None, even_beyond=True)

    def close(self) -> None:
        """Wait for that, within reason."""
        left = self._worker.close(_PATIENCE)
        if left and self._worker.error is None:
            cause = f"{self._title} does not take the last figures: they are left out"
            self._events.emit(TrackerCutShort(cause=cause))
            if self._tracker is not None:
                with suppress(Exception):  # what hangs may fail in any way
                    self._tracker.abandon()

    def _deal(self, waiting: list[tuple[Moment, Mapping[str, float]] | None]) -> None:
        if self._tracker is None:
            self._tracker = self._make()
        for figures in waiting:
            if figures is None:
                self._tracker.close()
            else:
                self._tracker.log(*figures)

    def _failed(self, error: BaseException) -> None:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        cause = f"{self._title} is left out from here on: {lines[0]}"
        self._events.emit(TrackerFailed(cause=cause))
