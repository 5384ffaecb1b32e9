"""Images that say when they were taken: in blocks of black and white, which outlive JPEG."""

from __future__ import annotations

import time
from dataclasses import replace

from hil_app.bench.record import FilmedRobot
from robots.base import U8, Reading

BLOCK, BITS = 8, 32  # a block's side [px], and how many there are
UNIT_S = 1e-4


class StampedRobot(FilmedRobot):
    """A simulated arm whose made-up images have the computer's time in them."""

    def read(self) -> Reading:
        """What the arm senses, with the next shots, taken now."""
        reading, now = super().read(), time.time()
        return replace(reading, images={k: stamped(v, now) for k, v in reading.images.items()})


def stamped(image: U8, now: float) -> U8:
    """``image`` (H, W, 3) with a time [s] in its upper left."""
    found, columns = image.copy(), image.shape[1] // BLOCK
    number = int(now / UNIT_S)
    for bit in range(BITS):
        y, x = (BLOCK * place for place in divmod(bit, columns))
        found[y : y + BLOCK, x : x + BLOCK] = 255 * (number >> bit & 1)
    return found


def age(image: U8, now: float) -> float:
    """How old a stamped image is [s]."""
    columns, half, number = image.shape[1] // BLOCK, BLOCK // 2, 0
    for bit in range(BITS):
        y, x = (BLOCK * place + half for place in divmod(bit, columns))
        number |= int(image[y, x, 0] > 127) << bit
    return (int(now / UNIT_S) - number) % (1 << BITS) * UNIT_S
