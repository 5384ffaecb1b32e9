"""What comes from outside, one class a kind: a good one, how it is read, and what must not pass."""

from __future__ import annotations

import json
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from random import Random
from typing import Any

import yaml

from configs.lerobot.translation import read_lerobot
from configs.load import Parser, dump, load, read, validate
from hil_app.bench.torture.mutations import NEVER, Place, as_json, at, damaged, finite, planted
from robots.base import JOINTS
from robots.feetech import calibration
from robots.feetech.calibration import MotorCalibration
from robots.feetech.registers import REGISTERS
from robots.virtual.servos import eeprom

_TEXTS = (str,)  # what may be a text may be any text


class Subject(ABC):
    """A kind of input: a folder with a good one is made once, then a copy is hurt in each try."""

    name: str
    exact = False  # whether what is read must be what was written, or be refused

    @abstractmethod
    def make(self, folder: Path) -> None:
        """Put a good one into ``folder``."""

    @abstractmethod
    def hurt(self, folder: Path, draw: Random) -> str:
        """Damage the one in ``folder``; returns what was done."""

    @abstractmethod
    def read(self, folder: Path) -> Any:
        """Read it as the product does; raises one of its errors to refuse it."""

    def wrong(self, good: Any, found: Any) -> str | None:
        """What was accepted though it should not have been; None if all is well."""
        if self.exact and found != good:
            return "read as something else"
        return None if finite(found) else "a number that is none"


class _Text(Subject):
    """One text file: half of the tries hurt its bytes, half plant a hostile value."""

    file: str
    json_too = True

    @abstractmethod
    def tree(self) -> Any:
        """What the good file holds."""

    def spell(self, tree: Any) -> str:
        """``tree`` as the file has it."""
        return as_json(tree)

    def make(self, folder: Path) -> None:
        (folder / self.file).write_text(self.spell(self.tree()))

    def hurt(self, folder: Path, draw: Random) -> str:
        path = folder / self.file
        self._planted: tuple[Place, str] | None = None
        if draw.random() < 0.5:
            done, content = damaged(draw, path.read_bytes())
            path.write_bytes(content)
            return done
        place, token, text = planted(draw, self.tree(), self.spell, self.json_too)
        path.write_text(text)
        self._planted = place, token
        return f"{'.'.join(map(str, place))} = {token[:40]}"

    def wrong(self, good: Any, found: Any) -> str | None:
        if self._planted is not None and self._planted[1] in NEVER:
            return f"{self._planted[1][:20]} passed"
        return super().wrong(good, found)


class ConfigFile(_Text):
    """A run's YAML."""

    name, file, json_too = "config file", "config.yaml", False

    def tree(self) -> Any:
        return yaml.safe_load(dump(validate(read("so101_pick_lift"))))

    def spell(self, tree: Any) -> str:
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)

    def read(self, folder: Path) -> Any:
        return validate(read(str(folder / self.file))).model_dump(mode="json")


class Options(Subject):
    """One option of the command line, with a hostile value."""

    name = "options"

    def make(self, folder: Path) -> None:
        (folder / "option").write_text("--seed=3")

    def hurt(self, folder: Path, draw: Random) -> str:
        tree = validate(read("so101_pick_lift")).model_dump(mode="json")
        place, self._token, _ = planted(draw, tree, as_json, json_too=False)
        option = f"--{'.'.join(map(str, place))}={self._token.strip(chr(34))}"
        (folder / "option").write_text(option, errors="surrogatepass")
        self._free = isinstance(at(tree, place), _TEXTS) or at(tree, place) is None
        return option[:80]

    def read(self, folder: Path) -> Any:
        option = (folder / "option").read_text(errors="surrogatepass")
        config, _ = load(Parser("hil-app torture"), [option], "so101_pick_lift")
        return config.model_dump(mode="json")

    def wrong(self, good: Any, found: Any) -> str | None:
        if self._token in NEVER and not self._free:
            return f"{self._token[:20]} passed"
        return super().wrong(good, found)


