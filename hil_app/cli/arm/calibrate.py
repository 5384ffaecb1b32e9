"""``hil-app calibrate``: learn where an arm's joints are, by moving it by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.table import Table

from configs.load import ConfigError
from configs.options.parser import Parser
from configs.text.paths import real
from configs.text.writing import write_whole
from hil_app.cli.arm.guide import Guide, InputEnded, uninterrupted
from hil_app.cli.arm.limp import make_limp
from hil_app.cli.arm.options import ChosenArm, add_arm_options, chosen_arm
from hil_app.cli.arm.page_guide import new_guide
from hil_app.support.files import check_writable
from robots.arm import ARMS
from robots.base import GRIPPER, JOINTS, BusTimeout, NotConnected, RobotError
from robots.feetech import calibration
from robots.feetech.bus import FeetechBus
from robots.feetech.calibration import ENDLESS, MOST_RANGE, Calibration
from robots.feetech.handshake import MOTORS, check_motors
from robots.feetech.travel import Shafts, Travel, installed

DESCRIPTION = """\
Calibrate an arm by moving it with your hands, with its motors limp. The result goes into the
motors, and into the file that lerobot reads and writes, too. In short:

  1. Put every joint in the middle of its range.
  2. Move each joint to both of its ends.
  3. Close the gripper, which shows which way it counts.
  4. Look at the result, and agree.

Nothing is written before you agree: until then Ctrl-C, or a pulled plug, leaves motors and file as
they were.

examples:
  hil-app calibrate /dev/ttyACM0 --robot.type=so101 --robot.id=my_arm
  hil-app calibrate /dev/ttyACM1 --teleop.type=so101_leader --teleop.id=my_leader
"""
_LEAST, _LITTLE, _NEARLY, _MUCH = 0.25, 0.8, 0.95, 1.2  # shares of what a joint usually moves
_DEGREES = calibration.DEGREES  # a step
_LEAST_STEPS = 100  # where nobody knows what is usual
_BLIND = "then move what was out of sight to both ends once more"


T = TypeVar("T")


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status, 1 if the operator disagrees."""
    usage = "PORT --robot.type=so101 --robot.id=NAME [options]"
    parser = Parser("hil-app calibrate", DESCRIPTION, usage)
    add_arm_options(parser)
    parser.add_argument("--yes", action="store_true", help="write the result without asking")
    options = parser.parse_args(list(argv))
    arm, guide = chosen_arm(options), new_guide()
    found = calibrate(guide, arm, yes=options.yes)
    if found is None:
        return 1
    guide.say("Options that use it:")
    way = "down" if found[JOINTS[GRIPPER]].drive_mode else "up"
    opens = f" --{arm.block}.gripper_opens={way}" * (arm.path is None)  # no file says it
    guide.line(f"  {arm.options}{opens}")
    return 0


def calibrate(guide: Guide, arm: ChosenArm, *, yes: bool = False) -> Calibration | None:
    """Calibrate ``arm``, and say where that is kept; None if the operator disagrees.

    With ``yes`` nobody is asked. Raises ConfigError before the operator begins if the calibration's
    file cannot be written.
    """
    _check_writable(arm.path)
    with guide.reach(lambda: _first_look(arm)) as bus:
        found = _agreed(guide, bus, arm, yes)
        if found is None:
            guide.say("Nothing was written.")
            return None
        _tell(guide, arm, _persist(guide, bus, lambda: _write(bus, found, arm.path)))
        return found


def _first_look(arm: ChosenArm) -> AbstractContextManager[FeetechBus]:
    """The open bus, on which all motors answer; raises NotConnected, BusTimeout or ServoFault."""
    with ExitStack() as stack:
        bus = stack.enter_context(FeetechBus(arm.cfg.port, MOTORS, arm.cfg.baud_rate))
        with bus.patient():
            check_motors(bus)
        stack.pop_all()
    return closing(bus)


def _persist(guide: Guide, bus: FeetechBus, attempt: Callable[[], T]) -> T:
    """What ``attempt`` gives, once it can; a port that was away meanwhile is opened again."""
    gone = False

    def again() -> T:
        nonlocal gone
        try:
            if gone:
                bus.reopen()
            gone = False
            return attempt()
        except NotConnected:
            gone = True
            raise

    return guide.persist(again)


