"""What turns a motor's steps into joint positions, and lerobot's files that keep it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Strict, TypeAdapter, ValidationError

from configs.robot import ServoArmConfig
from configs.text.paths import real
from configs.text.reading import Unreadable, read_json, shown
from configs.text.writing import write_whole
from robots.base import F32, GRIPPER, JOINTS, RobotError, Uncalibrated
from robots.feetech.registers import REGISTERS, TOP

JointNumbers = NDArray[np.float64] | NDArray[np.int64]
DEGREES = 360.0 / TOP  # a step, as lerobot counts [deg]
_MARKED, _UNFINISHED = "Max_Position_Limit", 0  # while a calibration is being written
_LEAST_RANGE = 100  # steps; a joint that moved less has not been calibrated
MOST_RANGE = 4000  # steps; one that moved more has gone past the end of the motor's turn
ENDLESS = "wrist_roll"  # the joint whose range is all of a turn
_OLDEST = {"calib_mode", "motor_names"}  # keys of lerobot's files until 0.2
_Whole = Annotated[int, Strict()]  # neither a text nor a truth value


@dataclass(frozen=True, slots=True)
class MotorCalibration:
    """What is known of one motor; the fields of lerobot's files, all in steps."""

    id: _Whole
    drive_mode: _Whole  # 1: a gripper's position counts down as it opens; else 0
    homing_offset: _Whole
    range_min: _Whole
    range_max: _Whole


Calibration = Mapping[str, MotorCalibration]  # by motor, in the order of JOINTS


class Registers(Protocol):
    """What is needed of a servo bus."""

    def read(self, register: str, motor: str) -> int:
        """The value of a register."""

    def write(self, register: str, motor: str, value: int) -> None:
        """Set a register."""


class Units:
    """The conversion between steps (6,) and joint positions (6,) [deg], gripper [%].

    Body joints are in degrees about the middle of their range, the gripper is 0 closed and 100
    open; its steps grow on the way unless ``opens`` is "down" or its drive_mode is 1, which counts
    for no joint in degrees, as with lerobot.
    """

    def __init__(self, calibration: Calibration, opens: str = "up") -> None:
        motors = [calibration[name] for name in JOINTS]
        self.low = np.array([motor.range_min for motor in motors], np.float64)  # [step]
        self.high = np.array([motor.range_max for motor in motors], np.float64)
        self._zero = (self.low + self.high) / 2
        self._unit = np.full(len(JOINTS), DEGREES)  # of a step
        span = self.high[GRIPPER] - self.low[GRIPPER]
        down = opens == "down" or bool(motors[GRIPPER].drive_mode)
        self._zero[GRIPPER] = self.high[GRIPPER] if down else self.low[GRIPPER]
        self._unit[GRIPPER] = (-100.0 if down else 100.0) / span
        ends = np.stack([self.joints(self.low), self.joints(self.high)], axis=1)
        self.limits: F32 = np.sort(ends, axis=1)  # (6, 2) calibrated range [deg], gripper [%]

    def joints(self, steps: JointNumbers) -> F32:
        """Joint positions (6,) of motor positions (6,) [step]."""
        return np.asarray((steps - self._zero) * self._unit, np.float32)

    def speeds(self, steps: JointNumbers) -> F32:
        """Joint speeds (6,) [deg/s, %/s] of motor speeds (6,) [step/s]."""
        return np.asarray(steps * self._unit, np.float32)

    def steps(self, joints: F32) -> NDArray[np.int64]:
        """The nearest motor positions (6,) [step] within the calibrated range."""
        steps = np.rint(joints / self._unit + self._zero)
        return np.asarray(np.clip(steps, self.low, self.high), np.int64)


def common_range(model: F32, calibrated: F32) -> F32:
    """The ranges (6, 2) [deg], gripper [%], that an arm's model and its calibration share.

    Raises Uncalibrated where they share none.
    """
    low = np.maximum(model[:, 0], calibrated[:, 0])
    high = np.minimum(model[:, 1], calibrated[:, 1])
    for name, least, most in zip(JOINTS, low, high, strict=True):
        if least >= most:
            raise Uncalibrated(
                f"The calibrated range of {name} is outside of what the arm can do: run "
                "`hil-app calibrate`, or look at robot.joint_offsets."
            )
    return np.stack([low, high], axis=1)


