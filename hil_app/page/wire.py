"""What goes between a run and the process of its page: messages of msgpack over a local socket.

To the page each message has its length before it, and may have an image behind it. To the run they
follow each other; an :class:`Upstream` that finds no room gives up rather than wait.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgpack
import numpy as np

from robots.base import U8

Message = dict[str, Any]
_LENGTH = struct.Struct(">I")
_MANY = 65536  # bytes read at once
_LONGEST = 1 << 20  # bytes of messages from the page that are not read yet
_LONGEST_DOWN = 1 << 26  # bytes of a message to the page
_PENDING = 1 << 18  # bytes that the run may owe to read


class WireError(Exception):
    """The other end says something that makes no sense, or takes nothing any more."""


class Downstream:
    """The run's end. It never waits: what does not fit yet is sent by the next :meth:`flush`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self._waiting = deque[memoryview]()
        self._unpacker = msgpack.Unpacker(max_buffer_size=_LONGEST)

    @property
    def idle(self) -> bool:
        """Whether all is sent: only then should more be put."""
        return not self._waiting

    def put(self, message: Mapping[str, Any], image: U8 | None = None) -> None:
        """Have a message sent, and an image (H, W, 3), which must not change any more."""
        head = msgpack.packb(message)
        self._waiting.append(memoryview(_LENGTH.pack(len(head)) + head))
        if image is not None:
            self._waiting.append(np.ascontiguousarray(image).data.cast("B"))

    def flush(self) -> None:
        """Send what there is room for. Raises OSError if the page is gone."""
        while self._waiting:
            try:
                sent = self.connection.send(self._waiting[0])
            except BlockingIOError:
                return
            self._waiting[0] = self._waiting[0][sent:]
            if not self._waiting[0]:
                self._waiting.popleft()

    def receive(self) -> Iterator[Message]:
        """What the page has said. Raises WireError if that is nonsense, OSError if it is gone."""
        while True:
            try:
                data = self.connection.recv(_MANY)
            except BlockingIOError:
                return
            if not data:
                raise ConnectionError("it ended")
            try:
                self._unpacker.feed(data)
                found = list(self._unpacker)
            except Exception as error:  # msgpack has many
                raise WireError(f"it says what is no message: {error}") from None
            for message in found:
                if not isinstance(message, dict):
                    raise WireError("it says what is no message")
                yield message


class Upstream:
    """The page's end: one thread receives, one sends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = b""

    def receive(self) -> tuple[Message, U8 | None]:
        """Wait for the next message; an image comes with it where it has a ``shape``.

        Raises OSError if the run is gone.
        """
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > _LONGEST_DOWN:
            raise WireError("a message is too long")
        message: Message = msgpack.unpackb(self._exactly(length))
        if "shape" not in message:
            return message, None
        image = np.empty(message["shape"], np.uint8)
        self._fill(image.data.cast("B"))
        return message, image

    def send(self, message: Mapping[str, Any]) -> None:
        """Tell the run, without waiting. Raises OSError if it is gone, WireError if it is stuck."""
        self._pending += msgpack.packb(message)
        try:
            sent = self._connection.send(self._pending, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        self._pending = self._pending[sent:]
        if len(self._pending) > _PENDING:
            raise WireError("the run takes nothing any more")

    def _exactly(self, count: int) -> bytes:
        found = bytearray(count)
        self._fill(memoryview(found))
        return bytes(found)

    def _fill(self, room: memoryview) -> None:
        while room:
            count = self._connection.recv_into(room)
            if not count:
                raise ConnectionError("it ended")
            room = room[count:]
