"""Batches drawn from the online buffer and from the demonstrations together (RLPD, Ball 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from configs.names import DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.assumed import tell_once
from hil_app.learning.buffer.batch import Batch, completed
from hil_app.learning.buffer.prefetch import endless

Meaning = tuple[float, str]  # of a key that only the other buffer has, and in words
ONLINE: dict[str, Meaning] = {
    DISCRETE_PENALTY: (0.0, "there was no penalty"),
    IS_INTERVENTION: (0.0, "the policy acted"),
}
OFFLINE: dict[str, Meaning] = {**ONLINE, IS_INTERVENTION: (1.0, "the operator acted")}


class Drawn(Protocol):
    """What rows are drawn from, such as a `ReplayBuffer`."""

    def __len__(self) -> int:
        """How many rows there are."""

    def sample(self, batch_size: int) -> Batch:
        """So many of them."""


class OnlineOfflineMixer:
    """`online_ratio` of each batch from the online buffer, the rest from the offline one.

    While one of them is missing or empty the whole batch comes from the other. The rows are not
    shuffled: the online ones come first. What only the other's rows say is assumed and reported
    once: there was no penalty, and the offline rows, which are demonstrations, are an operator's.

    Raises:
        ValueError: the ratio is outside [0, 1], or there is no buffer.
    """

    def __init__(
        self,
        online_buffer: Drawn | None,
        offline_buffer: Drawn | None = None,
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


def concatenate(online: Batch, offline: Batch) -> Batch:
    """Rows of both batches, the online ones before the offline ones.

    A complementary key that only one of them has gets its meaning from ONLINE or OFFLINE in the
    other, which is reported once.

    Raises:
        ValueError: such a key has no meaning there, or the batches' state keys differ.
    """
    online, offline = completed(online), completed(offline)
    return {
        "state": _join(online["state"], offline["state"]),
        "action": torch.cat((online["action"], offline["action"])),
        "reward": torch.cat((online["reward"], offline["reward"])),
        "next_state": _join(online["next_state"], offline["next_state"]),
        "done": torch.cat((online["done"], offline["done"])),
        "truncated": torch.cat((online["truncated"], offline["truncated"])),
        "complementary_info": _join(
            _filled(online, offline, ONLINE, "online"),
            _filled(offline, online, OFFLINE, "offline"),
        ),
    }


def _join(first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
    if first.keys() != second.keys():
        raise ValueError(f"the buffers differ in {sorted(first.keys() ^ second.keys())}")
    return {key: torch.cat((value, second[key])) for key, value in first.items()}


def _filled(
    batch: Batch, other: Batch, meanings: dict[str, Meaning], name: str
) -> dict[str, Tensor]:
    """Complementary info of `batch`, with what the keys mean in it that only `other` has."""
    info, more = batch["complementary_info"], other["complementary_info"]
    absent = sorted(more.keys() - info.keys())
    if unknown := [key for key in absent if key not in meanings]:
        raise ValueError(f"only one buffer has {unknown}, and there is no default for it")
    filled, rows = dict(info), len(batch["reward"])
    for key in absent:
        value, meaning = meanings[key]
        tell_once(f"the {name} rows have no {key}, which the others have: {meaning} in all of them")
        filled[key] = more[key].new_full((rows,), value)
    return filled
