"""Who is to blame for a take-over: the ticks before it, which somebody found bad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class TakeOverPenalty(NamedTuple):
    """What each of the policy's last ticks before a take-over costs (RLIF, Luo et al. 2024).

    There it is one tick that costs 1 and all there is of a reward; here it is beside the task's.
    """

    penalty: float  # a tick [reward], >= 0
    ticks: int  # so many of them, if the policy had as many since the episode's start


class Blame(Generic[T]):
    """Holds the policy's newest ticks back until it is known whether a take-over follows.

    ::

        blame = Blame(TakeOverPenalty(0.1, 5), lambda tick, penalty: ...)
        for tick in blame.push(tick, is_intervention=False):   # in their order, none twice
            ...
        for tick in blame.rest():                              # at the end of what belongs together
            ...
    """

    def __init__(self, settings: TakeOverPenalty, charge: Callable[[T, float], T]) -> None:
        self._settings, self._charge = settings, charge
        self._held: list[T] = []  # ticks of the policy, in a row

    def push(self, tick: T, *, is_intervention: bool) -> Sequence[T]:
        """The ticks of which everything is known now that this one is."""
        if is_intervention:
            return [*(self._charge(held, self._settings.penalty) for held in self.rest()), tick]
        self._held.append(tick)
        overdue = max(0, len(self._held) - self._settings.ticks)
        known, self._held = self._held[:overdue], self._held[overdue:]
        return known

    def rest(self) -> list[T]:
        """What is held back: nobody took over after it."""
        held, self._held = self._held, []
        return held
