"""The episode under way: a file that only ever grows, and is good up to wherever it ends.

A record is its length, a checksum, its kind and its content. Whatever follows the last whole
record was being written when the power went, and is left out.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hil_app.files import make_folder, sync

Kind = Literal[b"H", b"R", b"P", b"E"]
HEADER: Kind = b"H"  # JSON: which episode, of what
ROW: Kind = b"R"  # a frame's numbers
PACKET: Kind = b"P"  # a picture, encoded
END: Kind = b"E"  # JSON: the episode is whole
FRAME = struct.Struct("<II")  # length, checksum; kind and content follow
ENCODED = struct.Struct("<BBq")  # camera, whether a key picture, number of the picture


@dataclass(frozen=True, slots=True)
class Packet:
    """A picture as its encoder gave it."""

    camera: int
    key: bool  # needs no other to be decoded
    number: int  # of the picture in its episode
    content: bytes

    def pack(self) -> bytes:
        """As a record's content."""
        return ENCODED.pack(self.camera, self.key, self.number) + self.content

    @classmethod
    def unpack(cls, content: bytes) -> Packet:
        """Of a record's content."""
        camera, key, number = ENCODED.unpack_from(content)
        return cls(camera, bool(key), number, content[ENCODED.size :])


class Journal:
    """Appends records to a new file; each is out of this process's hands at once.

    OSError if the disk refuses.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        make_folder(path.parent)
        self.path = path
        self._file = path.open("wb", buffering=0)
        try:
            self.add(HEADER, json.dumps(header).encode())
            self.sync()
            sync(path.parent)
        except BaseException:
            self.close()
            raise

    def add(self, kind: Kind, content: bytes) -> None:
        """Append a record."""
        body = kind + content
        rest = memoryview(FRAME.pack(len(body), zlib.crc32(body)) + body)
        while rest:
            rest = rest[self._file.write(rest) :]

    def sync(self) -> None:
        """Return when all records are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Leave the file as it is."""
        self._file.close()


def records(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of every whole record, up to the first that is not."""
    with path.open("rb") as file:
        while len(start := file.read(FRAME.size)) == FRAME.size:
            length, checksum = FRAME.unpack(start)
            body = file.read(length)
            if len(body) < length or not body or zlib.crc32(body) != checksum:
                return
            yield body[:1], body[1:]
