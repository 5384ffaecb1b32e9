"""A clean end on Ctrl-C and SIGTERM: the first one asks, the second one insists."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Self


class StopRequest:
    """While entered, SIGINT and SIGTERM set ``signal`` and the loop ends at its next tick.

    A second signal raises KeyboardInterrupt, which ends the run at once but still closes
    everything in order. The person at the controls may ask too: ``by_person``, and that in an
    ``emergency``.
    """

    HANDLED = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.signal: int | None = None
        self.by_person = self.emergency = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.by_person or self.signal is not None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in self.HANDLED}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signal calls it
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
