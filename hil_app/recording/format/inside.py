"""The files of a dataset: regular ones, inside its folder, at places that a pattern names."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

from configs.errors import HilAppError
from configs.text.reading import shown

LONGEST_PATTERN = 200
_FIELD = re.compile(r"\{(\w+)(?::0([1-9])d)?\}")
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


class DatasetError(HilAppError):
    """A dataset cannot be read or written; the message has the fact and the remedy."""


def check_pattern(name: str, pattern: Any, fields: Collection[str], ending: str) -> str:
    """A pattern of relative paths such as ``data/file-{file_index:03d}.parquet``.

    Only ``fields`` can stand in it, whole numbers with a width of at most 9. ValueError if it is
    another thing.
    """
    if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"{name} is {shown(pattern, 60)}, which is no path")
    plain = _FIELD.sub(lambda found: "0" if found[1] in fields else found[0], pattern)
    if "{" in plain or "}" in plain:
        allowed = ", ".join(f"{{{field}}}" for field in fields)
        raise ValueError(f"{name} is {shown(pattern, 60)}: only {allowed} can stand in it")
    path = PurePosixPath(plain)
    if path.is_absolute() or ".." in path.parts or "\\" in plain:
        raise ValueError(f"{name} is {shown(pattern, 60)}, which leads out of the dataset")
    if not plain.endswith(ending):
        raise ValueError(f"{name} is {shown(pattern, 60)}, but such files end in {ending}")
    return pattern


def filled(pattern: str, **values: int | str) -> str:
    """The path that a checked pattern stands for."""
    return _FIELD.sub(lambda found: str(values[found[1]]).zfill(int(found[2] or 0)), pattern)


def check_inside(root: Path, path: Path) -> Path:
    """``path``, if it is a regular file in the folder ``root``; DatasetError if it is not.

    Nothing is opened: a pipe is not waited for.
    """
    check_regular(path)
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path} cannot be read ({shown(error)}): restore a copy") from None
    if not inside:
        raise DatasetError(
            f"{path} is a link that leads out of the dataset: put a copy of the file in its place"
        )
    return path


def check_no_links_out(root: Path) -> None:
    """DatasetError if something in the folder ``root`` is a link to what is not in it."""
    for folder, folders, files in os.walk(root):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if path.is_symlink() and not _resolves_in(root, path):
                raise DatasetError(
                    f"{path} is a link that leads out of the dataset: put a copy of what is meant "
                    "in its place, or remove it"
                )


def _resolves_in(root: Path, path: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def check_regular(path: Path) -> None:
    """DatasetError unless ``path`` is a regular file, or a link to one."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(f"{path} is missing: restore it from a copy") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read ({shown(error)}): restore a copy") from None
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "a device")
        raise DatasetError(f"{path} is {what}, not a file: restore it from a copy")
