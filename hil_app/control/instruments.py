"""What an operator who moves an arm by hand wants to see of it, live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from configs.manual import MOTIONS
from hil_app.control.loop import Loop
from processors.base import Transition
from robots.base import F32, RobotSpec
from robots.kinematics import Kinematics

_SIGNS = {"deg": "°"}  # of units, in a table
NEWEST = 60  # ticks that a time of the tick is the median of


class Instruments:
    """Joints, gripper frame, motors and the time of each step of a ``loop``, as they are now.

    Kinematics are its own: the view that asks lives in another thread than the loop.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop, self._spec = loop, loop.robot.spec
        self._kinematics = None if self._spec.arm is None else Kinematics(self._spec.arm)

    def __call__(self, roomy: bool = True) -> RenderableType:
        """What there is to see, where it is ``roomy`` each step, too; nothing before a tick."""
        newest = self._loop.newest
        if newest is None:
            return ""
        robot: list[RenderableType] = [_joints(newest, self._spec)]
        if self._kinematics is not None:
            tip = self._kinematics.tip(newest.reading.joints)
            robot += [Text(), _gripper_frame(newest, tip)]
        side_by_side = Table.grid(padding=(0, 4))
        side_by_side.add_row(Group(*robot), _times(self._loop, roomy))
        return Group(Text(), side_by_side)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, justify="left" if table.columns == [] else "right")
    return table


def _joints(newest: Transition, spec: RobotSpec) -> Table:
    reading, n = newest.reading, len(spec.names)
    table = _table("joint", "is", "is to be", "load", "heat")
    loads, heat = _each(reading.loads, "{:+.0f} %", n), _each(reading.temperatures, "{:.0f} °C", n)
    for index, (name, unit) in enumerate(zip(spec.names, spec.units, strict=True)):
        unit = _SIGNS.get(unit, unit)
        where = (f"{joints[index]:.1f} {unit}" for joints in (reading.joints, newest.sent))
        table.add_row(name, *where, loads[index], heat[index])
    return table


def _each(values: F32 | None, form: str, count: int) -> list[str]:
    """A number for each joint; dashes for a robot that does not sense it."""
    return ["–"] * count if values is None else [form.format(value) for value in values]


def _gripper_frame(newest: Transition, tip: F32) -> Table:
    """Where the gripper is, where it is to be, and what the operator does to it."""
    command = newest.command
    *moves, _ = command.action.tolist()
    table = _table("gripper, mm", *MOTIONS[: len(moves)])
    table.add_row("is", *(f"{1000 * value:.1f}" for value in tip))
    turned = [] if command.goal.pitch is None else [f"{command.goal.pitch:.1f} °"]
    table.add_row("is to be", *(f"{1000 * value:.1f}" for value in command.goal.tip), *turned)
    table.add_row("action", *(f"{value:+.2f}" for value in moves))
    return table


def _times(loop: Loop, steps: bool) -> Table:
    table = _table("step", "ms")
    for name, seconds in _sections(loop, steps):
        table.add_row(name, f"{1000 * seconds:.2f}")
    return table


def _sections(loop: Loop, steps: bool) -> Iterator[tuple[str, float]]:
    """The parts of the tick in their order, and the ``steps`` within the pipelines [s]."""
    pipelines: Mapping[str, Mapping[str, float]] = {
        "action steps": loop.action_pipeline.seconds,
        "env steps": loop.env_pipeline.seconds,
    }
    for name, samples in loop.watch.sections.copy().items():
        within = pipelines.get(name, {}) if steps else {}
        yield name, float(np.median(list(samples.copy())[-NEWEST:]))
        for step, seconds in within.items():
            yield f"  {step}", seconds
