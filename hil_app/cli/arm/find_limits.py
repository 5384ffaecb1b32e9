"""``hil-app find-limits``: which space an arm may use, by moving it by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table

from configs.events import Event, Notice
from configs.load import ConfigError, Parser, load
from configs.processor import BoundsConfig
from configs.robot import FollowerConfig, SO100Config, SO101Config
from configs.run import RunConfig
from configs.text.paths import expanded
from hil_app.build.workspace import AXES, Visited, at_ends, outside, unreachable
from hil_app.cli.arm.config import arm_or, named
from hil_app.cli.arm.guide import Guide, InputEnded
from hil_app.cli.arm.limp import make_limp
from hil_app.cli.arm.page_guide import new_guide
from hil_app.cli.arm.saved_limits import (
    JOINT_LIMITS,
    MAX,
    MIN,
    POSE,
    Limits,
    check_savable,
    lines,
    save,
)
from robots.arm import ARMS
from robots.base import F32, JOINTS, BusTimeout, NotConnected
from robots.events import CalibrationRestored, PortBack
from robots.feetech.bus import FeetechBus
from robots.feetech.calibration import common_range
from robots.feetech.handshake import MOTORS, check_motors
from robots.feetech.servos import Servos

DESCRIPTION = """\
Measure the box that the gripper may use, by moving it with your hands through all of it, with the
motors limp. The result are the lines processor.bounds of a run's configuration:

  1. Take the tip of the gripper to one end of the space that the task needs, and press Enter: from
     there on it is measured. Move it to the nearest, furthest, leftmost, rightmost, lowest and
     highest places, and press Enter.
  2. With --reset-pose, put the arm where episodes are to begin, and press Enter.

With --joint-limits the joints, too, stay where they have been (robot.joint_limits).

examples:
  hil-app find-limits --robot.type=so101 --robot.port=/dev/ttyACM0 --robot.id=my_arm
  hil-app find-limits --config_path mine.yaml --save mine.yaml --reset-pose
"""
MAIN = (
    "robot.type",
    "robot.port",
    "robot.id",
    "robot.joint_limits",
)
_PRESET = "so101_pick_lift"
_MARGIN = 0.005  # [m]
_PAUSE = 0.02  # between two looks where nobody is waited for [s]


@dataclass(frozen=True)
class Wanted:
    """What is to be measured, and how."""

    margin: float = _MARGIN  # so far inside of where the gripper has been [m]
    reset_pose: bool = False
    joint_limits: bool = False
    seconds: float | None = None  # for so long, instead of until Enter [s]


@dataclass(frozen=True)
class _Arm:
    """The limp arm."""

    servos: Servos
    kinematics: Any  # robots.kinematics.Kinematics
    limits: F32  # (6, 2) that a run keeps to [deg], gripper [%]

    def look(self) -> tuple[F32, F32]:
        """Tip (3,) [m] and joints (6,) [deg, %] now."""
        joints = self.servos.sense().joints
        return self.kinematics.tip(joints), joints


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status, 1 if the gripper hardly moved."""
    config, save_to, wanted = _options(argv)
    cfg = config.robot
    if not isinstance(cfg, SO100Config | SO101Config):
        raise ConfigError(
            f"robot.type: {cfg.type} has no motors, so100 and so101 have: name the arm with "
            "--robot.type=so101 --robot.port=PORT"
        )
    if save_to is not None:
        more = (POSE,) * wanted.reset_pose + (JOINT_LIMITS,) * wanted.joint_limits
        check_savable(save_to, (MIN, MAX, *more))
    guide = new_guide()
    found = measured(guide, cfg, config, wanted)
    if found is None:
        return 1
    if save_to is None:
        guide.say("With --save FILE it is written into a file.")
    else:
        save(guide, config, found, save_to)
    return 0


def _options(argv: Sequence[str]) -> tuple[RunConfig, Path | None, Wanted]:
    parser = Parser("hil-app find-limits", DESCRIPTION)
    parser.add_config_word("robot.port", "PORT", "the arm's serial port")
    add = parser.add_argument
    add(
        "--save",
        type=expanded,
        metavar="YAML",
        help="write the result there: into the file, of which all else stays as it is, or into a "
        "new one, which has the rest of the configuration, too",
    )
    add("--reset-pose", action="store_true", help="measure robot.reset_pose, too")
    add(
        "--joint-limits",
        action="store_true",
        help="limit each joint to where it has been, too (robot.joint_limits)",
    )
    add(
        "--margin",
        type=float,
        default=_MARGIN,
        help=f"stay so far inside of where the gripper has been [m] (default: {_MARGIN})",
    )
    add("--seconds", type=float, help="measure for so long, instead of until Enter [s]")
    config, options = load(parser, argv, arm_or(_PRESET), named(_PRESET), MAIN)
    seconds = options.seconds
    if not 0 <= options.margin <= 0.1 or (seconds is not None and not 0 < seconds < inf):
        raise ConfigError("--margin is 0 to 0.1, --seconds above 0 and finite")
    wanted = Wanted(options.margin, options.reset_pose, options.joint_limits, seconds)
    return config, options.save, wanted


