"""The shape of a batch of transitions, shared by buffers, mixers, trainer and algorithms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypedDict

import torch
from torch import Tensor


class Batch(TypedDict):
    """B transitions. `done` stops bootstrapping; `truncated` (a time limit) does not.

    From a mixer of your own, `truncated` and `complementary_info` may be missing: see `completed`.
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


def completed(batch: Mapping[str, Any]) -> Batch:
    """A batch as it came, with all that one may leave out, or have as None.

    Without `truncated` no row is; without `complementary_info` there is no penalty, nobody
    intervened, and a row is of one tick.
    """
    truncated = batch.get("truncated")
    return {
        "state": batch["state"],
        "action": batch["action"],
        "reward": batch["reward"],
        "next_state": batch["next_state"],
        "done": batch["done"],
        "truncated": torch.zeros_like(batch["done"]) if truncated is None else truncated,
        "complementary_info": batch.get("complementary_info") or {},
    }


class DataMixer(Protocol):
    """Anything that draws batches; a single ReplayBuffer is one."""

    def sample(self, batch_size: int) -> Batch:
        """Draw batch_size transitions."""

    def get_iterator(
        self, batch_size: int, *, async_prefetch: bool = False, queue_size: int = 2
    ) -> Iterator[Batch]:
        """Endless batches, each drawn when asked for, or up to queue_size ahead by a thread."""
