"""A link between two network namespaces whose packets can be delayed and lost, in user space.

`Wire` starts it, nobody does by hand: ``link DEVICE SEED PROCESS PROCESS``. Where each process
is, a network device (TUN) is made; what the one sends is handed to the other. Its weather comes as
lines on the standard input, each answered by an empty line once it holds; the end of that ends the
link.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

TUN = "/dev/net/tun"
_NEW_NET = 0x40000000  # CLONE_NEWNET: the namespace is one of networks
_SET_DEVICE = 0x400454CA  # TUNSETIFF
_PACKETS_ONLY = 0x0001 | 0x1000  # IFF_TUN | IFF_NO_PI: each read and write is one packet
_LARGEST = 65536  # packet [B]
_AT_ONCE = 64  # packets of one end before the other has its turn


@dataclass(frozen=True)
class Weather:
    """What becomes of each packet, whichever way it goes; drawn for each by itself."""

    loss: float = 0.0  # chance that it is lost: 1 is a wire that is cut
    least_s: float = 0.0  # that it takes, evenly drawn up to the most
    most_s: float = 0.0

    def line(self) -> str:
        """As the link reads it."""
        return f"{json.dumps(asdict(self))}\n"


class Link:
    """Hands packets from either of two open files to the other, as the weather has it.

    Packets overtake each other where they are delayed unlike, as with ``netem``.
    """

    def __init__(self, ends: Sequence[int], seed: int) -> None:
        self._other = dict(zip(ends, reversed(ends), strict=True))
        self._draw = random.Random(seed)
        self._weather = Weather()
        self._count = itertools.count()  # so that those due at one time keep their order
        self._under_way: list[tuple[float, int, int, bytes]] = []  # heap: due, count, to, packet

    def run(self, control: int, answers: int) -> None:
        """Until ``control``, which says what the weather is, is closed."""
        while True:
            left = self._under_way[0][0] - time.monotonic() if self._under_way else None
            files = [control, *self._other]
            ready, _, _ = select.select(files, [], [], None if left is None else max(left, 0))
            for file in ready:
                if file != control:
                    self._take(file)
                elif said := os.read(control, 4096):
                    self._weather = Weather(**json.loads(said))
                    os.write(answers, b"\n")
                else:
                    return
            self._deliver()

    def _take(self, end: int) -> None:
        weather, now = self._weather, time.monotonic()
        with suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                packet = os.read(end, _LARGEST)
                if self._draw.random() >= weather.loss:
                    due = now + self._draw.uniform(weather.least_s, weather.most_s)
                    one = (due, next(self._count), self._other[end], packet)
                    heapq.heappush(self._under_way, one)

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._under_way and self._under_way[0][0] <= now:
            _, _, to, packet = heapq.heappop(self._under_way)
            with suppress(OSError):  # its device is down: lost, as on any wire
                os.write(to, packet)


def _end_of(process: str, device: str) -> int:
    """A new device in the network namespace of a process, which this thread enters.

    Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc", process, "ns", "net").open() as file:
        if libc.setns(file.fileno(), _NEW_NET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network of process {process}")
    end = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _SET_DEVICE, struct.pack("16sH22x", device.encode(), _PACKETS_ONLY))
    return end


def main() -> None:
    """Be a link until the standard input ends."""
    device, seed, *processes = sys.argv[1:]
    link = Link([_end_of(process, device) for process in processes], int(seed))
    os.write(1, b"\n")
    link.run(0, 1)


if __name__ == "__main__":
    main()