def _agreed(guide: Guide, bus: FeetechBus, arm: ChosenArm, yes: bool) -> Calibration | None:
    """The calibration to write, if the operator agrees."""
    try:
        found = _measured(guide, bus, arm.kind)
        return found if yes or guide.agrees(_question(arm.path)) else None
    except KeyboardInterrupt:
        guide.say("", "Stopped: nothing was written.")
        raise
    except InputEnded as error:
        raise InputEnded(f"{error} Nothing was written.") from None


def _measured(guide: Guide, bus: FeetechBus, kind: str) -> Calibration:
    """What the operator's movements show."""
    guide.say(f"Calibrating the {kind} on {bus.port}.")
    _persist(guide, bus, lambda: make_limp(guide, bus))
    guide.say("The motors are limp: move the arm with your hands.")
    guide.say(
        "1. Put every joint about in the middle of its range, as halfway between its two ends. "
        f"For {ENDLESS}, which has no ends, this is what will be 0 degrees."
    )
    guide.ask("Hold the arm there, and press Enter.")
    shafts = _persist(guide, bus, lambda: Shafts(bus))
    travel = Travel(guide.persist(shafts.all), time.monotonic())
    falls = _all_ends(guide, travel, shafts, kind)
    found = travel.calibration(bus.motors, gripper_falls=falls)
    calibration.check(found, "This calibration")
    guide.say("4. The result:", _result(found))
    return found


def _all_ends(guide: Guide, travel: Travel, shafts: Shafts, kind: str) -> bool:
    """Follow the joints to their ends; returns whether the gripper's steps fall as it opens.

    A motor that falls silent while the gripper is closed has lost its range: that is done again.
    """
    usual, part = _usual(kind), "handle" if kind.endswith("_leader") else "gripper"
    while True:
        guide.say(f"2. Move every joint but {ENDLESS} to both of its ends, one after the other.")
        _record(guide, travel, shafts, usual)
        guide.say(f"3. Close the {part} all the way, which shows which way it counts.")
        falls = _gripper_falls(guide, travel, shafts, usual)
        lost = [name for name in JOINTS if name in travel.lost and name != ENDLESS]
        if not lost:
            return falls
        guide.problem(f"Once more: {', '.join(lost)} could not be followed for a moment.")


def _gripper_falls(guide: Guide, travel: Travel, shafts: Shafts, usual: Mapping[str, int]) -> bool:
    """Whether the gripper's steps fall as it opens, by where the operator closes it."""
    while True:
        _follow(guide, "Hold it closed, and press Enter.", travel, shafts, usual)
        if (falls := travel.gripper_falls()) is not None:
            return falls
        guide.problem("It is at neither end of its range: close it all the way.")


def _follow(
    guide: Guide, prompt: str, travel: Travel, shafts: Shafts, usual: Mapping[str, int]
) -> None:
    """Follow the joints until the operator presses Enter and every motor answers."""

    def look() -> Table:
        was = shafts.trouble
        travel.see(shafts.now(), time.monotonic())
        if shafts.trouble and not was:
            guide.problem(f"{shafts.trouble} It goes on once that is fixed; {_BLIND}.")
        elif was and not shafts.trouble:
            guide.say("All motors answer again: go on.")
        return _image(travel, usual)

    while True:
        guide.watch(prompt, look)
        try:
            travel.see(shafts.all(), time.monotonic())
        except BusTimeout as error:
            guide.problem(str(error))
        else:
            return


def _record(guide: Guide, travel: Travel, shafts: Shafts, usual: Mapping[str, int]) -> None:
    """Follow the joints until the operator is done and they have moved far enough."""
    prompt, doubted = "Press Enter when all are done.", False
    while True:
        _follow(guide, prompt, travel, shafts, usual)
        if problems := _amiss(travel, usual):
            prompt = "Move these, too, and press Enter."
        elif (problems := _doubts(travel, usual)) and not doubted:
            prompt = "Move these to both ends, or press Enter if they have been there."
            doubted = True
        else:
            return
        for problem in problems:
            guide.problem(problem)


def _image(travel: Travel, usual: Mapping[str, int]) -> Table:
    """The ranges so far; degrees from where it began."""
    table = Table(title="Degrees, from where it began", title_justify="left")
    table.add_column("joint")
    for heading in ("lowest", "now", "highest", "moved", "usually"):
        table.add_column(heading, justify="right")
    table.add_column(min_width=len("to its end?"))
    for name in JOINTS:
        if name == ENDLESS:
            table.add_row(name, "", _degrees(travel.now[name] - travel.middle[name]))
            continue
        moved, most = travel.span(name), usual.get(name)
        table.add_row(
            name,
            *(
                _degrees(steps[name] - travel.middle[name])
                for steps in (travel.low, travel.now, travel.high)
            ),
            f"{moved * _DEGREES:.0f}",
            f"{most * _DEGREES:.0f}" if most else "",
            _advice(moved, most or _LEAST_STEPS),
        )
    return table


