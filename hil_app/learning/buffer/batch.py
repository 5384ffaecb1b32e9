"""The shape of a batch of transitions, shared by buffers, mixers, trainer and algorithms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypedDict

import torch
from torch import Tensor

from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION

_PER_ROW = (DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION)  # of complementary info


class Batch(TypedDict):
    """B transitions. `done` stops bootstrapping; `truncated` (a time limit) does not.

    From a mixer of your own, `truncated` and `complementary_info` may be missing: see `completed`.
    A state's values are (B, n) float32, images (B, C, H, W) uint8, or feature maps (B, D, h, w).
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
    intervened, and a row is of one tick. What there is one of in a row becomes (B,) float32: it
    may come as (B, 1), which would spread over the batch, and of any kind.

    Raises:
        ValueError: there are no rows, or not as many of everything.
    """
    rows = len(batch["action"])
    if not rows:
        raise ValueError("the batch is empty: it has no actions")
    truncated = batch.get("truncated")
    info = dict(batch.get("complementary_info") or {})
    info |= {key: _column(key, info[key], rows) for key in _PER_ROW if key in info}
    done = _column("done", batch["done"], rows)
    return {
        "state": batch["state"],
        "action": batch["action"],
        "reward": _column("reward", batch["reward"], rows),
        "next_state": batch["next_state"],
        "done": done,
        "truncated": torch.zeros_like(done)
        if truncated is None
        else _column("truncated", truncated, rows),
        "complementary_info": info,
    }


def _column(name: str, values: Tensor, rows: int) -> Tensor:
    if values.numel() != rows or len(values) != rows:
        raise ValueError(
            f"{name} has shape {tuple(values.shape)}; for the {rows} actions it is ({rows},)"
        )
    return values.reshape(rows).to(torch.float32)


class DataMixer(Protocol):
    """Anything that draws batches; a single ReplayBuffer is one."""

    def sample(self, batch_size: int) -> Batch:
        """Draw batch_size transitions."""

    def get_iterator(
        self, batch_size: int, *, async_prefetch: bool = False, queue_size: int = 2
    ) -> Iterator[Batch]:
        """Endless batches, each drawn when asked for, or up to queue_size ahead by a thread."""
