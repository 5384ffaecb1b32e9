"""Messages between a run and a learner elsewhere: facts as JSON, arrays as safetensors bytes.

Nothing that arrives can run code: there is no pickle. A message is the lengths of its two parts,
then these::

    with Connection(one_end) as connection:
        connection.send("offer", {"reward": 1.0}, safetensors.numpy.save(arrays))
        message = connection.receive()   # of the other end
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress
from select import POLLIN, poll
from typing import Any, NamedTuple, Self

_LENGTHS = struct.Struct("<IQ")  # of facts and arrays [B]
_MOST_FACTS, _MOST_ARRAYS = 1 << 24, 1 << 36  # [B]


class WireError(ConnectionError):
    """What arrived is no message."""


class Message(NamedTuple):
    """One message; ``arrays`` is a safetensors file, or nothing."""

    kind: str
    facts: dict[str, Any]
    arrays: bytes = b""


def packed(kind: str, facts: dict[str, Any] | None = None, arrays: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps([kind, facts or {}]).encode()
    return _LENGTHS.pack(len(text), len(arrays)) + text + arrays


def unpacked(data: bytes) -> Message:
    """The message that these bytes are. WireError if they are none."""
    try:
        facts, arrays = _LENGTHS.unpack_from(data)
        kind, said = json.loads(data[_LENGTHS.size : _LENGTHS.size + facts])
    except (ValueError, TypeError, struct.error) as error:
        raise WireError(f"a message makes no sense: {error}") from None
    if len(data) != _LENGTHS.size + facts + arrays or not isinstance(said, dict):
        raise WireError(f"{len(data)} bytes are no message")
    return Message(kind, said, bytes(data[_LENGTHS.size + facts :]))


class Connection:
    """One end of a connected stream socket, which it closes on leaving.

    Any thread may send, one receives. Both ends count: a message's number is that of those
    ``sent``, or ``received``, so far.
    """

    def __init__(self, end: socket.socket) -> None:
        self.sent = self.received = 0
        self._socket = end
        self._sending = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def send(self, kind: str, facts: dict[str, Any] | None = None, arrays: bytes = b"") -> None:
        """Send a message; waits while the other end takes no more. OSError if it is gone."""
        text = json.dumps([kind, facts or {}]).encode()
        with self._sending:
            self.sent += 1
            self._socket.sendall(_LENGTHS.pack(len(text), len(arrays)) + text)
            if arrays:
                self._socket.sendall(arrays)

    def receive(self) -> Message | None:
        """The next message; None once the other end has closed in order.

        OSError if it was cut off, WireError if what came is no message.
        """
        head = self._exactly(_LENGTHS.size, at_start=True)
        if not head:
            return None
        facts, arrays = _LENGTHS.unpack(head)
        if facts > _MOST_FACTS or arrays > _MOST_ARRAYS:
            raise WireError(f"a message of {facts} and {arrays} bytes cannot be")
        try:
            kind, said = json.loads(self._exactly(facts))
        except ValueError as error:
            raise WireError(f"a message makes no sense: {error}") from None
        message = Message(kind, said, self._exactly(arrays))
        self.received += 1
        return message

    def waits(self, seconds: float) -> bool:
        """Whether a message, or the end, comes within so many seconds; who receives may ask."""
        waiting = poll()
        waiting.register(self._socket, POLLIN)
        return bool(waiting.poll(1000 * seconds))

    def shut_down(self) -> None:
        """Have whoever sends or receives here go on, with an error or at the end."""
        with suppress(OSError):  # the other end is gone already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _exactly(self, count: int, *, at_start: bool = False) -> bytes:
        """So many bytes; none where the stream ends before the first, if that may be."""
        data = bytearray(count)
        view, got = memoryview(data), 0
        while got < count:
            more = self._socket.recv_into(view[got:])
            if not more and at_start and not got:
                return b""
            if not more:
                raise WireError("the connection ended within a message")
            got += more
        return bytes(data)
