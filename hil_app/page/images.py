"""The newest image of each camera, and its JPEG once a browser wants it."""

from __future__ import annotations

import asyncio
import struct
import time
from typing import NamedTuple

import cv2

from robots.base import U8

QUALITY = 80
_HEAD = struct.Struct("<Bd")  # the camera's place, and the age [s]


class _Image(NamedTuple):
    number: int
    pixels: U8  # (H, W, 3) RGB
    taken: float  # monotonic [s]


class Images:
    """The newest image of each camera by its place; encodes each at most once."""

    def __init__(self) -> None:
        self._newest: dict[int, _Image] = {}
        self._encoded: dict[int, tuple[int, asyncio.Future[bytes]]] = {}
        self._count = 0

    def put(self, place: int, pixels: U8, age: float) -> None:
        """Have a new image of a camera, so old [s]."""
        self._count += 1
        self._newest[place] = _Image(self._count, pixels, time.monotonic() - age)

    def number(self, place: int) -> int:
        """Which image is the newest; 0 before there is one."""
        return self._newest[place].number if place in self._newest else 0

    async def message(self, place: int) -> bytes:
        """What a browser is sent of the newest: place, age, JPEG."""
        image = self._newest[place]
        number, encoded = self._encoded.get(place, (0, None))
        if encoded is None or number != image.number:
            loop = asyncio.get_running_loop()
            encoded = loop.run_in_executor(None, jpeg, image.pixels)
            self._encoded[place] = image.number, encoded
        content = await asyncio.shield(encoded)  # others wait for it, too: a browser may leave
        return _HEAD.pack(place, time.monotonic() - image.taken) + content


def jpeg(pixels: U8) -> bytes:
    """An image (H, W, 3) RGB as JPEG."""
    swapped = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return bytes(encoded)
