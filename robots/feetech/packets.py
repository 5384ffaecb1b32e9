"""Status packets of the servo bus, found in whatever bytes come.

A status packet is ``FF FF ID LEN ERROR PARAMETERS... CHECKSUM`` with LEN two more than its
parameters. There is no number that says which request it answers; the bus tells late answers from
present ones by asking for a different number of parameters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

HEADER = b"\xff\xff"
OVERHEAD = 6  # bytes of a status packet besides its parameters
_HIGHEST_ERROR = 0x7F  # the top bit of the error byte is never set


class Status(NamedTuple):
    """What a motor answered."""

    error: int  # bits, see registers.ERRORS
    content: bytes  # the parameters


class Replies:
    """The answers to one request: a status packet of ``size`` parameters of each wanted ID.

    Bytes are fed in as they come. Garbage, damaged packets and answers to other requests are
    passed over; an ID that answers twice is not believed.
    """

    def __init__(self, wanted: Iterable[int], size: int) -> None:
        self.wanted = dict.fromkeys(wanted)  # in the order of their answers
        self.found: dict[int, Status] = {}
        self.damaged: set[int] = set()  # IDs whose packets came damaged
        self.twice: set[int] = set()  # IDs that answered twice
        self.buffer = bytearray()  # everything that came
        self.size = size
        self._length = size + 2
        self._whole = size + OVERHEAD  # bytes of each status packet
        self._at = 0  # everything before is dealt with

    def feed(self, chunk: bytes) -> None:
        """Take in bytes that came."""
        buffer, whole = self.buffer, self._whole
        buffer += chunk
        while (at := buffer.find(HEADER, self._at)) >= 0:
            self._at = at
            if len(buffer) < at + 4:
                return
            if not self._fits(at):
                self._at += 1
            elif len(buffer) < at + whole:
                return
            elif self._sound(at):
                self._take(at)
                self._at += whole
            else:
                self.damaged.add(buffer[at + 2])
                self._at += 1
        self._at = max(self._at, len(buffer) - 1)  # the last byte may begin a header

    @property
    def complete(self) -> bool:
        """Whether every wanted ID has answered."""
        return len(self.found) == len(self.wanted)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected: all bytes came, or the last ID answered."""
        return (
            len(self.buffer) >= self._whole * len(self.wanted)
            or next(reversed(self.wanted)) in self.found
        )

    def problem(self, motor: int) -> str | None:
        """Why there is no believable answer of ``motor``; None if there is one."""
        if motor in self.twice:
            return "two answers to one request"
        if motor in self.found:
            return None
        return "damaged packet" if motor in self.damaged else "no answer"

    def _fits(self, at: int) -> bool:
        """Whether a packet that was asked for may begin at ``at``."""
        return self.buffer[at + 2] in self.wanted and self.buffer[at + 3] == self._length

    def _sound(self, at: int) -> bool:
        """Whether the packet at ``at`` is whole: its checksum, its error byte, nothing in it.

        A packet cut short takes the next one's first bytes for its own, and one in 256 of those
        has a fitting checksum; but then another packet that was asked for begins inside it.
        """
        buffer, end = self.buffer, at + self._whole
        if sum(buffer[at + 2 : end]) & 0xFF != 0xFF or buffer[at + 4] > _HIGHEST_ERROR:
            return False
        inner = at + 1
        while (inner := buffer.find(HEADER, inner + 1, end + 1)) >= 0:
            if len(buffer) >= inner + 4 and self._fits(inner):
                return False
        return True

    def _take(self, at: int) -> None:
        motor = self.buffer[at + 2]
        if motor in self.found:
            self.twice.add(motor)
        content = bytes(self.buffer[at + 5 : at + self._whole - 1])
        self.found[motor] = Status(self.buffer[at + 4], content)
