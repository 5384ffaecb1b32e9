"""The servo bus: registers of STS3215 motors read and written by name over a serial port.

The SDK builds and sends the packets. Answers are read here, because the SDK's reader takes late
answers for present ones, drops error bits and gives zeros for motors that are missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index
from typing import Self

from robots.errors import BusTimeout, PortInUse, RobotError
from robots.feetech.exchange import Exchange
from robots.feetech.registers import BAUD_RATES, MAX_ID, REGISTERS, Register

_LINGER_S = 0.005  # how long a ping listens for a second motor of the same ID [s]
_IN_USE_S = 3.0  # that a port in use is waited for; longer than it takes to let an arm down
_MOMENT_S = 0.05
_REMEDIES = {
    "no answer": "check its cable, its power supply and its ID",
    "damaged packet": "check its cable, and that no other motor has its ID",
    "two answers to one request": "two motors have this ID: give one of them another, "
    "with `hil-app setup-motors`",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a sync read brought."""

    values: dict[str, dict[str, int]]  # register -> motor -> value, of the motors that answered
    errors: dict[str, int]  # motor -> error bits, of those that answered
    missing: dict[str, str]  # motor -> why there is no answer of it


class FeetechBus:
    """Motors by name on a servo bus; every call is bounded in time and safe for threads.

    ::

        with FeetechBus("/dev/ttyACM0", {"shoulder_pan": 1, "gripper": 6}) as bus:
            answers = bus.sync_read(["Present_Position", "Present_Load"])
            bus.sync_write("Goal_Position", answers.values["Present_Position"])

    An answer that is lost or damaged is asked for again, ``retries`` times. One *try* takes at
    most ``timeout_s`` plus the time of its bytes on the wire. Every call raises NotConnected if
    the port is closed or gone, and RobotError, before anything is sent, for a register, motor or
    value that there is not. A motor may be given by its name, or by its ID even if it has no name.
    """

    def __init__(
        self,
        port: str,
        motors: Mapping[str, int],
        baud_rate: int = 1_000_000,
        *,
        timeout_s: float = 0.05,
        retries: int = 2,
    ) -> None:
        if baud_rate not in BAUD_RATES:
            raise RobotError(f"No motor speaks at {baud_rate} bit/s: use one of {BAUD_RATES}.")
        self.port, self.baud_rate = port, baud_rate
        self.motors = dict(motors)  # name -> ID
        self.lock = threading.RLock()  # held for one transaction; a caller may hold it for several
        self._names = {self._id(number): name for name, number in self.motors.items()}
        if len(self._names) < len(self.motors):
            raise RobotError(f"Two motors have one ID ({self.motors}): each needs its own.")
        self._exchange = Exchange(port, baud_rate, timeout_s, retries)

    @property
    def gate(self) -> Callable[[], None]:
        """Called before anything is sent; what it raises keeps that from being sent."""
        return self._exchange.wire.gate

    @gate.setter
    def gate(self, gate: Callable[[], None]) -> None:
        self._exchange.wire.gate = gate

    @property
    def errors(self) -> dict[str, int]:
        """Newest error bits of each motor that has answered, by name."""
        bits = self._exchange.errors
        return {name: bits[number] for number, name in self._names.items() if number in bits}

    @property
    def glitches(self) -> int:
        """Answers lost or damaged so far."""
        return self._exchange.glitches

    @property
    def duplicates(self) -> frozenset[int]:
        """IDs that have answered one request twice: two motors have them."""
        return frozenset(self._exchange.duplicates)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the port, for this program alone; raises NotConnected, with the remedy.

        One in use is waited for: a deadman may be letting an arm down that a program has left.
        """
        deadline = time.monotonic() + _IN_USE_S
        while True:
            try:
                return self._open()
            except PortInUse:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_MOMENT_S)

    def adopt(self, fd: int) -> None:
        """Use a port that another process has opened and set up, instead of opening it."""
        with self.lock:
            self._exchange.forget()
            self._exchange.wire.adopt(fd)

    def fileno(self) -> int:
        """The open port's file descriptor; raises NotConnected."""
        return self._exchange.wire.fileno()

    def close(self) -> None:
        """Close the port; at any time, as often as you like, even if it is gone."""
        with self.lock:
            self._exchange.wire.closePort()

    @contextmanager
    def patient(self, seconds: float = 1.0) -> Iterator[None]:
        """Meanwhile, and for ``seconds`` at most, who does not answer is asked again and again.

        For when nothing moves yet: a port that was just opened, or a busy computer, may need a
        moment.
        """
        self._exchange.patient_until = time.monotonic() + seconds
        try:
            yield
        finally:
            self._exchange.patient_until = 0.0

    @contextmanager
    def seized(self, seconds: float) -> Iterator[None]:
        """Hold ``lock`` for an emergency; whoever does not let go of it in time loses it."""
        lock = self.lock
        if not lock.acquire(timeout=seconds):
            lock = self.lock = threading.RLock()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def reopen(self) -> None:
        """Open the port again after it vanished and came back; raises NotConnected until then."""
        self.close()
        self._open()

    def _open(self) -> None:
        with self.lock:
            self._exchange.forget()
            self._exchange.wire.openPort()

    def ping(self, motor: str | int) -> int:
        """Model number of ``motor``; raises BusTimeout after 1 + ``retries`` tries.

        Each try listens 5 ms longer than it must, so that a second motor of this ID shows.
        """
        return self._read("Model_Number", motor, _LINGER_S)

    def read(self, register: str, motor: str | int) -> int:
        """Value of one register; raises BusTimeout after 1 + ``retries`` tries."""
        return self._read(register, motor)

    def write(self, register: str, motor: str | int, value: int) -> None:
        """Set one register and see that it is set; raises BusTimeout if it is not.

        An acknowledgement that is missing, or that may be an earlier write's, is made up for by
        reading the register back; so motors whose Response_Status_Level is 0 work, too, and a new
        ID is looked for at that ID, a new Baud_Rate at that speed. Takes at most
        2 * (1 + ``retries``) + 1 tries.
        """
        place, content = self._encoded(register, value)
        number = self._id(motor)
        with self.lock:
            problem = self._exchange.write(place.address, content, number)
        if problem is not None:
            raise self._timeout(number, f"writing {register} = {value}", problem)

    def scan(self) -> dict[int, int]:
        """Error bits by ID of every motor that answers one broadcast ping.

        Takes .8 s plus one try, since motors answer in turns. IDs that answer twice are added to
        ``duplicates``. A lost answer is not asked for again: ``ping`` who is missing.
        """
        with self.lock:
            return self._exchange.scan()

    def sync_read(self, registers: Sequence[str], motors: Sequence[str] | None = None) -> Answers:
        """Registers of several motors (all, if none are named), in one packet for their span.

        Motors that do not answer are asked again, without the others; who is still ``missing``
        after 1 + ``retries`` tries is reported, never raised.
        """
        places = [self._register(name) for name in registers]
        asked = {self._id(name): name for name in (self.motors if motors is None else motors)}
        start = min(place.address for place in places)
        size = max(place.address + place.size for place in places) - start
        with self.lock:
            contents, problems = self._exchange.read(start, size, asked)
            errors = {name: self._exchange.errors[n] for n, name in asked.items() if n in contents}
        found = {name: contents[n] for n, name in asked.items() if n in contents}
        values = {place.name: _decoded(place, start, found) for place in places}
        return Answers(values, errors, {asked[n]: problem for n, problem in problems.items()})

    def sync_write(self, register: str, values: Mapping[str, int]) -> None:
        """Set one register of several motors in one packet; nothing is acknowledged.

        Takes at most ``timeout_s``, and that only if the port takes no data.
        """
        params: list[int] = []
        for motor, value in values.items():
            place, content = self._encoded(register, value)
            params += [self._id(motor), *content]
        if params:
            with self.lock:
                self._exchange.sync_write(place.address, place.size, params)

    def _read(self, register: str, motor: str | int, linger_s: float = 0.0) -> int:
        place, number = self._register(register), self._id(motor)
        with self.lock:
            contents, problems = self._exchange.read(place.address, place.size, [number], linger_s)
        if problems:
            raise self._timeout(number, f"reading {register}", problems[number])
        return place.decode(contents[number])

    def _id(self, motor: str | int) -> int:
        if isinstance(motor, int):
            if 0 <= motor <= MAX_ID:
                return motor
            raise RobotError(f"A motor's ID is 0 to {MAX_ID}, not {motor}.")
        if motor in self.motors:
            return self.motors[motor]
        raise RobotError(f"No motor {motor} on {self.port}: there are {_list(self.motors)}.")

    def _register(self, name: str) -> Register:
        if name in REGISTERS:
            return REGISTERS[name]
        raise RobotError(f"Motors have no register {name}: there are {_list(REGISTERS)}.")

    def _encoded(self, register: str, value: int) -> tuple[Register, bytes]:
        """The register and the bytes that set it to ``value``; raises RobotError."""
        place = self._register(register)
        if not place.writable:
            there = (name for name, other in REGISTERS.items() if other.writable)
            raise RobotError(f"{register} can only be read: writable are {_list(there)}.")
        if register == "Baud_Rate" and value not in range(len(BAUD_RATES)):
            raise RobotError(f"Baud_Rate is 0 to {len(BAUD_RATES) - 1}, for {BAUD_RATES} bit/s.")
        if register == "ID" and value not in range(MAX_ID + 1):
            raise RobotError(f"A motor's ID is 0 to {MAX_ID}, not {value}.")
        try:
            return place, place.encode(index(value))
        except (TypeError, ValueError) as problem:
            raise RobotError(f"{register} cannot be {value!r}: {problem}.") from problem

    def _timeout(self, motor: int, what: str, problem: str) -> BusTimeout:
        name = self._names.get(motor)
        who = f"Motor {motor}" if name is None else f"{name} (ID {motor})"
        remedy = _REMEDIES.get(problem, _REMEDIES["no answer"])
        echo = "; its adapter echoes, too: switch that off" if self._exchange.echoes else ""
        tried = self._exchange.tried
        return BusTimeout(
            f"{who} on {self.port}: {problem}, {tried} times, {what}: {remedy}{echo}."
        )


def _decoded(place: Register, start: int, contents: Mapping[str, bytes]) -> dict[str, int]:
    """Values of one register from bytes that begin at address ``start``, by motor."""
    begin, end = place.address - start, place.address - start + place.size
    return {motor: place.decode(content[begin:end]) for motor, content in contents.items()}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
