"""Paths and options as people type them, and paste what a command has printed."""

from __future__ import annotations

import json
import os
import shlex
import stat
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from configs.base import ConfigError


class NoHome(ConfigError, ValueError, ArgumentTypeError):
    """A path begins with ``~`` and a name that no user has; one line, whoever asks for the path."""


def expanded(text: str | Path) -> Path:
    """The path that a text means, with ``~`` and ``~user`` as the shell has them.

    For options and files alike: a shell leaves ``--option=~/x`` as it is. Raises NoHome, or
    ValueError for what is no path.
    """
    path = Path(text)
    if "\0" in str(path):
        raise ValueError("a path has no NUL")
    try:
        return path.expanduser()
    except RuntimeError:
        raise NoHome(f"{path.parts[0]}: no such user's home") from None


def real(path: Path) -> Path:
    """Where ``path`` leads; a link that leads nowhere but to itself stays what it is."""
    return Path(os.path.realpath(path))


def expanded_text(text: str) -> str:
    """The same for a text that may be a path, or a number, an address, a name."""
    return str(expanded(text)) if text.startswith("~") else text


UserPath = Annotated[Path, AfterValidator(expanded)]
UserText = Annotated[str, AfterValidator(expanded_text)]  # a path, or something else


def typed(value: object) -> str:
    """``value`` in a line to paste: a shell takes it for one word, whatever is in it.

    A path that begins with ``-`` gets ``./`` before it: no command takes it for an option.
    """
    text = str(value)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def option(name: str, value: object) -> str:
    """An option to paste: ``--name=value``; one of a configuration if the name has a dot."""
    text = str(value)
    if "." in name and (text == "null" or text[:1] in ("'", '"')):  # which would be read as YAML
        text = json.dumps(text, ensure_ascii=False)
    return f"--{shlex.quote(name)}={shlex.quote(text)}"


def same_device(one: str, other: str) -> bool:
    """Whether two paths name one device, be it by a link, another node or a relative path."""
    try:
        if os.path.realpath(one) == os.path.realpath(other):
            return True
        first, second = os.stat(one), os.stat(other)
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(first.st_mode) and first.st_rdev == second.st_rdev
