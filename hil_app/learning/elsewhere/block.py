"""Weights in memory that two processes share: the latest wins, and nobody waits for the other.

The memory has a hash of the networks' architecture, the number of what was published last, and a
few slots that are written in turn. A slot's number stands before and behind its content: who reads
it while it is written to finds them to differ, or a wrong sum, and looks again at the next tick.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
import weakref
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hil_app.learning.health import LearnerDied
from hil_app.learning.mailbox import Mailbox, Parcel
from hil_app.learning.networks.weights import Weights, check_finite

_SLOTS = 3  # so many are published before one is written to again
_HASH = 32  # [B]
_ALIGNED = 64  # where a tensor may begin [B]
_HEAD = 64  # of the memory, and of each slot [B]
_BEGUN, _VERSION, _SUM, _ENDED = range(4)  # numbers in a slot's head


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


class WeightsBlock:
    """Shared memory for weights like these; ``file`` is an open one, of the other process.

    Raises ValueError if the other process has other networks.
    """

    def __init__(self, like: Weights, file: int | None = None) -> None:
        self._places, self._size = _places(like)  # and of a slot's content [B]
        self._kinds = {place.dtype for place in self._places}
        self.architecture = _hash(self._places)
        new = file is None
        self.file = _unnamed() if file is None else file
        size = _HEAD + _SLOTS * (_HEAD + self._size)
        if new:
            os.ftruncate(self.file, size)
        elif os.fstat(self.file).st_size != size:
            raise ValueError("the policy and the learner have other networks")
        self._memory = torch.frombuffer(mmap.mmap(self.file, size), dtype=torch.uint8)
        if new:
            self._bytes(0, _HASH)[:] = np.frombuffer(self.architecture, np.uint8)
        self.check()
        self._close = weakref.finalize(self, os.close, self.file) if new else None

    def close(self) -> None:
        """Let go of the file, if it is ours; the memory stays for as long as somebody has it."""
        if self._close is not None:
            self._close()

    def check(self) -> None:
        """Raise ValueError if the memory is of other networks."""
        if self._bytes(0, _HASH).tobytes() != self.architecture:
            raise ValueError("the policy and the learner have other networks")

    @property
    def count(self) -> int:
        """How often weights were published."""
        return int(self._newest[0])

    @property
    def version(self) -> int:
        """Of the weights published last; 0 before the first."""
        count = self.count
        return int(self._head(count)[_VERSION]) if count else 0

    def write(self, version: int, weights: Weights) -> None:
        """Publish weights; one process, and one thread of it, does."""
        count = self.count + 1
        head, content = self._head(count), self._content(count)
        head[_BEGUN] = count
        kinds = {dtype: content.view(dtype) for dtype in self._kinds}
        for place in self._places:
            place.of(kinds).copy_(weights[place.group][place.name])
        head[_VERSION], head[_SUM] = version, _sum(content)
        head[_ENDED] = count
        self._newest[0] = count

    def read(self, count: int) -> Parcel | None:
        """Copies of what was published as this; None if it is being written to.

        Raises ValueError if they are not finite.
        """
        head = self._head(count)
        if head[_ENDED] != count:
            return None
        version, total = int(head[_VERSION]), head[_SUM]
        content = self._content(count).clone()
        if head[_BEGUN] != count or _sum(content) != total:
            return None
        kinds = {dtype: content.view(dtype) for dtype in self._kinds}
        check_finite({str(dtype): values for dtype, values in kinds.items()}, "weights")
        found: dict[str, dict[str, Tensor]] = {}
        for place in self._places:
            found.setdefault(place.group, {})[place.name] = place.of(kinds)
        return Parcel(version, found)

    @property
    def _newest(self) -> NDArray[np.uint64]:
        return self._bytes(_HASH, 8).view(np.uint64)

    def _head(self, count: int) -> NDArray[np.uint64]:
        return self._bytes(self._start(count), 32).view(np.uint64)

    def _content(self, count: int) -> Tensor:
        start = self._start(count) + _HEAD
        return self._memory[start : start + self._size]

    def _start(self, count: int) -> int:
        return _HEAD + count % _SLOTS * (_HEAD + self._size)

    def _bytes(self, start: int, size: int) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = self._memory[start : start + size].numpy()
        return found


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


def _places(like: Weights) -> tuple[list[_Place], int]:
    """Where weights like these lie in a slot, and its size [B]."""
    places, start = [], 0
    for group, tensors in like.items():
        for name, tensor in tensors.items():
            dtype, stride = tensor.dtype, torch.empty(tensor.shape, device="meta").stride()
            first = start // tensor.element_size()
            places.append(_Place(group, name, tensor.shape, stride, dtype, first))
            start += _rounded(tensor.numel() * tensor.element_size())
    return places, start


def _rounded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _hash(places: list[_Place]) -> bytes:
    """Of the names, shapes and kinds of all weights."""
    facts = [[p.group, p.name, list(p.shape), str(p.dtype)] for p in places]
    return hashlib.sha256(json.dumps(facts).encode()).digest()


def _sum(content: Tensor) -> np.uint64:
    """Of all numbers of 8 bytes, which takes a fraction of what a checksum does."""
    return np.add.reduce(content.numpy().view(np.uint64))  # type: ignore[no-any-return]


def _unnamed() -> int:
    """A file that is gone with the last who has it open: in memory, where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("weights")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
