"""Motors of a few lines whose answers a test may alter as it likes: on a pseudo-terminal, or on a
line with a clock of its own."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from heapq import heappop, heappush
from itertools import count
from math import inf
from select import select
from types import SimpleNamespace, TracebackType
from typing import Any, Self

from robots.feetech.wire import Wire

PING, READ, WRITE, SYNC_READ, SYNC_WRITE = 1, 2, 3, 0x82, 0x83
BROADCAST = 0xFE
Sent = list[bytes | float]  # what goes back: bytes, and pauses [s]
MOTORS = {"pan": 1, "lift": 2, "jaw": 6}  # names and IDs of those that most tests speak to
Alter = Callable[[bytes, Sent], Sent]  # request, answers in order -> what to send instead


def packet(motor: int, error: int, content: bytes) -> bytes:
    """A status packet."""
    robot = bytes([motor, len(content) + 2, error, *content])
    return b"\xff\xff" + robot + bytes([~sum(robot) & 0xFF])


class Servos:
    """Motors 1 to 6 that remember what is written."""

    def __init__(self) -> None:
        self.memory = {
            motor: bytearray((byte + 25 * motor) % 256 for byte in range(87))
            for motor in range(1, 7)
        }
        for motor, memory in self.memory.items():
            memory[3:5] = (777).to_bytes(2, "little")
            memory[5], memory[8] = motor, 1
        self.errors = dict.fromkeys(self.memory, 0)
        self.requests: list[bytes] = []
        self.alter: Alter = lambda _, answers: answers
        self._pending = b""

    def last(self, instruction: int) -> bytes:
        """The newest request of a kind."""
        return [request for request in self.requests if request[4] == instruction][-1]

    def hear(self, content: bytes) -> Iterator[bytes | float]:
        """What goes back once ``content`` has come: bytes, and pauses [s]."""
        self._pending += content
        while len(self._pending) > 3 and len(self._pending) >= self._pending[3] + 4:
            end = self._pending[3] + 4
            request, self._pending = self._pending[:end], self._pending[end:]
            self.requests.append(request)
            yield from self.alter(request, list(self._answers(request)))

    def _answers(self, request: bytes) -> Iterable[bytes]:
        motor, kind, params = request[2], request[4], request[5:-1]
        if kind == SYNC_READ:
            return [self._read(m, *params[:2]) for m in params[2:] if m in self.memory]
        if kind == SYNC_WRITE:
            step = params[1] + 1
            for at in range(2, len(params), step):
                self._write(params[at], params[0], params[at + 1 : at + step])
            return []
        if kind == PING and motor == BROADCAST:
            return [packet(m, self.errors[m], b"") for m in self.memory]
        if motor not in self.memory:
            return []
        if kind == READ:
            return [self._read(motor, *params)]
        if kind == WRITE:
            self._write(motor, params[0], params[1:])
        return [packet(motor, self.errors[motor], b"")] if self.memory[motor][8] else []

    def _read(self, motor: int, address: int, size: int) -> bytes:
        content = bytes(self.memory[motor][address : address + size])
        return packet(motor, self.errors[motor], content)

    def _write(self, motor: int, address: int, content: bytes) -> None:
        self.memory[motor][address : address + len(content)] = content


class PtyServos(Servos):
    """Those on ``port``, a pseudo-terminal, in a thread."""

    def __enter__(self) -> Self:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()
        os.close(self._wake)
        os.close(self._waker)

    def unplug(self) -> None:
        """Let the port vanish, for good."""
        if threading.current_thread() is not self._thread:
            os.write(self._waker, b"x")  # what waits on a port keeps it
            self._thread.join()
        ends, self._master, self._slave = (self._master, self._slave), -1, -1
        for end in ends:
            if end >= 0:
                os.close(end)

    def _serve(self) -> None:
        while self._master >= 0:
            if self._wake in select([self._wake, self._master], [], [])[0]:
                return
            content = b""
            with suppress(OSError):
                content = os.read(self._master, 4096)
            for part in self.hear(content):
                if isinstance(part, float):
                    time.sleep(part)
                else:
                    with suppress(OSError):  # nobody reads what came before: it is lost
                        os.write(self._master, part)


class TimedServos(Servos):
    """Those on a line where only waiting takes time: ``now`` [s] goes on while the bus waits."""

    port = "/dev/made-up"

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self._free = 0.0  # when all is sent that was asked for so far
        self._coming: list[tuple[float, int, bytes]] = []  # (when, order, bytes), a heap
        self._order = count()

    def send(self, content: bytes, after: float = 0.0) -> None:
        """Something nobody asked for, in ``after`` seconds."""
        heappush(self._coming, (self.now + after, next(self._order), content))

    @contextmanager
    def takes(self, least: float, most: float) -> Iterator[None]:
        """Whether what is inside waits for as long as said [s]."""
        began = self.now
        yield
        assert least - 1e-6 <= self.now - began <= most + 1e-6

    def give(self, content: bytes) -> None:
        """The bus sends."""
        at = max(self.now, self._free)
        for part in self.hear(content):
            if isinstance(part, float):
                at += part
            else:
                heappush(self._coming, (at, next(self._order), part))
        self._free = at

    def wait(self, deadline: float) -> bool:
        """The bus waits: whether anything comes until ``deadline``."""
        due = self._coming[0][0] if self._coming else inf
        self.now = max(self.now, min(due, deadline))
        return due <= self.now

    def take(self) -> bytes:
        """The bus reads what is there."""
        there = b""
        while self._coming and self._coming[0][0] <= self.now:
            there += heappop(self._coming)[2]
        return there


class Line(Wire):
    """The bus's end of the line to ``servos``."""

    def __init__(self, servos: TimedServos, *options: Any) -> None:
        super().__init__(*options)
        self._servos = servos

    def setupPort(self, cflag_baud: int) -> bool:  # noqa: N802  # the SDK's name
        self.closePort()
        self.ser = SimpleNamespace(baudrate=cflag_baud)
        self._use(0, lambda: None)
        return True

    def _ready(self, deadline: float, writing: bool = False) -> bool:
        self._opened()
        return writing or self._servos.wait(deadline)

    def _take(self) -> bytes:
        self._opened()
        return self._servos.take()

    def _give(self, content: bytes) -> int:
        self._opened()
        self._servos.give(content)
        return len(content)
