"""Whose calibration it is: which file has what motors hold, and whether a file is of this arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from configs.robot import ServoArmConfig
from robots.base import JOINTS, RobotError, Uncalibrated
from robots.feetech.calibration import (
    DEGREES,
    Calibration,
    differences,
    exists,
    files,
    folder,
    folders,
    load,
)
from robots.feetech.registers import STEPS

REMEDY = (
    "name the right file or port (--robot.id, --robot.port; of a leader, --teleop.id and "
    "--teleop.port), or run `hil-app calibrate`"
)
_FEW = len(JOINTS) // 2  # motors that may differ where the others cannot agree by chance
_BEYOND = 3.0  # how far outside of its range a joint may stand [deg]


def rivals(cfg: ServoArmConfig) -> str | None:
    """That the calibration ``cfg.id`` is in two places and differs, in words, if it is so."""
    there = [path for path in files(cfg) if exists(path)]
    with suppress(Uncalibrated):  # whoever uses a damaged one says so
        if len(there) == 2 and load(there[0]) != load(there[1]):
            return f"{there[0]} is used; {there[1]}, where older lerobots kept it, differs"
    return None


def known(cfg: ServoArmConfig) -> list[Path]:
    """All calibration files of such arms."""
    with suppress(RobotError):  # there may be no home to keep them in
        return [path for place in folders(cfg) for path in sorted(place.glob("*.json"))]
    return []


def others(cfg: ServoArmConfig) -> list[Path]:
    """All calibration files of arms that ``cfg`` does not name: leaders' for one that moves."""
    own = known(cfg) if cfg.id is None else files(cfg)
    with suppress(RobotError):
        return [path for path in known(cfg) + _opposite(cfg) if path not in own]
    return []


def _opposite(cfg: ServoArmConfig) -> list[Path]:
    """The files of arms that move, for a leader; else those of leaders."""
    if cfg.calibration_dir is not None:
        return []
    model = str(cfg.model_dump().get("type", "")).removesuffix("_leader")
    if cfg.leads:
        places = [folder("so_follower"), folder(f"{model}_follower")]
    else:
        places = [folder(f"{kind}_leader", "teleoperators") for kind in ("so", model)]
    return [path for place in places for path in sorted(place.glob("*.json"))]


def recognised(held: Calibration, known: Sequence[Path]) -> Path | None:
    """The file among ``known`` that has what motors hold, if there is one."""
    for path in known:
        with suppress(Uncalibrated):
            if not differences(load(path), held):
                return path
    return None


def changed(held: Calibration, known: Sequence[Path]) -> tuple[str, str] | None:
    """That motors hold one of the ``known`` files but for a few of them; what to do.

    So it is where another tool, or a register that was written by mistake, has moved a zero.
    """
    for path in known:
        with suppress(Uncalibrated):
            changes = differences(load(path), held)
            if 0 < len(changes) <= _FEW:
                shown = "; ".join(f"{name}: {change}" for name, change in changes.items())
                return (
                    f"the motors hold the calibration {path} but for {shown}",
                    "something has changed that since: name the file by its id to have it back, "
                    "or run `hil-app calibrate`",
                )
    return None


def another(path: Path) -> tuple[str, str]:
    """That motors hold another arm's calibration, which the file ``path`` has; what to do."""
    return (
        f"The motors hold the calibration {path}, of another arm",
        "are the ports of leader and follower swapped? `hil-app find-port` tells arms apart; if "
        "it is this arm all the same, name it by the id of that file, or run `hil-app calibrate`",
    )


def wrong_ids(wanted: Calibration, ids: Mapping[str, int]) -> str | None:
    """Which motors have another ID in a file than in an arm, in words, if some have."""
    wrong = [name for name in JOINTS if wanted[name].id != ids[name]]
    return f"of an arm with other IDs ({', '.join(wrong)})" if wrong else None


def misfit(wanted: Calibration, held: Calibration, positions: Mapping[str, int]) -> str | None:
    """Which joint would stand outside of its ``wanted`` range, in words, if one would.

    ``positions`` are what the motors show [step] with the offsets that they hold.
    """
    for name in JOINTS:
        motor = wanted[name]
        shown = (positions[name] + held[name].homing_offset - motor.homing_offset) % STEPS
        far = max(motor.range_min - shown, shown - motor.range_max) * DEGREES
        if far > _BEYOND:
            where = f"{name} would stand {far:.0f} deg outside of its range"
            return f"with it {where} (move it back if it does)"
    return None
