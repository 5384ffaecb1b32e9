"""What goes over the wire: ``FF FF ID LEN INSTRUCTION parameters... CHECKSUM``."""

from __future__ import annotations

from dataclasses import dataclass

PING, READ, WRITE, REG_WRITE, ACTION, RESET = 1, 2, 3, 4, 5, 6
SYNC_READ, SYNC_WRITE = 0x82, 0x83

_HEADER = b"\xff\xff"
_SHORTEST, _LONGEST = 2, 246  # what LEN may say: no parameters, or a packet of 250 bytes


@dataclass(frozen=True, slots=True)
class Packet:
    """An instruction, whole and with the right checksum."""

    id: int
    instruction: int
    parameters: bytes


def status(number: int, error: int, content: bytes = b"") -> bytes:
    """The packet in which motor ``number`` answers."""
    body = bytes((number, len(content) + 2, error)) + content
    return _HEADER + body + bytes((checksum(body),))


def checksum(body: bytes) -> int:
    """The last byte of a packet whose bytes from ID to the last parameter are ``body``."""
    return ~sum(body) & 0xFF


class PacketReader:
    """Finds the packets in a stream of bytes, whatever else is in it."""

    def __init__(self) -> None:
        self._pending = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether there is the beginning of a packet whose end has not come."""
        return bool(self._pending)

    def feed(self, content: bytes) -> tuple[list[Packet], int]:
        """The packets that are whole once ``content`` has come, and the number of damaged ones."""
        self._pending += content
        packets, damaged = [], 0
        while (packet := self._next()) is not None:
            if isinstance(packet, Packet):
                packets.append(packet)
            else:
                damaged += 1
        return packets, damaged

    def give_up(self) -> tuple[list[Packet], int]:
        """The line fell silent: what waits for its end is damaged, but may hide a good packet."""
        packets, damaged = [], 0
        while self._pending:
            damaged += 1
            del self._pending[0]
            found, more = self.feed(b"")
            packets += found
            damaged += more
        return packets, damaged

    def _next(self) -> Packet | bool | None:
        """The next packet, False for a damaged one, None if more bytes must come first."""
        pending = self._pending
        start = pending.find(_HEADER)
        if start < 0:  # keep an FF that may be the first half of a header
            del pending[: len(pending) - pending.endswith(b"\xff")]
            return None
        del pending[:start]
        while len(pending) > 2 and pending[2] == 0xFF:  # a header never has three
            del pending[0]
        if len(pending) < 4:
            return None
        end = pending[3] + 4
        if not _SHORTEST <= pending[3] <= _LONGEST:
            del pending[0]
            return False
        if len(pending) < end:
            return None
        body, given = bytes(pending[2 : end - 1]), pending[end - 1]
        if checksum(body) != given:
            del pending[0]  # a good packet may begin inside
            return False
        del pending[:end]
        return Packet(body[0], body[2], body[3:])
