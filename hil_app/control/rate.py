"""The clock of the loop: absolute deadlines, and how late they were met."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from contextlib import AbstractContextManager
from itertools import islice

import numpy as np

from robots.safety.urgent import LOOP, USUAL, urgent

SAMPLES = 100_000  # newest latenesses kept: 55 minutes at 30 Hz


class Rate:
    """Absolute deadlines ``1 / fps`` apart, or none at all (``paced=False``).

    ::

        rate = Rate(fps=30)
        rate.start()
        with rate.kept():
            while True:
                ...
                late = rate.wait()

    A tick that overruns is caught up by the next ones; after an overrun of more than
    ``catch_up`` periods the schedule starts again, so that no burst of ticks follows a long stall.
    """

    def __init__(self, fps: float, paced: bool = True, catch_up: int = 3) -> None:
        self.period = 1.0 / fps  # [s]
        self.paced = paced
        self._catch_up = catch_up * self.period
        self._deadline = time.monotonic()
        self.lateness: deque[float] = deque(maxlen=SAMPLES)  # [s], one a tick

    def kept(self) -> AbstractContextManager[bool]:
        """While entered, the thread goes ahead of other programs, if there are deadlines."""
        return urgent(LOOP if self.paced else USUAL)

    def start(self) -> None:
        """Begin a new schedule now."""
        self._deadline = time.monotonic()

    def wait(self) -> float:
        """Sleep until the next deadline; returns how late it was met [s]."""
        if not self.paced:
            return 0.0
        self._deadline += self.period
        ahead = self._deadline - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        late = max(0.0, time.monotonic() - self._deadline)
        self.lateness.append(late)
        if late > self._catch_up:
            self.start()
        return late

    @property
    def left(self) -> float:
        """How long it sleeps yet [s], for whoever looks on; 0 while the loop is at work."""
        return max(0.0, self._deadline - time.monotonic())

    def statistics(self, newest: int = SAMPLES) -> dict[str, float] | None:
        """Lateness p50, p99, max of the ``newest`` ticks [ms]; None before the first paced one."""
        return milliseconds(islice(reversed(self.lateness.copy()), newest))


def milliseconds(seconds: Iterable[float]) -> dict[str, float] | None:
    """Median, 99th percentile and maximum of durations [s], in milliseconds; None of none."""
    values = np.fromiter(seconds, float) * 1e3
    if not len(values):
        return None
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(p50, 4), "p99": round(p99, 4), "max": round(values.max(), 4)}
