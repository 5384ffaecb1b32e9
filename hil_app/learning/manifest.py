"""The list of a folder's files, with what tells whether each is still as it was written.

``manifest.json`` has the size and the CRC-32 of every file by its path; those of older versions
have the size alone, as a number.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from configs.text.reading import read_json

MANIFEST = "manifest.json"
_CHUNK = 1 << 20  # bytes read at once


class FileEntry(TypedDict, total=False):
    """What is known of a file; a manifest of an older version has no checksum."""

    bytes: int
    crc32: int


Manifest = Mapping[str, FileEntry]


def files_in(folder: Path) -> list[str]:
    """The paths of all files in ``folder``."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.relative_to(folder).as_posix() for path in files]


def write(folder: Path, names: Iterable[str], known: Manifest = MappingProxyType({})) -> Manifest:
    """List these files of ``folder``; those that are ``known`` already are not read again."""
    manifest = {name: known.get(name) or _entry(folder / name) for name in names}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def read(folder: Path) -> Manifest:
    """The list that is there. Raises OSError or ValueError, which says what is wrong."""
    content = read_json(folder / MANIFEST)
    if not isinstance(content, dict):
        raise ValueError(f"{MANIFEST} lists no files")
    return {name: _known(name, entry) for name, entry in content.items()}


def check(folder: Path, names: Iterable[str], manifest: Manifest) -> None:
    """Raise OSError, or ValueError that names the file, unless all are as they were written."""
    for name in names:
        if name not in manifest:
            raise ValueError(f"{MANIFEST} lacks {name}")
        wanted, path = manifest[name], folder / name
        if (size := path.stat().st_size) != wanted["bytes"]:
            raise ValueError(f"{name} should have {wanted['bytes']} bytes and has {size}")
        if "crc32" in wanted and _entry(path) != wanted:
            raise ValueError(f"{name} is not as it was written: its checksum differs")


def _entry(path: Path) -> FileEntry:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
        return {"bytes": file.tell(), "crc32": checksum}


def _known(name: str, entry: object) -> FileEntry:
    if isinstance(entry, int):
        return {"bytes": entry}
    if isinstance(entry, dict) and set(entry) == {"bytes", "crc32"}:
        return {"bytes": entry["bytes"], "crc32": entry["crc32"]}
    raise ValueError(f"{MANIFEST} says nothing of use about {name}")
