"""An env step that takes a classifier's word for success."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from processors.base import Observation, Transition

SuccessProbability = Callable[
    [Observation], float
]  # what the policy sees -> probability of success


class ClassifiedSuccess:
    """Success once ``success_probability`` has given at least ``threshold`` for ``ticks`` ticks in
    a row.

    It goes on for as long as they stay positive. The row begins again with every episode, and after
    a pause, in which the world may have changed. The reset is never a success.
    """

    def __init__(
        self, success_probability: SuccessProbability, threshold: float, ticks: int
    ) -> None:
        self._probability, self._threshold, self._ticks = success_probability, threshold, ticks
        self._tick = 0  # that was classified last
        self._row = 0  # positive ticks up to it
        self.newest: float | None = None  # probability, for whoever looks on

    def __call__(self, transition: Transition) -> Transition:
        """``transition`` with the verdict."""
        command = transition.command
        if command.tick == 0 or command.after_pause:
            self._row = 0
        looked_again = command.tick == self._tick  # in a pause, at a tick that has its verdict
        self._tick = command.tick
        if command.tick == 0 or looked_again:
            return transition
        self.newest = self._probability(transition.observation)
        positive = self.newest >= self._threshold
        self._row = self._row + 1 if positive else 0
        return replace(transition, success=True) if self._row >= self._ticks else transition
