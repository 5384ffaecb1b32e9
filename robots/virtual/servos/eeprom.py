"""The file that keeps what the servos' EEPROMs hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from configs.text.reading import read_json, shown
from configs.text.writing import write_whole
from robots.base import JOINTS, RobotError
from robots.feetech.registers import REGISTERS

EepromContents = Mapping[str, Mapping[str, int]]  # of the registers, by motor


def load(path: Path) -> EepromContents:
    """What ``path`` holds; raises RobotError if that is not what ``save`` has written."""
    try:
        content: dict[str, dict[str, int]] = read_json(path)
        for name in JOINTS:
            for register, value in content[name].items():
                REGISTERS[register].encode(value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RobotError(
            f"{path} is not the EEPROM of a virtual arm ({shown(error)}): remove it to start again."
        ) from None
    return content


def save(path: Path, contents: EepromContents) -> None:
    """Replace ``path`` in one go; raises RobotError if that cannot be."""
    text = json.dumps({name: dict(held) for name, held in contents.items()}, indent=4)
    try:
        write_whole(path, f"{text}\n".encode())
    except OSError as error:
        raise RobotError(f"Cannot write {path}: {error.strerror}; choose another file.") from None
