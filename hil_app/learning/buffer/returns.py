"""From frames, or from transitions of one tick, to the rows a replay buffer holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.buffer.credit import Blame, TakeOverPenalty
from hil_app.learning.buffer.values import Value, flag, number
from hil_app.learning.experience import Experience, Observation


@dataclass(frozen=True, slots=True)
class Row:
    """A transition over k <= n ticks that bootstraps from ``next_state`` with ``discount``."""

    state: Observation
    action: NDArray[np.float32]  # (c [+ 1],)
    reward: float  # discounted sum over the k ticks
    next_state: Observation  # k ticks later, the same episode
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


class _Tick(NamedTuple):
    """One tick in the window; what is kept of the observations before and after it."""

    state: Observation
    action: NDArray[np.float32]
    reward: float
    next_state: Observation
    terminated: bool
    truncated: bool
    discrete_penalty: float
    is_intervention: bool

    def charged(self, penalty: float) -> _Tick:
        """The same where it costs this."""
        return self._replace(reward=self.reward - penalty)

    @classmethod
    def of(cls, frame: Experience, state: Observation, next_state: Observation) -> _Tick:
        return cls(
            state,
            frame.action,
            frame.reward,
            next_state,
            frame.terminated,
            frame.truncated,
            frame.discrete_penalty,
            frame.is_intervention,
        )


class NStepReturns:
    """Sums rewards over up to ``n`` ticks within an episode (Sutton and Barto 2018, chapter 7).

    ::

        returns = NStepReturns(3, discount=0.99)
        for row in returns.add(state, action, reward, next_state, done, truncated):
            buffer.add(**row.transition())

    A row is self-contained, so nothing reaches over an episode's end, an intervention's edge or a
    buffer's seam. Near an episode's end, and before a pause, rows are shorter: k < n. Of frames,
    ``keep`` makes of an observation what the rows have; it is called once for each. With
    ``take_over`` the policy's ticks before a take-over cost something, and come so much later.
    """

    def __init__(
        self,
        n: int,
        discount: float,
        keep: Callable[[Observation], Observation] = lambda observation: observation,
        take_over: TakeOverPenalty | None = None,
    ) -> None:
        if n < 1 or not 0 <= discount <= 1:
            raise ValueError(f"need n >= 1 and a discount in [0, 1], got {n} and {discount}")
        self._n, self._discount, self._keep = n, discount, keep
        self._blame = None if take_over is None else Blame(take_over, _Tick.charged)
        self._window: deque[_Tick] = deque()
        self._last: tuple[Observation, Observation] = (
            {},
            {},
        )  # newest observation, what is kept of it

    def add(
        self,
        state: Mapping[str, Value],
        action: Value,
        reward: float,
        next_state: Mapping[str, Value],
        done: bool,
        truncated: bool,
        complementary_info: Mapping[str, Value] | None = None,
    ) -> list[Row]:
        """The rows that one transition of one tick completes; arrays are copied.

        Of the complementary info, rows have the penalty and who acted. KeyError if there is more,
        ValueError as of `ReplayBuffer.add`.
        """
        info = dict(complementary_info or {})
        penalty, is_intervention = info.pop(DISCRETE_PENALTY, 0.0), info.pop(IS_INTERVENTION, False)
        if info:
            raise KeyError(f"nothing says what {sorted(info)} are over several ticks")
        tick = _Tick(
            _copies(state),
            _copy(action),
            float(number("reward", reward)),
            _copies(next_state),
            bool(flag("done", done)),
            bool(flag("truncated", truncated)),
            float(number(DISCRETE_PENALTY, penalty)),
            bool(flag(IS_INTERVENTION, is_intervention)),
        )
        return self._push(tick)

    def push(self, frame: Experience) -> list[Row]:
        """The rows that ``frame`` completes: none, one, or where a stretch of ticks ends the rest.

        A stretch ends with its episode, and before a pause, in which the world may change.
        """
        rows = self._rest() if frame.after_pause else []
        newest, kept = self._last
        state = kept if frame.observation is newest else self._keep(frame.observation)
        self._last = frame.next_observation, self._keep(frame.next_observation)
        return rows + self._push(_Tick.of(frame, state, self._last[1]))

    def _push(self, tick: _Tick) -> list[Row]:
        known: Sequence[_Tick] = [tick]
        if self._blame is not None:
            known = self._blame.push(tick, is_intervention=tick.is_intervention)
        rows = self._rows(known)
        return rows + self._rest() if tick.terminated or tick.truncated else rows

    def _rows(self, ticks: Sequence[_Tick]) -> list[Row]:
        """The rows that these complete, each as soon as it has its n ticks."""
        rows = []
        for tick in ticks:
            self._window.append(tick)
            if len(self._window) == self._n:
                rows.append(self._row(0))
                self._window.popleft()
        return rows

    def _rest(self) -> list[Row]:
        """The rows that begin in the window, with what is held back; it is empty then."""
        rows = [] if self._blame is None else self._rows(self._blame.rest())
        rows += [self._row(first) for first in range(len(self._window))]
        self._window.clear()
        return rows

    def _row(self, first: int) -> Row:
        ticks = list(self._window)[first : first + self._n]
        start, end = ticks[0], ticks[-1]
        powers = [self._discount**k for k in range(len(ticks) + 1)]
        return Row(
            state=start.state,
            action=start.action,
            reward=sum(p * t.reward for p, t in zip(powers, ticks, strict=False)),
            next_state=end.next_state,
            done=end.terminated,
            truncated=end.truncated,
            discrete_penalty=sum(
                p * t.discrete_penalty for p, t in zip(powers, ticks, strict=False)
            ),
            is_intervention=start.is_intervention,
            discount=powers[-1],
        )


def _copy(value: Value) -> NDArray[Any]:
    own = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    return np.array(own)  # a copy, always


def _copies(state: Mapping[str, Value]) -> dict[str, NDArray[Any]]:
    return {key: _copy(value) for key, value in state.items()}