def folder(kind: str, group: str = "robots") -> Path:
    """Where lerobot keeps the calibrations of ``kind``, such as so_follower."""
    home = os.environ.get("HF_HOME", "~/.cache/huggingface")
    lerobot = Path(os.environ.get("HF_LEROBOT_HOME", f"{home}/lerobot"))
    root = Path(os.environ.get("HF_LEROBOT_CALIBRATION", lerobot / "calibration"))
    try:
        return root.expanduser() / group / kind
    except RuntimeError:
        raise RobotError(
            "This user has no home folder, where calibrations are kept: name a folder with "
            "calibration_dir, or set HF_HOME."
        ) from None


def folders(cfg: ServoArmConfig) -> list[Path]:
    """Where the calibration files of such an arm may be; new ones go to the first."""
    if cfg.calibration_dir is not None:
        return [cfg.calibration_dir]
    kind = str(cfg.model_dump().get("type", ""))
    if cfg.leads:
        return [folder("so_leader", "teleoperators"), folder(kind, "teleoperators")]
    return [folder("so_follower"), folder(f"{kind}_follower")]  # the second until lerobot 0.4.2


def files(cfg: ServoArmConfig) -> list[Path]:
    """Where the file that ``cfg.id`` names may be, if it names one; a new one goes to the first."""
    return [] if cfg.id is None else [place / f"{cfg.id}.json" for place in folders(cfg)]


def saved(cfg: ServoArmConfig) -> Path | None:
    """The file that ``cfg.id`` names, whether it is there or not; None without an id."""
    places = files(cfg)
    return next((path for path in places if exists(path)), places[0] if places else None)


def exists(path: Path) -> bool:
    """Whether there is such a file."""
    with suppress(OSError):  # a name may be too long
        return path.exists()
    return False


def load(path: Path) -> dict[str, MotorCalibration]:
    """The calibration in a file of lerobot's; raises Uncalibrated if it is none."""
    try:
        found = _FILE.validate_python(_modern(path, read_json(path)))
    except FileNotFoundError as error:
        known = sorted(file.stem for file in path.parent.glob("*.json") if exists(file))
        there = f" (there: {', '.join(known)})" if known else ""
        raise Uncalibrated(
            f"There is no calibration {path}{there}: run `hil-app calibrate` with this id, or "
            "leave the id out to use what the motors hold."
        ) from error
    except OSError as error:
        raise Uncalibrated(f"Cannot read the calibration {path}: {error.strerror}.") from error
    except Unreadable as error:
        raise _damaged(path, str(error)) from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise _damaged(path, shown(f"{where}: {fault['msg']}")) from error
    check(found, f"The calibration {path}")
    return {name: found[name] for name in JOINTS}


def _modern(path: Path, content: Any) -> Any:
    """``content``; raises Uncalibrated if it is in the form of lerobot's first releases."""
    if isinstance(content, dict) and content.keys() >= _OLDEST:
        raise Uncalibrated(
            f"The calibration {path} is of lerobot 0.2 or older, which counted from other zeros: "
            "run `hil-app calibrate`."
        )
    return content


def _damaged(path: Path, why: str) -> Uncalibrated:
    why = shown(why, 300)
    return Uncalibrated(f"The calibration {path} is damaged ({why}): run `hil-app calibrate`.")