class LerobotConfig(_Text):
    """An environment config of lerobot's, to be imported."""

    name, file = "lerobot config", "env_config.json"

    def tree(self) -> Any:
        bounds = {"min": [0.16, -0.08, 0.03], "max": [0.24, 0.2, 0.1]}
        steps = {"x": 0.02, "y": 0.02, "z": 0.02}
        camera = {"type": "opencv", "index_or_path": 0, "width": 640, "height": 480, "fps": 30}
        port = {"port": "/dev/ttyACM0", "id": "arm"}
        kinematics = {"end_effector_bounds": bounds, "end_effector_step_sizes": steps}
        env = {
            "type": "gym_manipulator",
            "name": "real_robot",
            "fps": 10,
            "robot": {"type": "so100_follower", **port, "cameras": {"front": camera}},
            "teleop": {"type": "gamepad", "use_gripper": True},
            "processor": {"control_mode": "gamepad", "inverse_kinematics": kinematics},
        }
        return {"env": env, "dataset": {"repo_id": "a/b", "task": "lift"}, "mode": "record"}

    def read(self, folder: Path) -> Any:
        return read_lerobot(folder / self.file).content


class CalibrationFile(_Text):
    """What lerobot and we keep of an arm's calibration."""

    name, file = "calibration file", "arm.json"

    def tree(self) -> Any:
        return {
            name: {
                "id": number,
                "drive_mode": 0,
                "homing_offset": 10 * number,
                "range_min": 700,
                "range_max": 3300,
            }
            for number, name in enumerate(JOINTS, 1)
        }

    def read(self, folder: Path) -> Any:
        found = calibration.load(folder / self.file)
        return {name: _values(motor) for name, motor in found.items()}


def _values(motor: MotorCalibration) -> list[int]:
    return [motor.id, motor.drive_mode, motor.homing_offset, motor.range_min, motor.range_max]


class VirtualEEPROM(_Text):
    """What the virtual arm's servos keep."""

    name, file = "virtual EEPROM", "eeprom.json"

    def tree(self) -> Any:
        kept = [name for name, register in REGISTERS.items() if register.eeprom]
        return {joint: dict.fromkeys(kept, 1) for joint in JOINTS}

    def read(self, folder: Path) -> Any:
        found = eeprom.load(folder / self.file)
        return {name: dict(held) for name, held in found.items()}


class Folder(Subject):
    """A folder of files: one of them is hurt, or one of its JSON files gets a hostile value."""

    files = "*"  # which may be hurt
    trees: tuple[str, ...] = ()  # JSON files that get hostile values

    def hurt(self, folder: Path, draw: Random) -> str:
        self._token = ""
        if self.trees and draw.random() < 0.5:
            return self._plant(folder / draw.choice(self.trees), draw)
        there = sorted(path for path in folder.rglob(self.files) if path.is_file())
        path = draw.choice(there)
        if draw.random() < 0.1:
            return self._replace(path, folder, draw)
        done, content = damaged(draw, path.read_bytes())
        path.write_bytes(content)
        return f"{path.relative_to(folder)}: {done}"

    def _plant(self, path: Path, draw: Random) -> str:
        place, self._token, text = planted(draw, json.loads(path.read_text()), as_json, True)
        path.write_text(text)
        return f"{path.name}: {'.'.join(map(str, place))} = {self._token[:40]}"

    def _replace(self, path: Path, folder: Path, draw: Random) -> str:
        """Something else where a file was."""
        kind = draw.choice(("nothing", "a folder", "a link to itself", "a pipe", "a device"))
        path.unlink()
        if kind == "a folder":
            path.mkdir()
        elif kind == "a link to itself":
            path.symlink_to(path)
        elif kind == "a pipe":
            os.mkfifo(path)
        elif kind == "a device":
            path.symlink_to("/dev/zero")
        return f"{path.relative_to(folder)}: {kind} in its place"


def copy(good: Path, folder: Path) -> None:
    """A fresh copy of a good input."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder, symlinks=True)