def measured(guide: Guide, cfg: FollowerConfig, config: RunConfig, wanted: Wanted) -> Limits | None:
    """What the operator's movements show, which is shown; None if that is no box."""
    guide.say(f"Measuring the workspace of the {config.robot.type} on {cfg.port}.")
    try:
        found = _measured(guide, cfg, config, wanted)
    except KeyboardInterrupt:
        guide.say("", "Stopped: nothing was written.")
        raise
    except InputEnded as error:
        raise InputEnded(f"{error} Nothing was written.") from None
    if found is not None:
        guide.say("In a configuration this is:")
        guide.line(lines(found))
    return found


def _measured(
    guide: Guide, cfg: FollowerConfig, config: RunConfig, wanted: Wanted
) -> Limits | None:
    limp = partial(_limp, guide, cfg, config)
    arm = guide.reach(limp) if wanted.seconds is None else limp()
    try:
        visited = _visited(guide, arm, wanted)
        if visited is None:
            return None
        box = visited.box(wanted.margin)
        found: Limits = {MIN: list(box.min), MAX: list(box.max)}
        pose = np.array(config.robot.reset_pose, np.float32)
        if wanted.reset_pose:
            pose = _reset_pose(guide, arm, box, wanted.seconds)
            found[POSE] = [round(float(value), 1) + 0.0 for value in pose]
        if wanted.joint_limits:
            found[JOINT_LIMITS] = visited.joint_limits(arm.limits)
    finally:
        arm.servos.close()
    guide.say(_result(visited, box, arm.limits))
    max_error = config.processor.inverse_kinematics.max_error
    for doubt in _doubts(arm, box, pose, max_error, measured=wanted.reset_pose):
        guide.problem(doubt)
    return found


def _limp(guide: Guide, cfg: FollowerConfig, config: RunConfig) -> _Arm:
    """The arm, all of whose motors are limp and known."""
    from robots.kinematics import Kinematics

    with FeetechBus(cfg.port, MOTORS, cfg.baud_rate) as bus:
        with bus.patient():
            check_motors(bus)
        make_limp(guide, bus)

    def tell(event: Event) -> None:
        if isinstance(event, CalibrationRestored):
            guide.say(f"The motors hold their calibration again, {event.note}.")
        elif isinstance(event, Notice) and not isinstance(
            event, PortBack
        ):  # which the operator sees
            guide.problem(f"{event.note[:1].upper()}{event.note[1:]}.")

    servos = Servos(cfg, cfg.safety.patience_s, tell)
    with ExitStack() as trial:
        servos.open()
        trial.callback(servos.close)
        servos.settled()
        trial.pop_all()
    guide.say("The motors are limp: move the arm with your hands.")
    model = ARMS[config.robot.type].calibrated(cfg.joint_signs, cfg.joint_offsets)
    return _Arm(servos, Kinematics(model), common_range(model.limits, servos.units.limits))


def _visited(guide: Guide, arm: _Arm, wanted: Wanted) -> Visited | None:
    """Where the gripper has been; None if it had no time to go far enough."""
    guide.say(
        "1. Move the tip of the gripper to all ends of the space that the task needs: near and "
        "far, left and right, down to the table (just above it) and up."
    )
    if wanted.seconds is None:
        guide.ask("Take it to one of them, and press Enter: where it was before does not count.")
        visited = Visited.at(*guide.persist(arm.look))
    else:
        visited = Visited.at(*arm.look())
    prompt = "Press Enter when it has been everywhere."

    def look() -> Table:
        visited.see(*arm.look())
        return _image(visited)

    while True:
        _follow(guide, prompt, look, wanted.seconds)
        problems = visited.too_small(wanted.margin)
        for problem in problems:
            guide.problem(problem)
        if not problems:
            return visited
        if wanted.seconds is not None:
            guide.say("That is no box to work in: nothing was written.")
            return None
        prompt = "Move it there, too, and press Enter."


