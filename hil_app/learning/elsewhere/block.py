"""Weights in memory that two processes share: the latest wins, and nobody waits for the other.

What lies there, and how it is known to be whole, is of :mod:`hil_app.support.slots`.
"""

from __future__ import annotations

import hashlib
import json
import time
import weakref
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hil_app.learning.health import LearnerDied
from hil_app.learning.mailbox import Mailbox, Parcel
from hil_app.learning.networks.weights import Weights, check_finite
from hil_app.support.slots import Slots

_ALIGNED = 64  # where a tensor may begin [B]


class _Place(NamedTuple):
    """Where a tensor lies in a slot."""

    group: str
    name: str
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    first: int  # where it begins, in numbers of its kind

    def of(self, kinds: Mapping[torch.dtype, Tensor]) -> Tensor:
        """It, in a slot's content, which is given as numbers of each kind."""
        own = kinds[self.dtype]
        return own.as_strided(self.shape, self.stride, own.storage_offset() + self.first)


class Layout:
    """Where weights like these lie in ``size`` bytes; ``architecture`` is a hash of it."""

    def __init__(self, like: Weights) -> None:
        self._places: list[_Place] = []
        start = 0
        for group, tensors in like.items():
            for name, tensor in tensors.items():
                dtype, stride = tensor.dtype, torch.empty(tensor.shape, device="meta").stride()
                first = start // tensor.element_size()
                self._places.append(_Place(group, name, tensor.shape, stride, dtype, first))
                start += _rounded(tensor.numel() * tensor.element_size())
        self.size = start
        self.architecture = _hash(self._places)
        self._kinds = {place.dtype for place in self._places}

    def fill(self, weights: Weights, content: NDArray[np.uint8]) -> None:
        """Put weights into their places."""
        kinds = self._views(content)
        for place in self._places:
            place.of(kinds).copy_(weights[place.group][place.name])

    def content(self, weights: Weights) -> bytes:
        """Weights as bytes."""
        content = np.zeros(self.size, np.uint8)
        self.fill(weights, content)
        return content.tobytes()

    def weights(self, content: NDArray[np.uint8]) -> Weights:
        """The weights that lie there. Raises ValueError if they are not finite."""
        kinds = self._views(content)
        check_finite({str(dtype): values for dtype, values in kinds.items()}, "weights")
        found: dict[str, dict[str, Tensor]] = {}
        for place in self._places:
            found.setdefault(place.group, {})[place.name] = place.of(kinds)
        return found

    def _views(self, content: NDArray[np.uint8]) -> dict[torch.dtype, Tensor]:
        whole = torch.from_numpy(content)
        return {dtype: whole.view(dtype) for dtype in self._kinds}


class WeightsBlock:
    """Shared memory for weights like these; ``file`` is an open one, of the other process.

    Raises ValueError if the other process has other networks.
    """

    def __init__(self, like: Weights, file: int | None = None) -> None:
        self._layout = Layout(like)
        self._slots = Slots(self._layout.architecture, self._layout.size, file)
        self.file = self._slots.file
        self._close = weakref.finalize(self, self._slots.close) if file is None else None

    def close(self) -> None:
        """Let go of the file, if it is ours; the memory stays for as long as somebody has it."""
        if self._close is not None:
            self._close()

    def check(self) -> None:
        """Raise ValueError if the memory is of other networks."""
        self._slots.check()

    @property
    def count(self) -> int:
        """How often weights were published."""
        return self._slots.count

    @property
    def version(self) -> int:
        """Of the weights published last; 0 before the first."""
        return self._slots.version

    def write(self, version: int, weights: Weights) -> None:
        """Publish weights; one process, and one thread of it, does."""
        self._slots.write(version, partial(self._layout.fill, weights), time.monotonic())

    def read(self, count: int) -> Parcel | None:
        """Copies of what was published as this; None if it is being written to.

        Raises ValueError if they are not finite.
        """
        found = self._slots.read(count)
        if found is None:
            return None
        version, published, content = found
        return Parcel(version, self._layout.weights(content), published)


class SharedMailbox(Mailbox):
    """A mailbox (see `Mailbox`) whose slot is a block: one process publishes, another looks.

    What it hands out is of the policy's networks, whole, and finite; LearnerDied otherwise.
    """

    def __init__(self, block: WeightsBlock) -> None:
        super().__init__()
        self._block = block
        self._failed = 0  # what was published as this was not whole

    @property
    def version(self) -> int:
        """The newest version that has been published; 0 before the first."""
        return self._block.version

    def publish(self, version: int, weights: Weights) -> None:
        """See `Mailbox.publish`."""
        super().publish(version, weights)
        self._block.write(version, weights)

    def newer_than(self, version: int) -> Parcel | None:
        """What lies in the slot if it is newer than ``version``; None if it is being written."""
        count = self._block.count
        if not count or self._block.version <= version:
            return None
        try:
            self._block.check()
            parcel = self._block.read(count)
        except ValueError as error:
            raise LearnerDied(f"the learner's weights are no use: {error}") from error
        if parcel is None:
            self._look_again(count)
            return None
        return parcel if parcel.version > version else None

    def _look_again(self, count: int) -> None:
        """Note that what is newest is not whole; LearnerDied if that stays so."""
        if count == self._failed:
            raise LearnerDied("the learner's weights are damaged in shared memory")
        self._failed = count


def _rounded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _hash(places: list[_Place]) -> bytes:
    """Of the names, shapes and kinds of all weights."""
    facts = [[p.group, p.name, list(p.shape), str(p.dtype)] for p in places]
    return hashlib.sha256(json.dumps(facts).encode()).digest()