def save(calibration: Calibration, path: Path) -> None:
    """Write ``calibration`` as lerobot does, where a link of the user's leads; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: asdict(motor) for name, motor in calibration.items()}
    write_whole(real(path), json.dumps(content, indent=4).encode())


def check(calibration: Calibration, what: str) -> None:
    """Raise Uncalibrated, in a sentence that begins with ``what``, unless it can be used."""
    missing = [name for name in JOINTS if name not in calibration]
    if missing:
        raise Uncalibrated(f"{what} lacks {', '.join(missing)}: run `hil-app calibrate`.")
    offset = REGISTERS["Homing_Offset"]
    for name in JOINTS:
        motor = calibration[name]
        if not offset.lowest <= motor.homing_offset <= offset.highest:
            raise Uncalibrated(
                f"{what} has a homing offset of {motor.homing_offset} for {name}, and a motor "
                f"holds ±{offset.highest}: turn its horn by half a turn, or calibrate with the "
                "joint nearer to mid-range."
            )
        if motor.drive_mode not in (0, 1):
            raise Uncalibrated(
                f"{what} has a drive_mode of {motor.drive_mode} for {name}, which is 0 or 1: run "
                "`hil-app calibrate`."
            )
        moved = motor.range_max - motor.range_min
        most = TOP if name == ENDLESS else MOST_RANGE
        if motor.range_min < 0 or motor.range_max > TOP or not _LEAST_RANGE <= moved <= most:
            raise Uncalibrated(
                f"{what} has a range of {motor.range_min} to {motor.range_max} steps for {name}: "
                "run `hil-app calibrate` and move every joint through all of its range."
            )


def of_motors(bus: Registers, ids: Mapping[str, int]) -> dict[str, MotorCalibration]:
    """The calibration that the motors themselves hold."""
    return {
        name: MotorCalibration(
            id=ids[name],
            drive_mode=0,
            homing_offset=bus.read("Homing_Offset", name),
            range_min=bus.read("Min_Position_Limit", name),
            range_max=bus.read("Max_Position_Limit", name),
        )
        for name in JOINTS
    }


def mirrored(calibration: Calibration) -> str | None:
    """That the file has body joints mounted the other way round, in words, if it has."""
    names = [name for name in JOINTS[:GRIPPER] if calibration[name].drive_mode]
    if not names:
        return None
    return (
        f"the calibration's file has drive_mode 1 for {', '.join(names)}, which counts for no "
        "joint in degrees, as with lerobot"
    )


def check_motors(calibration: Calibration) -> None:
    """Raise Uncalibrated if motors hold what they hold when they are new, or a part of one."""
    if cut := [name for name in JOINTS if calibration[name].range_max == _UNFINISHED]:
        raise Uncalibrated(
            f"The motors hold only a part of a calibration ({', '.join(cut)}), since writing it "
            "was cut off, or another program took the limits off: run `hil-app calibrate`, or name "
            "its file by its id (--robot.id, --teleop.id)."
        )
    new = [
        name
        for name in JOINTS
        if name != ENDLESS
        and (calibration[name].range_min, calibration[name].range_max) == (0, TOP)
    ]
    if new:
        raise Uncalibrated(
            f"The motors have not been calibrated ({', '.join(new)}): run `hil-app calibrate`, or "
            "name an earlier calibration by its id (--robot.id, --teleop.id)."
        )
    check(calibration, "What the motors hold")


def differences(calibration: Calibration, held: Calibration) -> dict[str, str]:
    """By motor, how what the motors hold differs from ``calibration``."""
    fields = ("homing_offset", "range_min", "range_max")
    found = {}
    for name in JOINTS:
        pairs = [(f, getattr(held[name], f), getattr(calibration[name], f)) for f in fields]
        if changes := [f"{field} {old} → {new}" for field, old, new in pairs if old != new]:
            found[name] = ", ".join(changes)
    return found


def write_to(bus: Registers, calibration: Calibration) -> None:
    """Have limp motors, whose EEPROM is unlocked, hold their ``calibration``.

    Until all have theirs, at least one is marked by a highest position that no calibration has: so
    :func:`check_motors` knows one that was cut off, on whatever computer.
    """
    write_each(
        bus,
        {
            name: {
                "Homing_Offset": motor.homing_offset,
                "Min_Position_Limit": motor.range_min,
                "Max_Position_Limit": motor.range_max,
            }
            for name, motor in calibration.items()
        },
    )


def write_each(bus: Registers, contents: Mapping[str, Mapping[str, int]]) -> None:
    """The same for registers by motor; Max_Position_Limit is among them."""
    for name in contents:
        bus.write(_MARKED, name, _UNFINISHED)
    for name, registers in contents.items():
        for register, value in registers.items():
            if register != _MARKED:
                bus.write(register, name, value)
    for name, registers in contents.items():
        bus.write(_MARKED, name, registers[_MARKED])


_FILE: TypeAdapter[dict[str, MotorCalibration]] = TypeAdapter(dict[str, MotorCalibration])