def _reset_pose(guide: Guide, arm: _Arm, box: BoundsConfig, seconds: float | None) -> F32:
    """Where the operator puts the arm (6,) [deg, %], which is inside of ``box`` if it has to be."""
    guide.say("2. Put the arm where episodes are to begin, inside of that space.")
    now = Visited.at(*arm.look())

    def look() -> Table:
        now.see(*arm.look())
        return _image(now, extremes=False)

    prompt = "Hold it there, and press Enter."
    _follow(guide, prompt, look, seconds)
    while (far := outside(now.tip, box)) and seconds is None:
        guide.problem(f"The gripper is outside of the box, by {far}.")
        _follow(guide, "Move it inside, and press Enter.", look, None)
    return np.clip(now.joints, arm.limits[:, 0], arm.limits[:, 1])


def _follow(guide: Guide, prompt: str, look: Callable[[], Table], seconds: float | None) -> None:
    """Show what there is to see until the operator presses Enter, or for some ``seconds``.

    A port that goes, or a motor that falls silent, is waited for.
    """
    trouble: str | None = None

    def watched() -> RenderableType:
        nonlocal trouble
        try:
            seen = look()
        except (BusTimeout, NotConnected) as error:
            if trouble is None:
                guide.problem(f"{error} Nothing is lost; it goes on once that is fixed.")
            trouble = str(error)
            return trouble
        if trouble is not None:
            guide.say("All motors answer again: go on.")
            trouble = None
        return seen

    if seconds is None:
        guide.watch(prompt, watched)
        guide.persist(look)  # the newest
        return
    guide.say(f"For {seconds:g} s, from now on.")
    end = time.monotonic() + seconds
    with Live(console=guide.console, auto_refresh=False, transient=True) as live:
        while time.monotonic() < end:
            live.update(watched(), refresh=True)
            time.sleep(_PAUSE)


def _image(visited: Visited, extremes: bool = True) -> Table:
    """Gripper and joints now, and how far they have been."""
    table = Table("", "lowest", "now", "highest", "") if extremes else Table("", "now", "")
    for column in table.columns[1:-1]:
        column.justify = "right"
    for index, axis in enumerate(AXES):
        values = (visited.low, visited.tip, visited.high) if extremes else (visited.tip,)
        table.add_row(axis, *(f"{each[index]:z.3f}" for each in values), "m")
    table.add_section()
    for index, name in enumerate(JOINTS):
        every = (visited.joints_low, visited.joints, visited.joints_high)
        values = every if extremes else (visited.joints,)
        unit = "%" if name == JOINTS[-1] else "deg"
        table.add_row(name, *(f"{each[index]:z.1f}" for each in values), unit)
    return table


def _result(visited: Visited, box: BoundsConfig, limits: F32) -> Table:
    table = Table("", "lowest", "highest", "limit from", "to", "")
    for column in table.columns[1:5]:
        column.justify = "right"
    for index, axis in enumerate(AXES):
        been = f"{visited.low[index]:z.3f}", f"{visited.high[index]:z.3f}"
        table.add_row(axis, *been, f"{box.min[index]:z.3f}", f"{box.max[index]:z.3f}", "m, the box")
    table.add_section()
    ends = at_ends(visited.joints_low, visited.joints_high, limits)
    for index, name in enumerate(JOINTS):
        been = f"{visited.joints_low[index]:z.1f}", f"{visited.joints_high[index]:z.1f}"
        unit = "%" if name == JOINTS[-1] else "deg"
        note = f"{unit}, [yellow]{ends[name]}[/yellow]" if name in ends else unit
        table.add_row(name, *been, f"{limits[index, 0]:z.1f}", f"{limits[index, 1]:z.1f}", note)
    return table


def _doubts(
    arm: _Arm, box: BoundsConfig, pose: F32, max_error: float, *, measured: bool
) -> list[str]:
    """What may go wrong in a run with this box that begins at ``pose`` (6,) [deg, %]."""
    found = []
    if box.min[2] < 0:
        found.append(
            f"The box begins {-100 * box.min[2]:.1f} cm below the foot of the arm: if the arm "
            "stands on the table that it works on, calibrate it again, or raise the lowest z."
        )
    if far := outside(arm.kinematics.tip(pose), box):
        remedy = "" if measured else ", or measure another one with --reset-pose"
        found.append(
            f"robot.reset_pose is outside of the box, by {far}: every episode would begin with a "
            f"way back into it. Make the box larger{remedy}."
        )
    corners = unreachable(arm.kinematics, arm.limits, pose, box, max_error)
    if corners:
        places = "; ".join(
            f"({', '.join(f'{value:g}' for value in corner)}), by {100 * error:.1f} cm"
            for corner, error in corners.items()
        )
        found.append(
            f"The arm cannot get to {len(corners)} of the box's 8 corners, and will stop short of "
            f"them, which harms nothing: {places}. A box that is less far or less high has none."
        )
    return found
