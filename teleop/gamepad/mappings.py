"""Saved mappings of joysticks that SDL does not know as gamepads, in SDL's own format.

A line such as ``03000000790000000600000010010000,Twin USB Joystick,a:b2,leftx:a0,dpup:h0.1,``
says for one model, by its GUID, which axis (a), button (b) or hat (h) is what. Lines of other
platforms are left out.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from configs.manual import PAD
from configs.text.reading import Unreadable, content_of, shown, text_of
from configs.text.writing import write_whole
from teleop.base import TeleopError

_GUID = re.compile(r"[0-9a-fA-F]{32}")
_SOURCE = re.compile(r"b\d+|[+-]?a\d+~?|h\d+\.[1248]")
_EXTRAS = ("platform", "crc", "hint", "type", "face", "sdk>=", "sdk<=")  # about the line itself
_PLATFORM = {"linux": "Linux", "darwin": "Mac OS X", "win32": "Windows"}.get(sys.platform, "")


def mappings_file() -> Path:
    """Where mappings are saved, whether there are any or not; TeleopError without a home."""
    given = os.environ.get("XDG_CONFIG_HOME")
    try:
        home = Path(given) if given else Path.home() / ".config"
    except RuntimeError:
        raise TeleopError(
            "This user has no home folder for gamepad mappings: set XDG_CONFIG_HOME to one"
        ) from None
    return home / "hil-app" / "gamepads.txt"


def saved_mappings() -> list[str]:
    """The mappings that were saved, one line each; TeleopError if one is damaged."""
    try:
        file = mappings_file()
    except TeleopError:  # nowhere to have saved any
        return []
    found = []
    for number, line in enumerate(_lines(file), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            check_mapping(line)
        except ValueError as error:
            raise TeleopError(
                f"{file}, line {number}: {error}. Delete the line and assign the pad's buttons "
                "again: hil-app gamepad setup"
            ) from None
        if _field(line, "platform") in (None, _PLATFORM):
            found.append(line.strip())
    return found


def save_mapping(line: str) -> Path:
    """Save a mapping in place of the one with the same GUID; returns the file.

    Raises ValueError if it is none, TeleopError if the file cannot be written.
    """
    check_mapping(line)
    file = mappings_file()
    guid = line.split(",", 1)[0].lower()
    others = [old for old in _lines(file) if old.split(",", 1)[0].strip().lower() != guid]
    text = "\n".join([*others, line.strip(), ""])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode())
    except OSError as error:
        raise TeleopError(f"The mapping cannot be saved: {error}") from None
    return file


def check_mapping(line: str) -> None:
    """Raise ValueError, which says why, if ``line`` is no mapping."""
    if not line.strip().isprintable():
        raise ValueError("it is no line of text")
    guid, *rest = line.strip().split(",")
    if not _GUID.fullmatch(guid):
        raise ValueError(f"a mapping begins with 32 hexadecimal digits, not '{guid[:40]}'")
    if not rest or not rest[0]:
        raise ValueError("the pad's name is missing")
    fields = [field for field in rest[1:] if field]
    if not fields:
        raise ValueError("it assigns nothing")
    for field in fields:
        name, _, source = field.partition(":")
        if name in _EXTRAS:
            continue
        if name.lstrip("+-") not in PAD:
            raise ValueError(f"a pad has no '{shown(name, 40)}'; it has: {', '.join(PAD)}")
        if not _SOURCE.fullmatch(source):
            raise ValueError(
                f"{name}: '{shown(source, 40)}' is no axis (a0), button (b0) or hat (h0.1)"
            )


def _field(line: str, name: str) -> str | None:
    found = re.search(rf",{name}:([^,]*)", line)
    return found[1] if found else None


def _lines(file: Path) -> list[str]:
    try:
        return text_of(content_of(file)).splitlines()
    except FileNotFoundError:
        return []
    except Unreadable as error:
        raise TeleopError(
            f"{file} is {error}: delete it and run hil-app gamepad setup again"
        ) from None
    except OSError as error:
        raise TeleopError(f"The saved gamepad mappings cannot be read: {error}") from None
