"""What `dataset_stats` of a policy's config can be made of: the rows of a replay buffer."""

from __future__ import annotations

import torch
from torch import Tensor

from configs.names import ACTION
from hil_app.learning.buffer.images import MAP_SUFFIX
from hil_app.learning.buffer.replay import ReplayBuffer

AT_ONCE = 64  # rows that are in memory beside the buffer

Statistics = dict[str, dict[str, list[float]]]


def stats_of(buffer: ReplayBuffer) -> Statistics:
    """By feature, as `dataset_stats` has it: of numbers min and max, of images mean and std.

    Both states of a row count, and the action. Images are in shares of full brightness, by
    channel; what a frozen vision encoder made of them needs no scale and is left out.

    Raises:
        ValueError: the buffer is empty, or a number in it is not finite.
    """
    if not buffer:
        raise ValueError("the replay buffer is empty: add transitions before taking statistics")
    ranges: dict[str, _Range] = {}
    moments: dict[str, _Moments] = {}
    for first in range(0, len(buffer), AT_ONCE):
        batch = buffer.at(range(first, min(first + AT_ONCE, len(buffer))))
        for key, values in [
            (ACTION, batch["action"]),
            *batch["state"].items(),
            *batch["next_state"].items(),
        ]:
            if key.endswith(MAP_SUFFIX):
                continue
            if values.dtype == torch.uint8:
                moments.setdefault(key, _Moments(values.shape[1])).take(values)
            else:
                ranges.setdefault(key, _Range()).take(key, values)
    found: dict[str, _Range | _Moments] = {**ranges, **moments}
    return {key: values.result() for key, values in found.items()}


class _Range:
    """Least and largest of each of n numbers."""

    def __init__(self) -> None:
        self._ends: Tensor | None = None  # (2, n)

    def take(self, key: str, values: Tensor) -> None:
        """Look at values (B, n)."""
        if not values.isfinite().all():
            raise ValueError(f"{key} has numbers that are not finite")
        known = [] if self._ends is None else [self._ends]
        seen = torch.cat([values.flatten(1), *known])
        self._ends = torch.stack([seen.amin(dim=0), seen.amax(dim=0)])

    def result(self) -> dict[str, list[float]]:
        """Both, as `dataset_stats` has them."""
        assert self._ends is not None
        low, high = self._ends.tolist()
        return {"min": low, "max": high}


class _Moments:
    """Mean and standard deviation of each of C channels."""

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._sums = torch.zeros(2, channels, dtype=torch.float64)  # of values and their squares

    def take(self, images: Tensor) -> None:
        """Look at images (B, C, H, W) of uint8."""
        shares = images.to(torch.float64) / 255
        self._sums += torch.stack([shares.sum(dim=(0, 2, 3)), shares.square().sum(dim=(0, 2, 3))])
        self._count += images.numel() // images.shape[1]

    def result(self) -> dict[str, list[float]]:
        """A channel that is always the same gets the spread of one step of brightness."""
        mean, square = self._sums / self._count
        std = (square - mean.square()).clamp(min=0).sqrt().clamp(min=1 / 255)
        return {"mean": mean.tolist(), "std": std.tolist()}
