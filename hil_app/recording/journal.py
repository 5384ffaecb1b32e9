"""The open episode: a file that only ever grows, and is good wherever it was not damaged.

A record is its length, a checksum, its kind and its content. What follows the last whole record was
being written when the power went. What lies between two whole ones is damage: reading goes on
behind it, and says how much it was.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from configs.text.writing import sync
from hil_app.support.files import make_folder, remove_file

RecordKind = Literal[b"H", b"N", b"P", b"E", b"R"]
HEADER: RecordKind = b"H"  # JSON: which episode, of what
ROW: RecordKind = b"N"  # a frame's number in its episode, and its numbers
PACKET: RecordKind = b"P"  # an image, encoded
END: RecordKind = b"E"  # JSON: the episode is whole
BARE_ROW: RecordKind = b"R"  # a row as earlier versions wrote it: of the frame after the one before
FRAME = struct.Struct("<II")  # length, checksum; kind and content follow
NUMBER = struct.Struct("<q")  # before a row
ENCODED = struct.Struct("<BBq")  # camera, whether a key image, number of the image

_KIB, _MIB = 1 << 10, 1 << 20
LONGEST: dict[bytes, int] = {  # of what each kind may be [B]
    HEADER: _MIB,
    ROW: _MIB,
    PACKET: 64 * _MIB,
    END: _KIB,
    BARE_ROW: _MIB,
}
_KINDS = np.frombuffer(b"".join(LONGEST), np.uint8)
_WINDOW = _MIB  # searched at a time, at most [B]
_TRIED = 4 * _KIB  # what a look at one place costs, of what may be looked at in vain [B]
_START = FRAME.size + 1  # of a record: enough to tell whether it may be one [B]
_SPARE = 256 * _MIB  # what may be looked at in vain, beside a few times the file itself [B]


@dataclass(frozen=True, slots=True)
class VideoPacket:
    """An image as its encoder gave it."""

    camera: int
    key: bool  # needs no other to be decoded
    number: int  # of the image in its episode
    content: bytes

    def pack(self) -> bytes:
        """As a record's content."""
        return ENCODED.pack(self.camera, self.key, self.number) + self.content

    @classmethod
    def unpack(cls, content: bytes) -> VideoPacket:
        """Of a record's content; struct.error if it is too short."""
        camera, key, number = ENCODED.unpack_from(content)
        return cls(camera, bool(key), number, content[ENCODED.size :])


class Journal:
    """Appends records to a new file; each is out of this process's hands at once.

    OSError if the disk refuses, or a file of that name is there.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        make_folder(path.parent)
        self.path = path
        self._file = path.open("xb", buffering=0)
        facts = os.fstat(self._file.fileno())
        self._identity = facts.st_dev, facts.st_ino
        try:
            self.add(HEADER, json.dumps(header).encode())
            self.sync()
            sync(path.parent)
        except BaseException:
            self.close()
            raise

    def add(self, kind: RecordKind, content: bytes) -> None:
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

    def remove(self) -> None:
        """Close and remove the file, unless another has taken its place."""
        self.close()
        with suppress(FileNotFoundError):
            facts = self.path.lstat()
            if (facts.st_dev, facts.st_ino) == self._identity:
                remove_file(self.path)


class JournalRecord(NamedTuple):
    """A whole record."""

    kind: bytes
    content: bytes
    place: int  # of its first byte in the file

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.place + FRAME.size + 1 + len(self.content)


class Records:
    """Every whole record of a journal, in order, wherever there is damage between them.

    ::

        with Records(path) as found:
            for kind, content, place in found:
                ...
        found.damaged                  # bytes that are in no whole record

    Time and memory are bounded by what the file really has on the disk. OSError if it is no file,
    or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        facts = os.fstat(self._number)
        if not stat.S_ISREG(facts.st_mode):
            os.close(self._number)
            raise OSError(22, "not a file", str(path))
        self.size = facts.st_size
        self.damaged = 0  # bytes passed over so far, but for a tail that was being written
        self._spare = _SPARE + 4 * 512 * facts.st_blocks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._number)

    def read(self, place: int, count: int) -> bytes:
        """The ``count`` bytes from ``place`` on, or those up to the file's end."""
        return os.pread(self._number, count, place)

    def __iter__(self) -> Iterator[JournalRecord]:
        place = 0
        while place < self.size:
            record = self._at(place) or self._behind(place)
            if record is None:
                self.damaged += 0 if self._being_written(place) else self.size - place
                return
            self.damaged += record.place - place
            yield record
            place = record.end

    def _at(self, place: int) -> JournalRecord | None:
        """The record that begins there, if it is whole."""
        start = self.read(place, _START)
        if not _may_be(start, self.size - place):
            self._spare -= _TRIED
            return None
        length, checksum = FRAME.unpack_from(start)
        body = self.read(place + FRAME.size, length)
        if len(body) == length and zlib.crc32(body) == checksum:
            return JournalRecord(body[:1], body[1:], place)
        self._spare -= length
        return None

    def _behind(self, place: int) -> JournalRecord | None:
        """The first whole record behind a place."""
        place, size = self._filled(place + 1), _TRIED
        while place < self.size and self._spare > 0:
            for offset in _candidates(self.read(place, size + FRAME.size)):
                if self._spare > 0 and (record := self._at(place + offset)) is not None:
                    return record
            self._spare -= size
            place, size = self._filled(place + size), min(2 * size, _WINDOW)
        return None

    def _filled(self, place: int) -> int:
        """The first place from there on that is no hole in the file."""
        try:
            return os.lseek(self._number, place, os.SEEK_DATA)
        except OSError as error:
            return self.size if error.errno == errno.ENXIO else place

    def _being_written(self, place: int) -> bool:
        """Whether the rest is a record without its end, or what some file systems leave: zeros."""
        start, rest = self.read(place, _START), self.size - place - FRAME.size
        length = int.from_bytes(start[:4], "little")
        if len(start) < _START or rest < length <= LONGEST.get(start[FRAME.size :], 0):
            return True
        while (place := self._filled(place)) < self.size:
            if any(self.read(place, _WINDOW)):
                return False
            place += _WINDOW
        return True


def _may_be(start: bytes, rest: int) -> bool:
    """Whether a record may begin with ``start``, where the file has ``rest`` bytes left."""
    length, kind = int.from_bytes(start[:4], "little"), start[FRAME.size :]
    return 0 < length <= min(LONGEST.get(kind, 0), rest - FRAME.size)


def _candidates(window: bytes) -> list[int]:
    """Where in ``window`` a kind stands behind a length that may be its own."""
    numbers = np.frombuffer(window, np.uint8)
    count = max(0, len(numbers) - FRAME.size)
    kinds = np.isin(numbers[FRAME.size : FRAME.size + count], _KINDS)
    found = kinds & (numbers[3 : 3 + count] <= max(LONGEST.values()) >> 24)
    return [int(place) for place in np.flatnonzero(found)]
