"""Requests to motors by ID, and their answers: what is lost or damaged is asked for again.

Two rules keep an answer that comes late from being taken for the present one:

- Input is thrown away before each request.
- While an answer of *n* bytes may still come, that motor is never asked for *n* bytes: a few
  bytes before the wanted ones are asked for, too. So length tells late answers from present ones,
  and nobody waits. An acknowledgement has no length to tell by: it is not believed while one of
  an earlier write may still come, and the register is read back.

A READ never asks for two bytes: its echo would be an answer of two bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic

from scservo_sdk.protocol_packet_handler import protocol_packet_handler

from robots.errors import RobotError
from robots.feetech.packets import OVERHEAD, Replies
from robots.feetech.registers import BAUD_RATES, BROADCAST, MAX_ID, REGISTERS
from robots.feetech.wire import Wire

_ID, _BAUD_RATE = REGISTERS["ID"].address, REGISTERS["Baud_Rate"].address
_STATUS_LEVEL = REGISTERS["Response_Status_Level"].address
_PING = 1
_ECHO_SIZE = 2  # parameters of a READ
_BYTE = 10  # bits on the wire
_LATE_S = 0.5  # how late an answer may come [s]
_LINGER_S = 0.008  # how long to listen on when all should have come [s]
_TURN_S = 0.003  # of each possible ID in a broadcast ping [s]

Send = Callable[[], int]  # puts a packet on the wire; returns the SDK's verdict
Contents = dict[int, bytes]  # by ID
Problems = dict[int, str]  # by ID: why there is no answer of it


class Exchange:
    """Transactions with motors by ID; not safe for threads.

    A *try* takes at most ``timeout_s`` plus the time of its bytes on the wire.
    """

    def __init__(self, port: str, baud_rate: int, timeout_s: float, retries: int) -> None:
        self.wire = Wire(port, baud_rate, timeout_s)
        self.tries = 1 + retries
        self.patient_until = 0.0  # until when there are more of them, monotonic [s]
        self.tried = 0  # how often the last transaction was tried
        self.errors: dict[int, int] = {}  # newest error bits by ID
        self.glitches = 0  # answers lost or damaged so far
        self.duplicates: set[int] = set()  # IDs that answered one request twice
        self.echoes = False  # whether the adapter sends back what it is sent
        self._timeout_s = timeout_s
        self._sdk = protocol_packet_handler()
        self._late: dict[tuple[int, int], float] = {}  # (ID, size) -> until when it may come [s]
        self._latest = Replies((), 0)
        self._silent: set[int] = set()  # IDs that acknowledge no writes

    def read(
        self, address: int, size: int, motors: Iterable[int], linger_s: float = 0.0
    ) -> tuple[Contents, Problems]:
        """``size`` bytes from ``address`` of each motor, in ``tries`` tries, or patiently.

        With ``linger_s`` it listens on for as long, for a second motor with the same ID.
        """
        contents: Contents = {}
        problems: Problems = dict.fromkeys(motors, "no answer")
        for _ in self._tries():
            if not problems:
                break
            problems = self._read_once(address, size, list(problems), linger_s, contents)
        return contents, problems

    def write(self, address: int, content: bytes, motor: int) -> str | None:
        """Set bytes of one motor and see that they are set; else, why that is not known.

        Takes at most 2 * ``tries`` + 1 tries, unless it is to be patient.
        """
        problem = None
        for _ in self._tries():
            acknowledged, problem = self._write_once(address, content, motor)
            if acknowledged or self._holds(address, content, motor):
                return None
        return problem

    def sync_write(self, address: int, size: int, params: Sequence[int]) -> None:
        """Set ``size`` bytes of several motors; ``params`` are ID and bytes of each, in turn."""
        self._send(lambda: self._sdk.syncWriteTxOnly(self.wire, address, size, params, len(params)))

    def scan(self) -> dict[int, int]:
        """Error bits by ID of every motor that answers one broadcast ping."""
        everyone, packet = range(MAX_ID + 1), [0, 0, BROADCAST, 2, _PING, 0]
        patience = _TURN_S * len(everyone)
        replies = self._ask(lambda: self._sdk.txPacket(self.wire, packet), everyone, 0, patience)
        self._late = {}  # it took longer than any answer comes late
        self.duplicates |= replies.twice
        found = {motor: status.error for motor, status in sorted(replies.found.items())}
        self.errors |= found
        return found

    def forget(self) -> None:
        """Begin again, on a port that was just opened."""
        self._latest = Replies((), 0)
        self._late, self._silent = {}, set()

    # -- one try --

    def _tries(self) -> Iterator[None]:
        self.tried = 0
        while self.tried < self.tries or monotonic() < self.patient_until:
            self.tried += 1
            yield

    def _read_once(
        self, address: int, size: int, motors: list[int], linger_s: float, contents: Contents
    ) -> Problems:
        """Adds what is found to ``contents``; returns the rest."""
        asked = self._telling_size(size, motors)
        start = max(0, address - (asked - size))
        replies = self._ask(self._reading(start, asked, motors), motors, asked, 0.0, linger_s)
        problems: Problems = {}
        for motor in motors:
            problem = replies.problem(motor)
            if problem is None:
                self.errors[motor], content = replies.found[motor]
                contents[motor] = content[address - start : address - start + size]
            else:
                problems[motor] = problem
        self._note(replies, problems)
        return problems

    def _reading(self, start: int, size: int, motors: list[int]) -> Send:
        if len(motors) == 1:
            return lambda: self._sdk.readTx(self.wire, motors[0], start, size)
        return lambda: self._sdk.syncReadTx(self.wire, start, size, motors, len(motors))

    def _write_once(self, address: int, content: bytes, motor: int) -> tuple[bool, str | None]:
        """Whether the write was acknowledged beyond doubt; why not."""
        data = list(content)
        trusted = not self._may_come(motor, 0)
        send = lambda: self._sdk.writeTxOnly(self.wire, motor, address, len(data), data)  # noqa: E731
        if motor in self._silent:
            self._send(send)
            return False, "no acknowledgement"
        replies = self._ask(send, [motor], 0)
        if motor in replies.found:
            self.errors[motor] = replies.found[motor].error
            return trusted, "an acknowledgement that may be an earlier one's"
        problem = replies.problem(motor)
        self._note(replies, {motor: problem or ""})
        return False, problem

    def _holds(self, address: int, content: bytes, motor: int) -> bool:
        """Whether the register reads as written, at the new ID or speed if that was written."""
        number = content[0] if address == _ID else motor
        speed = BAUD_RATES[content[0]] if address == _BAUD_RATE else self.wire.baudrate
        with self.wire.at(speed):
            contents: Contents = {}
            self._read_once(address, len(content), [number], 0.0, contents)
            if contents.get(number) != content:
                return False
            self._learn_silence(number)
        return True

    def _learn_silence(self, motor: int) -> None:
        """Remember a motor that acknowledges no writes, so that nobody waits for it again."""
        contents: Contents = {}
        self._read_once(_STATUS_LEVEL, 1, [motor], 0.0, contents)
        if contents.get(motor) == b"\x00":
            self._silent.add(motor)
            self._late.pop((motor, 0), None)
        else:
            self._silent.discard(motor)

    # -- the wire --

    def _ask(
        self,
        send: Send,
        motors: Iterable[int],
        size: int,
        extra_s: float = 0.0,
        linger_s: float = 0.0,
    ) -> Replies:
        """Send a request and listen for ``size`` parameters of each motor."""
        replies = Replies(motors, size)
        self._send(send)
        self._latest = replies
        wire_s = (OVERHEAD + size) * len(replies.wanted) * _BYTE / self.wire.baudrate
        try:
            self._listen(replies, monotonic() + self._timeout_s + wire_s + extra_s, linger_s)
        finally:  # whatever ends it, what did not come may come later
            if not replies.complete:
                self._expect_late(replies)
        return replies

    def _send(self, send: Send) -> None:
        self.wire.is_using = False  # it sticks after an exception
        try:
            verdict = send()
        finally:
            self.wire.is_using = False
        if verdict:
            raise RobotError(f"The SDK sent nothing: {self._sdk.getTxRxResult(verdict)}")
        if self.wire.stale:
            self._latest.feed(self.wire.stale)
            self._note_twice(self._latest)

    def _listen(self, replies: Replies, deadline: float, linger_s: float) -> None:
        while not replies.complete:
            now = monotonic()
            chunk = self.wire.receive(min(deadline, now + _LINGER_S) if replies.over else deadline)
            if not chunk or now > deadline:
                return
            replies.feed(chunk)
        if linger_s:
            deadline = monotonic() + linger_s
            while (chunk := self.wire.receive(deadline)) and monotonic() < deadline:
                replies.feed(chunk)

    def _note(self, replies: Replies, problems: Problems) -> None:
        self.glitches += len(problems)
        self._note_twice(replies)
        if problems and self.wire.sent in replies.buffer:
            self.echoes = True

    def _note_twice(self, replies: Replies) -> None:
        if replies.size:  # two acknowledgements may be of two writes
            self.duplicates |= replies.twice

    # -- late answers --

    def _telling_size(self, size: int, motors: list[int]) -> int:
        """The least number of bytes, at least ``size``, that no late answer or echo has."""
        while (size == _ECHO_SIZE and len(motors) == 1) or any(
            self._may_come(motor, size) for motor in motors
        ):
            size += 1
        return size

    def _may_come(self, motor: int, size: int) -> bool:
        return bool(self._late) and self._late.get((motor, size), 0.0) > monotonic()

    def _expect_late(self, replies: Replies) -> None:
        now = monotonic()
        self._late = {key: until for key, until in self._late.items() if until > now}
        for motor in replies.wanted:
            if motor not in replies.found:
                self._late[motor, replies.size] = now + _LATE_S
