"""Batches that are drawn from the buffers of several robots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from hil_app.learning.buffer.batch import Batch
from hil_app.learning.buffer.mixer import concatenate
from hil_app.learning.buffer.replay import ReplayBuffer


class Pool:
    """The buffers of all robots as one to draw from (see `Drawn`).

    A robot has its ``share`` of every batch, relative to those of the others, whatever it has sent:
    one that sends more does not push the others' rows out. While it has fewer than ``full`` rows
    its share is as much smaller. With one robot a batch is what its buffer gives.
    """

    def __init__(self, full: int) -> None:
        self.buffers: dict[str, ReplayBuffer] = {}  # by robot
        self.shares: dict[str, float] = {}  # the same
        self._full = max(full, 1)

    def __len__(self) -> int:
        return sum(map(len, self.buffers.values()))

    def sample(self, batch_size: int) -> Batch:
        """So many rows of all robots. ValueError without any."""
        counts = self.counts(batch_size)
        if not counts:
            raise ValueError("no robot has sent anything yet")
        return reduce(concatenate, (self.buffers[one].sample(n) for one, n in counts.items() if n))

    def counts(self, batch_size: int) -> Mapping[str, int]:
        """How many rows of a batch are whose, of the robots that have any."""
        weights = {
            robot: self.shares.get(robot, 1.0) * min(1.0, len(buffer) / self._full)
            for robot, buffer in self.buffers.items()
            if len(buffer)
        }
        return divided(batch_size, weights)


def divided(count: int, weights: Mapping[str, float]) -> dict[str, int]:
    """``count`` divided as nearly as whole numbers can be by positive weights."""
    total = sum(weights.values())
    exact = {name: count * weight / total for name, weight in weights.items()}
    parts = {name: int(value) for name, value in exact.items()}
    rest: Callable[[str], float] = lambda name: parts[name] - exact[name]  # noqa: E731
    for name in sorted(parts, key=rest)[: count - sum(parts.values())]:
        parts[name] += 1
    return parts
