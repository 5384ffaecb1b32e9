"""From frames to the rows a replay buffer holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.recording.frames import Frame
from processors.base import Features
from robots.base import F32


@dataclass(frozen=True, slots=True)
class Row:
    """A transition over k <= n ticks that bootstraps from ``next_state`` with ``discount``."""

    state: Features
    action: F32  # (4,)
    reward: float  # discounted sum over the k ticks
    next_state: Features  # k ticks later, the same episode
    done: bool  # terminated within the k ticks: no bootstrapping
    truncated: bool
    discrete_penalty: float  # discounted sum over the k ticks
    is_intervention: bool  # of the first tick, whose action the row has
    discount: float  # gamma to the k

    def transition(self) -> dict[str, Any]:
        """The arguments of `ReplayBuffer.add`."""
        return {
            "state": self.state,
            "action": self.action,
            "reward": self.reward,
            "next_state": self.next_state,
            "done": self.done,
            "truncated": self.truncated,
            "complementary_info": {
                DISCRETE_PENALTY: self.discrete_penalty,
                IS_INTERVENTION: float(self.is_intervention),
                DISCOUNT: self.discount,
            },
        }


class _Kept(NamedTuple):
    """A frame, and what is kept of what was seen before and after it."""

    frame: Frame
    state: Features
    next_state: Features


class NStepReturns:
    """Sums rewards over up to ``n`` ticks within an episode (Sutton and Barto 2018, chapter 7).

    A row is self-contained, so nothing reaches over an episode's end, an intervention's edge or a
    buffer's seam. Near an episode's end, and before a pause, rows are shorter: k < n. ``keep``
    makes of an observation what the rows have; it is called once for each, so rows that share one
    have the same object.
    """

    def __init__(
        self, n: int, discount: float, keep: Callable[[Features], Features] = lambda seen: seen
    ) -> None:
        self._n, self._discount, self._keep = n, discount, keep
        self._window: deque[_Kept] = deque()
        self._last: tuple[Features, Features] = ({}, {})  # newest observation, what is kept of it

    def push(self, frame: Frame) -> list[Row]:
        """The rows that ``frame`` completes: none, one, or where a stretch of ticks ends the rest.

        A stretch ends with its episode, and before a pause, in which the world may change.
        """
        rows = self._rest() if frame.after_pause else []
        self._window.append(self._kept(frame))
        if frame.done:
            return rows + self._rest()
        if len(self._window) == self._n:
            rows.append(self._row(0))
            self._window.popleft()
        return rows

    def _rest(self) -> list[Row]:
        """The rows that begin in the window; it is empty then."""
        rows = [self._row(first) for first in range(len(self._window))]
        self._window.clear()
        return rows

    def _kept(self, frame: Frame) -> _Kept:
        newest, kept = self._last
        state = kept if frame.state is newest else self._keep(frame.state)
        self._last = frame.next_state, self._keep(frame.next_state)
        return _Kept(frame, state, self._last[1])

    def _row(self, first: int) -> Row:
        window = list(self._window)[first : first + self._n]
        frames = [kept.frame for kept in window]
        start, end = frames[0], frames[-1]
        powers = [self._discount**k for k in range(len(frames) + 1)]
        return Row(
            state=window[0].state,
            action=start.action,
            reward=sum(p * f.reward for p, f in zip(powers, frames, strict=False)),
            next_state=window[-1].next_state,
            done=end.terminated,
            truncated=end.truncated,
            discrete_penalty=sum(
                p * f.discrete_penalty for p, f in zip(powers, frames, strict=False)
            ),
            is_intervention=start.is_intervention,
            discount=powers[-1],
        )
