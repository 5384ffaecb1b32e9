"""The sizes that the pages of a parquet file claim, read before anything is unpacked.

A page's head is in Thrift's compact protocol: its second and third numbers say how many bytes the
page has when it is unpacked, and in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

LONGEST_HEAD = 1 << 16  # bytes
UNPACKED, PACKED = 2, 3  # fields of a page's head
DEEPEST = 8  # structs in structs


def claimed(file: IO[bytes], part: Any) -> Iterator[int]:
    """Bytes, unpacked, of each page of a column's ``part`` of a row group.

    ValueError if a head cannot be read.
    """
    if not part.num_values:  # nothing of it is ever unpacked
        return
    starts = [part.data_page_offset, part.dictionary_page_offset]
    place = min(start for start in starts if start is not None)
    end = place + part.total_compressed_size
    while place < end:
        file.seek(place)
        head = _Head(file.read(LONGEST_HEAD))
        sizes = head.struct()
        if min(sizes.get(key, -1) for key in (UNPACKED, PACKED)) < 0:
            raise ValueError("a page has no size")
        yield sizes[UNPACKED]
        place += head.place + sizes[PACKED]


class _Head:
    """A Thrift struct, of which whole numbers are kept by field."""

    def __init__(self, content: bytes) -> None:
        self._content, self.place = content, 0

    def struct(self, depth: int = 0) -> dict[int, int]:
        """Read one; ValueError if it is none."""
        if depth > DEEPEST:
            raise ValueError("a page's head is nested too deep")
        found, field = {}, 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            field = field + step if step else self._number()
            if (value := self._value(kind, depth)) is not None:
                found[field] = value
        return found

    def _value(self, kind: int, depth: int) -> int | None:
        if kind in (1, 2):  # a flag
            return None
        if kind in (4, 5, 6):
            return self._number()
        if kind == 12:
            self.struct(depth + 1)
            return None
        sizes = {3: 1, 7: 8}  # a byte, a float
        if kind not in sizes and kind != 8:
            raise ValueError("a page's head is damaged")
        length = sizes[kind] if kind in sizes else self._varint()
        self.place += length
        return None

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a page's head has a number that is too long")

    def _byte(self) -> int:
        if self.place >= len(self._content):
            raise ValueError("a page's head is cut short")
        self.place += 1
        return self._content[self.place - 1]
