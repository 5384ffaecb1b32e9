"""Memory that two processes share: what is put there last wins, and nobody waits for the other.

It has a hash of what it is for, the number of what was put there last, and a few slots that are
written in turn. A slot's number stands before and behind its content: who reads it while it is
written to finds them to differ, or a wrong sum, and looks again later.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_SLOTS = 3  # so many are written before one is written to again
_HASH = 32  # [B]
_HEAD = 64  # of the memory, and of each slot [B]
_BEGUN, _VERSION, _SUM, _ENDED, _MADE = range(5)  # numbers in a slot's head


class Slots:
    """Contents of ``size`` bytes, a multiple of 8, that are for what ``purpose`` is a hash of.

    ``file`` is an open one, which another process has made. Raises ValueError if that is for
    something else.
    """

    def __init__(self, purpose: bytes, size: int, file: int | None = None) -> None:
        self._purpose, self._size = purpose, size
        self.file = _unnamed() if file is None else file
        whole = _HEAD + _SLOTS * (_HEAD + size)
        if file is None:
            os.ftruncate(self.file, whole)
        elif os.fstat(self.file).st_size != whole:
            raise ValueError("the policy and the learner have other networks")
        self._memory = np.frombuffer(mmap.mmap(self.file, whole), np.uint8)
        if file is None:
            self._memory[:_HASH] = np.frombuffer(purpose, np.uint8)
        self.check()

    def close(self) -> None:
        """Let go of the file; the memory stays for as long as somebody has it."""
        os.close(self.file)

    def check(self) -> None:
        """Raise ValueError if the memory is for something else."""
        if self._memory[:_HASH].tobytes() != self._purpose:
            raise ValueError("the policy and the learner have other networks")

    @property
    def count(self) -> int:
        """How often something was put there."""
        return int(self._newest[0])

    @property
    def version(self) -> int:
        """Of what was put there last; 0 before the first."""
        count = self.count
        return int(self._head(count)[_VERSION]) if count else 0

    def write(
        self, version: int, fill: Callable[[NDArray[np.uint8]], None], made: float = 0.0
    ) -> None:
        """Have ``fill`` put something there that was ``made`` then, monotonic [s].

        One process, and one thread of it, does.
        """
        count = self.count + 1
        head, content = self._head(count), self._content(count)
        head[_BEGUN] = count
        fill(content)
        head[_VERSION], head[_SUM], head[_MADE] = version, _sum(content), int(made * 1e9)
        head[_ENDED] = count
        self._newest[0] = count

    def read(self, count: int) -> tuple[int, float, NDArray[np.uint8]] | None:
        """Version, when it was made, and a copy of what was put there as this.

        None if it is being written to.
        """
        head = self._head(count)
        if head[_ENDED] != count:
            return None
        version, total, made = int(head[_VERSION]), head[_SUM], int(head[_MADE]) / 1e9
        content = self._content(count).copy()
        if head[_BEGUN] != count or _sum(content) != total:
            return None
        return version, made, content

    @property
    def _newest(self) -> NDArray[np.uint64]:
        return self._memory[_HASH : _HASH + 8].view(np.uint64)

    def _head(self, count: int) -> NDArray[np.uint64]:
        return self._memory[(start := self._start(count)) : start + 40].view(np.uint64)

    def _content(self, count: int) -> NDArray[np.uint8]:
        start = self._start(count) + _HEAD
        return self._memory[start : start + self._size]

    def _start(self, count: int) -> int:
        return _HEAD + count % _SLOTS * (_HEAD + self._size)


def _sum(content: NDArray[np.uint8]) -> np.uint64:
    """Of all numbers of 8 bytes, which takes a fraction of what a checksum does."""
    return np.add.reduce(content.view(np.uint64))  # type: ignore[no-any-return]


def _unnamed() -> int:
    """A file that is gone with the last who has it open: in memory, where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("shared")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
