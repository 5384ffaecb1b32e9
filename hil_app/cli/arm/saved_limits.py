"""Where the limits that were found go: onto the screen, and into a YAML file."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from configs.load import ConfigError
from configs.run import RunConfig
from configs.text.edit import edited, value_at
from configs.text.paths import real, typed
from configs.text.reading import Unreadable, content_of, text_of
from configs.text.writing import write_whole
from hil_app.cli.arm.guide import Guide
from hil_app.support.files import check_writable
from robots.base import RobotError

MIN, MAX = ("processor", "bounds", "min"), ("processor", "bounds", "max")
POSE, JOINT_LIMITS = ("robot", "reset_pose"), ("robot", "joint_limits")

Limits = dict[tuple[str, ...], Any]  # by its place in a configuration


def lines(found: Limits) -> str:
    """``found`` as lines of a configuration."""
    form = "processor:\n  bounds:\n    min: 0\n    max: 0\n"
    of_robot = [key for block, key in (POSE, JOINT_LIMITS) if (block, key) in found]
    form += "".join(["robot:\n", *(f"  {key}: 0\n" for key in of_robot)]) if of_robot else ""
    return "\n".join(f"  {line}" for line in edited(form, found).splitlines())


def check_savable(path: Path, places: Sequence[tuple[str, ...]]) -> None:
    """Raise ConfigError at once if results for ``places`` could not be saved."""
    target = real(path)
    try:
        if not target.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        check_writable(target)
    except OSError as error:
        place = path if os.path.isdir(target.parent) else target.parent
        raise ConfigError(
            f"--save: {place} cannot be written: name another ({error.strerror})"
        ) from error
    if path.exists():
        changes: Limits = dict.fromkeys(places, "measured")
        try:
            edited(_text(path), changes)
        except ConfigError as error:
            raise ConfigError(f"--save: {path}: {error}: name another file") from None


def _text(path: Path) -> str:
    try:
        return text_of(content_of(path))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})") from error
    except Unreadable as error:
        raise ConfigError(f"cannot be read ({error})") from None


def save(guide: Guide, config: RunConfig, found: Limits, path: Path) -> None:
    """Write ``found`` into a file, whole or not at all; raises RobotError."""
    old = _text(path) if path.exists() else None
    text = _new_text(config) if old is None else old
    try:
        write_whole(real(path), edited(text, found).encode())
    except OSError as error:
        raise RobotError(
            f"Cannot write {path} ({error.strerror}): put the lines above into it."
        ) from error
    if old is None:
        guide.line(f"Saved in the new file {path}, with the rest of the configuration.")
    else:
        guide.line(f"Saved in {path}; all else in it is as it was.")
        for place in found:
            if (was := value_at(old, place)) is not None:
                guide.line(f"  {'.'.join(place)} was {was}")
    guide.line(f"Use it with --config_path {typed(path)}")


def _new_text(config: RunConfig) -> str:
    """All that the user's preset and options say, as YAML."""
    content = config.model_dump(mode="json", exclude_unset=True)
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
    return f"# The box was measured with `hil-app find-limits`.\n{text}"
