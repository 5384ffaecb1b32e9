"""Images and feature maps of a replay buffer, each kept once however many rows show it."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAP_SUFFIX = ".map"
BLOCK_BYTES = 4_000_000
RECENT = 64  # images that are recognised when they come again; the longest n-step window is 50


def map_key(key: str) -> str:
    """Where an observation holds what a frozen vision encoder made of the image at `key`."""
    return key + MAP_SUFFIX


class ImageStore:
    """Arrays of one shape (C, H, W) in numbered slots, which are free again once no row has them.

    Memory grows by blocks as it is used. `state` hands the blocks out without a copy: one that is
    written to later is copied first. An image lies in memory as (H, W, C), as cameras give it, so
    `gather` returns channels_last tensors, which convolutions like best.
    """

    def __init__(self, like: Tensor) -> None:
        self.shape, self.dtype = like.shape, like.dtype
        channels, height, width = like.shape
        bytes_each = like.numel() * like.element_size()
        self._block_shape = max(1, BLOCK_BYTES // bytes_each), height, width, channels
        self._blocks: list[Tensor] = []
        self._shared: set[int] = set()  # blocks that a snapshot has
        self._uses: list[int] = []  # by slot
        self._free: list[int] = []
        self._recent: OrderedDict[int, int] = OrderedDict()  # checksum -> slot

    def put(self, image: Tensor) -> int:
        """Keep an image for one row, in the same slot as before if it has come lately.

        It is known by what it shows: who gives it may use the same memory for the next one.
        """
        content = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        checksum = zlib.crc32(content.data.cast("B"))
        slot = self._recent.get(checksum)
        if slot is None or not np.array_equal(self._at(slot), content):
            slot = self._claim()
            self._write(slot, content)
            self._remember(checksum, slot)
        self._recent.move_to_end(checksum)
        self._uses[slot] += 1
        return slot

    def drop(self, slot: int) -> None:
        """One row that showed the image is gone."""
        self._uses[slot] -= 1
        if not self._uses[slot]:
            self._free.append(slot)

    def gather(
        self, slots: Sequence[int], shifts: Sequence[Sequence[int]] | None, *, pinned: bool = False
    ) -> Tensor:
        """Images (B, C, H, W) of these slots, each moved by its (dy, dx) [px] if there are any.

        What a move uncovers repeats the edge (random shift, Kostrikov et al. 2020). Pinned
        memory goes to a GPU without waiting.
        """
        count, height, width, channels = self._block_shape
        gathered = torch.empty(
            (len(slots), height, width, channels), dtype=self.dtype, pin_memory=pinned
        )
        blocks = [block.numpy() for block in self._blocks]
        found = (blocks[slot // count][slot % count] for slot in slots)
        _copy(gathered.numpy(), found, shifts)
        return gathered.permute(0, 3, 1, 2)

    @property
    def bytes(self) -> int:
        """Memory that the blocks take."""
        return sum(block.numel() * block.element_size() for block in self._blocks)

    def state(self) -> dict[str, Tensor]:
        """The blocks, by number; nothing changes them any more."""
        self._shared = set(range(len(self._blocks)))
        return {f"{number:05d}": block for number, block in enumerate(self._blocks)}

    def load_state(self, blocks: Mapping[str, Tensor], slots: NDArray[np.int64]) -> None:
        """Take over blocks and the slots of every row that shows an image, repeats included."""
        self._blocks = [blocks[name] for name in sorted(blocks)]
        self._shared = set(range(len(self._blocks)))
        size = len(self._blocks) * self._block_shape[0]
        self._uses = np.bincount(slots, minlength=size).tolist()
        self._free = [slot for slot in reversed(range(size)) if not self._uses[slot]]
        self._recent.clear()

    def _claim(self) -> int:
        if not self._free:
            first = len(self._uses)
            self._blocks.append(torch.zeros(self._block_shape, dtype=self.dtype))
            self._uses += [0] * self._block_shape[0]
            self._free = list(reversed(range(first, len(self._uses))))
        return self._free.pop()

    def _write(self, slot: int, content: NDArray[np.generic]) -> None:
        number = slot // self._block_shape[0]
        if number in self._shared:
            self._blocks[number] = self._blocks[number].clone()
            self._shared.remove(number)
        self._at(slot)[...] = content

    def _at(self, slot: int) -> NDArray[np.generic]:
        """The memory (H, W, C) of a slot."""
        number, place = divmod(slot, self._block_shape[0])
        found: NDArray[np.generic] = self._blocks[number][place].numpy()
        return found

    def _remember(self, checksum: int, slot: int) -> None:
        """Recognise this image from now on, and forget the one that has not come for longest."""
        self._uses[slot] += 1
        forgotten = self._recent.pop(checksum, None)
        self._recent[checksum] = slot
        if forgotten is None and len(self._recent) > RECENT:
            _, forgotten = self._recent.popitem(last=False)
        if forgotten is not None:
            self.drop(forgotten)


def _copy(
    into: NDArray[np.generic],
    images: Iterator[NDArray[np.generic]],
    shifts: Sequence[Sequence[int]] | None,
) -> None:
    if shifts is None:
        for target, image in zip(into, images, strict=True):
            target[...] = image
        return
    for target, image, (dy, dx) in zip(into, images, shifts, strict=True):
        _copy_shifted(target, image, dy, dx)


def _copy_shifted(
    target: NDArray[np.generic], image: NDArray[np.generic], dy: int, dx: int
) -> None:
    """target[y, x] = image[y + dy, x + dx], clamped to the image (H, W, C)."""
    height, width, channels = image.shape
    flat, source = target.reshape(height, -1), image.reshape(height, -1)  # (H, W * C)
    top, bottom = max(0, -dy), min(height, height - dy)
    left, right = max(0, -dx), min(width, width - dx)
    flat[top:bottom, left * channels : right * channels] = source[
        top + dy : bottom + dy, (left + dx) * channels : (right + dx) * channels
    ]
    if top:
        flat[:top] = flat[top]
    if bottom < height:
        flat[bottom:] = flat[bottom - 1]
    if left:
        target[:, :left] = target[:, left : left + 1]
    if right < width:
        target[:, right:] = target[:, right - 1 : right]
