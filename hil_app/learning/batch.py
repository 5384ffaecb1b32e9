"""The shape of a batch of transitions, shared by buffers, mixers, trainer and algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypedDict

from torch import Tensor


class Batch(TypedDict):
    """B transitions. `done` stops bootstrapping; `truncated` (a time limit) does not.

    A state's values are (B, n) float32, pictures (B, C, H, W) uint8, or feature maps (B, D, h, w).
    """

    state: dict[str, Tensor]  # key -> (B, ...)
    action: Tensor  # (B, c) or (B, c + 1) with the discrete choice last
    reward: Tensor  # (B,), or the discounted sum over k ticks of an n-step return
    next_state: dict[str, Tensor]  # key -> (B, ...), k ticks later
    done: Tensor  # (B,) 0 or 1
    truncated: Tensor  # (B,) 0 or 1
    # discrete_penalty (B,) <= 0, is_intervention (B,) 0 or 1, discount (B,) = gamma^k
    complementary_info: dict[str, Tensor]


class DataMixer(Protocol):
    """Anything that draws batches; a single ReplayBuffer is one."""

    def sample(self, batch_size: int) -> Batch:
        """Draw batch_size transitions."""

    def get_iterator(
        self, batch_size: int, *, async_prefetch: bool = False, queue_size: int = 2
    ) -> Iterator[Batch]:
        """Endless batches, each drawn when asked for, or up to queue_size ahead by a thread."""
