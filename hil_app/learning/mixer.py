"""Batches drawn from the online buffer and from the demonstrations together (RLPD, Ball 2023)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from configs.names import DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.batch import Batch, completed
from hil_app.learning.prefetch import endless
from hil_app.learning.replay import ReplayBuffer

DEFAULTS = {DISCRETE_PENALTY: 0.0, IS_INTERVENTION: 0.0}
"""What a row has of a complementary key that only the other buffer knows."""


class OnlineOfflineMixer:
    """`online_ratio` of each batch from the online buffer, the rest from the offline one.

    While one of them is missing or empty the whole batch comes from the other. The rows are not
    shuffled: the online ones come first.

    Raises:
        ValueError: the ratio is outside [0, 1], or there is no buffer.
    """

    def __init__(
        self,
        online_buffer: ReplayBuffer | None,
        offline_buffer: ReplayBuffer | None = None,
        online_ratio: float = 0.5,
    ) -> None:
        if not 0 <= online_ratio <= 1:
            raise ValueError(f"online_ratio {online_ratio} is not between 0 and 1")
        if online_buffer is None and offline_buffer is None:
            raise ValueError("the mixer needs an online or an offline buffer")
        self.online_buffer = online_buffer
        self.offline_buffer = offline_buffer
        self.online_ratio = online_ratio

    def sample(self, batch_size: int) -> Batch:
        """Draw exactly batch_size rows. ValueError while both buffers are empty."""
        online, offline = self.online_buffer, self.offline_buffer
        if not offline or not online:
            source = online or offline
            if not source:
                raise ValueError("both buffers are empty: add transitions before sampling")
            return source.sample(batch_size)
        count = round(batch_size * self.online_ratio)
        if count in (0, batch_size):
            return (online if count else offline).sample(batch_size)
        return concatenate(online.sample(count), offline.sample(batch_size - count))

    def get_iterator(
        self, batch_size: int, *, async_prefetch: bool = False, queue_size: int = 2
    ) -> Iterator[Batch]:
        """Endless batches; an error does not end the iterator. See `prefetch.endless`."""
        return endless(self.sample, batch_size, async_prefetch, queue_size)


def concatenate(first: Batch, second: Batch) -> Batch:
    """Rows of both batches, the first's before the second's.

    A complementary key that only one batch has is filled from DEFAULTS in the other.

    Raises:
        ValueError: such a key has no default, or the batches' state keys differ.
    """
    first, second = completed(first), completed(second)
    return {
        "state": _join(first["state"], second["state"]),
        "action": torch.cat((first["action"], second["action"])),
        "reward": torch.cat((first["reward"], second["reward"])),
        "next_state": _join(first["next_state"], second["next_state"]),
        "done": torch.cat((first["done"], second["done"])),
        "truncated": torch.cat((first["truncated"], second["truncated"])),
        "complementary_info": _join(
            _with_defaults(first, second["complementary_info"]),
            _with_defaults(second, first["complementary_info"]),
        ),
    }


def _join(first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
    if first.keys() != second.keys():
        raise ValueError(f"the buffers differ in {sorted(first.keys() ^ second.keys())}")
    return {key: torch.cat((value, second[key])) for key, value in first.items()}


def _with_defaults(batch: Batch, other: dict[str, Tensor]) -> dict[str, Tensor]:
    """Complementary info of `batch`, with defaults for the keys that only `other` has."""
    info = batch["complementary_info"]
    absent = other.keys() - info.keys()
    unknown = sorted(absent - DEFAULTS.keys())
    if unknown:
        raise ValueError(f"only one buffer has {unknown}, and there is no default for it")
    rows = len(batch["reward"])
    return {**info, **{key: other[key].new_full((rows,), DEFAULTS[key]) for key in absent}}
