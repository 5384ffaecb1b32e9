"""Which rows of a ring a batch has."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

WEIGHTS = "weights"  # of a state


def seeded(seed: int | None, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own; without a seed it has the one that `torch.manual_seed` set."""
    return torch.Generator(device).manual_seed(torch.initial_seed() if seed is None else seed)


class RowSampler:
    """Draws rows with replacement: evenly, or by weights once one differs from 1."""

    def __init__(self, capacity: int, device: torch.device, seed: int | None) -> None:
        self.generator = seeded(seed, device)
        self._capacity, self._device = capacity, device
        self._weights: Tensor | None = None  # (capacity,) by row
        self._sums: Tensor | None = None  # (rows,) of the weights up to each row, while they hold

    def weigh(self, row: int, weight: float) -> None:
        """A row was written; its weight is positive."""
        if self._weights is None:
            if weight == 1:
                return
            shape, kind = (self._capacity,), torch.float64
            self._weights = torch.ones(shape, dtype=kind, device=self._device)
        self._weights[row] = weight
        self._sums = None

    def draw(self, rows: int, count: int) -> Tensor:
        """Indices (count,) of some of the first ``rows`` rows."""
        if self._weights is None:
            return torch.randint(rows, (count,), generator=self.generator, device=self._device)
        if self._sums is None or len(self._sums) != rows:
            self._sums = self._weights[:rows].cumsum(0)
        share = torch.rand(
            count, generator=self.generator, device=self._device, dtype=torch.float64
        )
        found = torch.searchsorted(self._sums, share * self._sums[-1], right=True)
        return found.clamp_(max=rows - 1)  # a product may be rounded up to the sum

    def state(self, rows: int) -> dict[str, Tensor]:
        """The generator's state, and the weights if they are not all 1."""
        weights = {} if self._weights is None else {WEIGHTS: self._weights[:rows].clone()}
        return {"rng": self.generator.get_state(), **weights}

    def load_state(self, state: Mapping[str, Tensor], turned: int = 0) -> None:
        """Go on from what :meth:`state` gave, of rows that were turned back by some places."""
        self._weights = self._sums = None
        if (weights := state.get(WEIGHTS)) is not None:
            self._weights = torch.ones(self._capacity, dtype=torch.float64, device=self._device)
            self._weights[: len(weights)] = weights.roll(-turned, 0)
        self.generator.set_state(state["rng"])