def _advice(moved: int, most: int) -> str:
    """What a joint needs that has ``moved`` and can move ``most`` [step], in rich's markup."""
    if moved >= _NEARLY * most:
        return "[green]done[/green]"
    return "to its end?" if moved >= _LITTLE * most else "[yellow]move it[/yellow]"


def _degrees(steps: int) -> str:
    return f"{steps * _DEGREES:+.1f}"


def _usual(kind: str) -> dict[str, int]:
    """How far each joint of such an arm can move, by its model [step]."""
    arm = ARMS[kind.removesuffix("_leader")]
    spans = np.abs(arm.scale * np.ptp(arm.limits, axis=1))  # (6,) [rad]
    steps = np.rint(np.rad2deg(spans) / _DEGREES).astype(int).tolist()
    usual = dict(zip(JOINTS, steps, strict=True))
    del usual[ENDLESS]
    if kind.endswith("_leader"):  # it has a handle in the gripper's place
        del usual[JOINTS[GRIPPER]]
    return usual


def _amiss(travel: Travel, usual: Mapping[str, int]) -> list[str]:
    """What must be done again, and begins again."""
    found = []
    for name in JOINTS:
        if name == ENDLESS:
            continue
        moved = travel.span(name)
        if moved > MOST_RANGE:
            found.append(f"{name} has turned by all of a turn: move it between its ends again.")
            travel.restart(name)
        elif moved < max(_LEAST * usual.get(name, 0), _LEAST_STEPS):
            lost = " could not be followed for a moment, check its cable; since then it"
            why = lost if name in travel.lost else ""
            found.append(f"{name}{why} has moved only {moved * _DEGREES:.0f} degrees.")
    travel.lost.clear()
    return found


def _doubts(travel: Travel, usual: Mapping[str, int]) -> list[str]:
    """What is far from what the arm's model says."""
    return [
        f"{name} has moved {moved * _DEGREES:.0f} degrees, usually it is {most * _DEGREES:.0f}."
        for name, most in usual.items()
        if not _LITTLE * most <= (moved := travel.span(name)) <= _MUCH * most
    ]


def _result(found: Calibration) -> Table:
    table = Table("motor", "ID", "offset", "lowest", "highest", "degrees")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, motor in found.items():
        moved = motor.range_max - motor.range_min
        facts = (motor.id, motor.homing_offset, motor.range_min, motor.range_max)
        table.add_row(name, *map(str, facts), f"{moved * _DEGREES:.0f}")
    return table


def _question(path: Path | None) -> str:
    if path is None:
        return "Write this into the motors?"
    old = f" (the old file is kept as {_backup(path).name})" if path.exists() else ""
    return f"Write this into the motors and {path}{old}?"


def _write(bus: FeetechBus, found: Calibration, path: Path | None) -> Path | None:
    """Into the motors and the file, or into neither; returns where the old file is now."""
    with uninterrupted(), installed(bus, found):
        return None if path is None else _save(found, path)


def _save(found: Calibration, path: Path) -> Path | None:
    """Save the calibration; returns where the file that was there before is now."""
    backup = None
    try:
        if path.exists():
            backup = _backup(path)
            write_whole(backup, path.read_bytes())
        calibration.save(found, path)
    except OSError as error:
        raise RobotError(
            f"Cannot write {path} ({error.strerror}): name another folder with calibration_dir. "
            "The calibration is as it was."
        ) from error
    return backup


def _check_writable(path: Path | None) -> None:
    """Raise ConfigError, before the operator begins, if the file could not be written."""
    if path is None:
        return
    try:
        check_writable(real(path))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: name another folder with calibration_dir ({error.strerror})"
        ) from error


def _backup(path: Path) -> Path:
    return path.with_name(path.name + ".bak")


def _tell(guide: Guide, arm: ChosenArm, kept: Path | None) -> None:
    """Say where the new calibration is, and the old one."""
    if kept is not None:
        guide.line(f"The old calibration is {kept}")
    if arm.path is None:
        guide.say(f"The motors hold it; name it with --{arm.block}.id to have it in a file, too.")
    else:
        guide.line(f"The motors hold it, and {arm.path}")
