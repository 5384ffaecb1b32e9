"""Motors of a few lines on a pseudo-terminal, whose answers a test may alter as it likes."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from select import select
from types import TracebackType
from typing import Self

PING, READ, WRITE, SYNC_READ, SYNC_WRITE = 1, 2, 3, 0x82, 0x83
BROADCAST = 0xFE
Sent = list[bytes | float]  # what goes back: bytes, and pauses [s]
MOTORS = {"pan": 1, "lift": 2, "jaw": 6}  # names and IDs of those that most tests speak to
SPARE_S = 0.15  # what a busy machine may add to a time [s]
Alter = Callable[[bytes, Sent], Sent]  # request, answers in order -> what to send instead


@contextmanager
def takes(least: float, most: float) -> Iterator[None]:
    """Whether what is inside takes as long as said [s]."""
    started = time.monotonic()
    yield
    assert least <= time.monotonic() - started <= most + SPARE_S


def packet(motor: int, error: int, content: bytes) -> bytes:
    """A status packet."""
    body = bytes([motor, len(content) + 2, error, *content])
    return b"\xff\xff" + body + bytes([~sum(body) & 0xFF])


class PtyServos:
    """Answers on ``port`` like motors 1 to 6 that remember what is written, in a thread."""

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

    def send(self, content: bytes) -> None:
        """Something nobody asked for; lost if nobody reads what came before."""
        with suppress(OSError):
            os.write(self._master, content)

    def last(self, instruction: int) -> bytes:
        """The newest request of a kind."""
        return [request for request in self.requests if request[4] == instruction][-1]

    def _serve(self) -> None:
        pending = b""
        while self._master >= 0:
            if self._wake in select([self._wake, self._master], [], [])[0]:
                return
            with suppress(OSError):
                pending += os.read(self._master, 4096)
            while len(pending) > 3 and len(pending) >= pending[3] + 4:
                request, pending = pending[: pending[3] + 4], pending[pending[3] + 4 :]
                self.requests.append(request)
                for part in self.alter(request, list(self._answers(request))):
                    if isinstance(part, float):
                        time.sleep(part)
                    else:
                        self.send(part)

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
