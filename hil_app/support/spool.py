"""A queue on disk: numbered records that one process appends and another reads, until nobody needs
them any more.

It is a folder of files, each called by the number of its first record. A record has its number, its
length and a checksum before it, and what is read is these very bytes, so that whoever gets them in
the end can check them, too::

    spool = SpoolWriter(folder)
    spool.append(b"one")                        # is 1
    data = SpoolReader(folder).read(1)
    assert [*records(data)] == [(1, b"one")]
    spool.forget(1)                             # it has arrived: its file may go
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SUFFIX = ".spool"
_HEAD = struct.Struct("<QII")  # number, length of what follows [B], CRC-32 of all that
_FILE = 1 << 22  # bytes after which another file is begun
_MOST = 1 << 20  # bytes that are read at once, unless one record is larger


class SpoolDamaged(ValueError):
    """A record is not as it was written; the message has the file."""


class SpoolWriter:
    """Appends to the spool in ``folder``, which is made if need be; goes on where one has ended.

    What a crash has left of a record at the end is cut off. Raises OSError if the disk refuses, and
    then nothing of the record stays.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files = _files(folder)
        self.last = self._files[-1][0] - 1 if self._files else 0  # number of the last record
        self._file: int | None = None
        if self._files:
            self._go_on(self._files[-1][1])

    def append(self, payload: bytes) -> int:
        """Add a record; returns its number."""
        number = self.last + 1
        if self._file is None or os.lseek(self._file, 0, os.SEEK_CUR) >= _FILE:
            self._begin(number)
        assert self._file is not None
        start = os.lseek(self._file, 0, os.SEEK_CUR)
        try:
            _write(self._file, record(number, payload))
        except OSError:
            os.ftruncate(self._file, start)
            os.lseek(self._file, start, os.SEEK_SET)
            raise
        self.last = number
        return number

    def sync(self) -> None:
        """Have it all reach the disk, so that it outlasts a power cut."""
        if self._file is not None:
            os.fdatasync(self._file)

    def forget(self, number: int) -> None:
        """Nobody needs the records up to this one: files that have no others go."""
        while self._files and self._end_of_first <= number:
            _, path = self._files.pop(0)
            if not self._files:
                self.close()
            path.unlink(missing_ok=True)

    @property
    def _end_of_first(self) -> int:
        """The number of the last record in the first file."""
        return self._files[1][0] - 1 if self._files[1:] else self.last

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin(self, number: int) -> None:
        self.close()
        path = self._folder / _name(number)
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._files.append((number, path))

    def _go_on(self, path: Path) -> None:
        data = path.read_bytes()
        whole = 0
        for number, payload in records(data, cut_off=True):
            self.last, whole = number, whole + _HEAD.size + len(payload)
        self._file = os.open(path, os.O_WRONLY)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)


class SpoolReader:
    """Reads the spool in ``folder``, which another process may be appending to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at: tuple[int, Path, int] | None = None  # number of a record, its file, where [B]

    @property
    def first(self) -> int | None:
        """The number of the first record that is there; None if there is none."""
        return next((first for first, path in _files(self._folder) if path.stat().st_size), None)

    def read(self, number: int) -> bytes:
        """Whole records from this one on, as many as make a batch; nothing if it is not there yet.

        Raises SpoolDamaged, or LookupError if it is not there any more.
        """
        place = self._place(number)
        if place is None:
            return b""
        path, start = place
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(_MOST)
            size = _whole(data)
            if not size and len(data) >= _HEAD.size:
                data += file.read(_HEAD.unpack_from(data)[1] + _HEAD.size - len(data))
                size = _whole(data)
        last = number - 1
        for last, _ in records(data[:size]):  # noqa: B007 - which also checks them
            pass
        self._at = last + 1, path, start + size
        return data[:size]

    def _place(self, number: int) -> tuple[Path, int] | None:
        """The file and the place in it where a record begins, or will; None before its file is."""
        if self._at is not None and self._at[0] == number:
            _, path, start = self._at
            if path.exists() and path.stat().st_size > start:
                return path, start
            following = self._folder / _name(number)
            return (following, 0) if following.exists() else None
        files = _files(self._folder)
        holding = [(first, path) for first, path in files if first <= number]
        if not holding:
            if files:
                raise LookupError(f"record {number} is gone: the first is {files[0][0]}")
            return None
        found, path = holding[-1]
        start, data = 0, path.read_bytes()
        for found, payload in records(data, cut_off=True):
            if found == number:
                return path, start
            start += _HEAD.size + len(payload)
        return None  # not written yet


def record(number: int, payload: bytes) -> bytes:
    """A record as it is on disk."""
    sum_ = zlib.crc32(payload, zlib.crc32(struct.pack("<QI", number, len(payload))))
    return _HEAD.pack(number, len(payload), sum_) + payload


def records(data: bytes, *, cut_off: bool = False) -> Iterator[tuple[int, bytes]]:
    """Numbers and payloads of records that lie one behind the other.

    Raises SpoolDamaged for one that is not as it was written, and for a last one that is not whole,
    unless it may be ``cut_off``.
    """
    at = 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            break
        number, size, _ = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + size]
        if len(payload) < size:
            break
        if record(number, payload)[: _HEAD.size] != data[at : at + _HEAD.size]:
            if cut_off:
                break
            raise SpoolDamaged(f"record {number} is not as it was written")
        yield number, payload
        at += _HEAD.size + size
    if at < len(data) and not cut_off:
        raise SpoolDamaged("the last record is not whole")


def _whole(data: bytes) -> int:
    """How many of these bytes are whole records."""
    at = 0
    while len(data) - at >= _HEAD.size:
        size = _HEAD.unpack_from(data, at)[1]
        if at + _HEAD.size + size > len(data):
            break
        at += _HEAD.size + size
    return at


def _name(number: int) -> str:
    return f"{number:012d}{SUFFIX}"


def _files(folder: Path) -> list[tuple[int, Path]]:
    """The files of a spool, with the number of each one's first record, in order."""
    found: list[tuple[int, Path]] = []
    with suppress(FileNotFoundError):
        found = [(int(path.stem), path) for path in folder.glob(f"*{SUFFIX}")]
    return sorted(found)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
