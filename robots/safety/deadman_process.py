"""The process behind :class:`robots.safety.deadman.Deadman`, which starts it; nobody does by hand.

It imports little, so that it is there at once, and handles no signal but SIGKILL and SIGSTOP: what
ends or stops the program must not end or stop it. That the program has died it sees by the
program itself, since what that has forked may have the socket, too. Its standard input is a socket
to the program, in lines:

==================  =====================================================================
from the program
==================  =====================================================================
``hold FACTS``      torque comes on; the registers to give back, and the offsets, as JSON
``port``            with the file descriptor of the port, whenever it was opened
``gone``            the port is: close it, or the system cannot give it its name again
an empty line       all is well
``done``            torque is off, beyond doubt
``failed``          the program has ended in order, but could not release the motors
==================  =====================================================================

It says ``ready``, an empty line to every one it gets, ``acts`` before it touches the port, and
``released`` or ``failed`` then. Its standard output is what people see of the program.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from select import select
from typing import Any

from robots.errors import NotConnected
from robots.feetech.bus import FeetechBus
from robots.feetech.release import SINKING_S, RegisterValues, check_same, give_back, release, weaken
from robots.safety.urgent import GUARD, urgent

HEEDED = ("KILL", "STOP", "CHLD", "SEGV", "BUS", "FPE", "ILL", "ABRT")  # the last are its own
_PATIENCE_S = 10.0  # how long motors or a port that do not answer are tried
_AGAIN_S = 1.0  # the same for motors after the program has tried
_LATE_S = 0.05  # in which what the program has asked for last is answered
_LOOK_S = 0.5  # from one look at an arm that was let down to the next
_WRITING_S = 2.0  # that a terminal may take for a line
_MANY = 65536
_WHY = {"": "hil-app stands still", "gone": "hil-app has died", "failed": "after all"}


class Program:
    """The program that moves the arm, as it is heard through its ``connection``."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self._connection, self._life = connection, _life_of(number)
        self._received = b""
        self.heard = time.monotonic()  # when it last was
        self.holds = False  # torque is on
        self.found: RegisterValues = {}
        self.offsets: Mapping[str, int] = {}  # of the motors' zeros, which tell arms apart
        self.port: int | None = None  # open file descriptor
        self.end = ""  # "done", "failed", or "gone": the socket has closed

    def say(self, word: str = "") -> None:
        """Tell the program, unless it does not listen."""
        with suppress(OSError):
            self._connection.send(word.encode() + b"\n", socket.MSG_DONTWAIT)

    def hear(self, patience_s: float) -> None:
        """Take in what it says, or what comes of it within ``patience_s``."""
        sources: list[Any] = [self._connection, *self._life]
        heard = select(sources, [], [], patience_s)[0]
        if heard and not select([self._connection], [], [], 0)[0]:  # dead, and all it said is read
            self.end = self.end or "gone"
            return
        if not heard:
            return
        try:
            data, ports, _, _ = socket.recv_fds(self._connection, _MANY, 8)
        except ConnectionError:
            data, ports = b"", []
        for port in ports:
            self._use(port)
        if not data:
            self.end = self.end or "gone"
            return
        self.heard = time.monotonic()
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._take(line.decode())
        self.say()

    def _take(self, line: str) -> None:
        word, _, facts = line.partition(" ")
        if word == "hold":
            self.holds, (self.found, self.offsets) = True, json.loads(facts)
        elif word == "gone":
            self._use(None)
        elif word in ("done", "failed"):
            self.end = word

    def take_port(self) -> int:
        """The port, which whoever asks is to close; a file descriptor more there may not be."""
        assert self.port is not None
        port, self.port = self.port, None
        return port

    def _use(self, port: int | None) -> None:
        if self.port is not None:
            os.close(self.port)
        self.port = port


def _life_of(number: int) -> list[int]:
    """A file descriptor that can be read once the process ``number`` is dead; none elsewhere."""
    try:
        return [os.pidfd_open(number)]
    except (AttributeError, OSError):  # not this system: the socket tells; dead: that, too
        return []


def watch(program: Program, setup: dict[str, Any]) -> None:
    """Wait until the program ends, well or not, or says nothing for too long."""
    program.say("ready")
    silence = setup["silence_s"]
    while not program.end:
        left = program.heard + silence - time.monotonic() if program.holds else silence
        if left <= 0:
            break
        program.hear(left)
    if program.holds and program.end != "done":
        _let_down(program, setup)


def _let_down(program: Program, setup: dict[str, Any]) -> None:
    """Release the motors, tell, and see that they stay released while the program is there."""
    program.say("acts")
    where = f"the arm on {setup['port']}"
    tried = program.end == "failed" and program.port is not None
    patience = _AGAIN_S if tried else _PATIENCE_S
    bus = FeetechBus(setup["port"], setup["motors"], setup["baud_rate"])
    reported: set[str] = set()
    while True:
        outcome = line = "released"
        try:
            _release(bus, program, 0.0 if reported else SINKING_S, patience)
        except Exception as fault:  # whatever it is: there is nobody else to do it
            outcome, line = "failed", f"{where} could not be let down: {fault}"
        else:
            line = f"{where} is let down"
        program.say(outcome)
        if reported.isdisjoint({outcome, "released"}) and (outcome, program.end) != (
            "failed",
            "failed",
        ):
            _print(f"{_WHY[program.end]}: {line}")
        reported.add(outcome)
        if program.end:
            return
        program.hear(_LOOK_S)


def _release(bus: FeetechBus, program: Program, sinking_s: float, patience_s: float) -> None:
    """Let the motors go on the program's port, or where the same arm is by now."""

    def again() -> None:
        bus.reopen()
        check_same(bus, program.offsets)

    limits: dict[str, int] = {}
    time.sleep(_LATE_S)
    with suppress(NotConnected):  # the release says so
        if program.port is not None:
            bus.adopt(program.take_port())
        limits = weaken(bus, sinking_s) if sinking_s else {}
    release(bus, patience_s, again)
    give_back(bus, {"Torque_Limit": limits} | dict(program.found))


def _print(line: str) -> None:
    """Tell the operator, if there is a terminal that still takes it."""
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, _WRITING_S)
    with suppress(OSError):
        os.write(1, f"{line}\n".encode())
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


def _too_late(number: int, frame: object) -> None:  # noqa: ARG001 - as signal calls it
    raise TimeoutError


def _main() -> None:
    handled = {getattr(signal, f"SIG{name}") for name in HEEDED}
    for number in signal.valid_signals() - handled:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the timer's signal must come
    for output in (1, 2):
        with suppress(OSError):
            os.fstat(output)
            continue
        os.open(os.devnull, os.O_WRONLY)  # or the port would take its place
    setup = json.loads(sys.argv[1])
    with urgent(GUARD):
        watch(Program(socket.socket(fileno=0), setup["program"]), setup)


if __name__ == "__main__":
    _main()
