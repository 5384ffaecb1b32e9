"""``hil-app setup``: one guided way from a boxed arm to a saved configuration."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from configs.options.parser import Parser
from configs.robot import ROBOTS
from configs.teleop import TELEOPS
from configs.text.paths import expanded, expanded_text, option, typed
from hil_app.cli import doctor
from hil_app.cli.arm.guide import Guide, InputEnded
from hil_app.cli.arm.page_guide import new_guide
from hil_app.cli.setup.draft import LEADERS, Draft
from hil_app.cli.setup.steps import SetupStep, steps_of
from robots.base import RobotError

DESCRIPTION = """\
Set an arm up, from the box to a configuration that every command takes by --config_path: find its
port, give its motors their IDs, calibrate it, name the cameras, measure the space that the gripper
may use, and have all of it looked at by `hil-app doctor`.

Ctrl-C is safe at any time: what is done stays, and the same command goes on from there. It shows
what is done, and does again what you name.

examples:
  hil-app setup
  hil-app setup left_arm.yaml --robot.type=so100 --teleop.type=so101_leader
"""
_ARMS = ("so101", "so100")
_TELEOPS = ("gamepad", "keyboard", "page", *LEADERS)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if something is left to do, or has a problem."""
    options, guide = _options(argv), new_guide()
    draft = Draft(options.file)
    try:
        return _guided(guide, draft, options)
    except (KeyboardInterrupt, RobotError):
        if draft.begun:
            guide.say("", "What is done is kept. Go on with:")
            guide.line(f"  {_command(options)}")
        raise


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("hil-app setup", DESCRIPTION, "[FILE] [options]")
    add = parser.add_argument
    add(
        "file",
        nargs="?",
        metavar="FILE",
        type=expanded,
        default=Path("my_arm.yaml"),
        help="the configuration, new or begun; the arm is called as it is (default: my_arm.yaml)",
    )
    for block, kinds, registry, what in (
        ("robot", _ARMS, ROBOTS, "which arm a new file is of"),
        ("teleop", _TELEOPS, TELEOPS, "what takes over in it"),
    ):
        spelled = registry.spelled
        add(f"--{block}.type", type=spelled, metavar="|".join(kinds), choices=kinds, help=what)
    add(
        "--also",
        type=expanded_text,
        action="append",
        default=[],
        metavar="GLOB|URL|FILE",
        help="look at this, too: the link of a virtual arm, the address of a camera",
    )
    return parser.parse_args(list(argv))


def _command(options: argparse.Namespace) -> str:
    """The command that goes on."""
    also = [option("also", one) for one in options.also]
    return " ".join(["hil-app setup", typed(options.file), *also])


def _guided(guide: Guide, draft: Draft, options: argparse.Namespace) -> int:
    new = not draft.begun
    if new:
        _begin(guide, draft, options)
    draft.check()
    steps = steps_of(draft, options.also)
    again = set() if new else _overview(guide, draft, steps)
    for number, step in enumerate(steps, 1):
        if step.name not in again and step.state(draft) is not None:
            continue
        guide.head(f"{number}/{len(steps)} {step.name}: {step.purpose}")
        if not _done(guide, draft, step, asked=step.name in again):
            guide.line(f"Go on with {_command(options)}")
            return 1
    return _finish(guide, draft)


def _begin(guide: Guide, draft: Draft, options: argparse.Namespace) -> None:
    """Ask what is to be known before all steps, and write it."""
    arm = getattr(options, "robot.type") or guide.choose("Which arm is it?", _ARMS)
    teleop = getattr(options, "teleop.type") or guide.choose(
        "What do you take over with?", _TELEOPS
    )
    draft.begin(arm, teleop)
    guide.line(f"What you say and do is kept in {draft.path}")


def _overview(guide: Guide, draft: Draft, steps: Sequence[SetupStep]) -> set[str]:
    """Show what is done; returns the steps that are to be done again."""
    table = Table("step", "", "")
    table.columns[2].overflow = "fold"
    states = {step.name: step.state(draft) for step in steps}
    for step in steps:
        found = states[step.name]
        mark = Text("-") if found is None else Text("✓", "green")
        table.add_row(step.name, mark, Text(step.purpose if found is None else found))
    guide.say(table)
    left = next((name for name, found in states.items() if found is None), "the doctor's look")
    while True:
        question = f"Press Enter to go on with {left}, or type a step to do it again."
        names = set(guide.ask(question, [*states]).split())
        if not (unknown := names - states.keys()):
            return names
        guide.problem(f"There is no step {', '.join(sorted(unknown))}.")


def _done(guide: Guide, draft: Draft, step: SetupStep, *, asked: bool) -> bool:
    """Do a step; whether to go on. An optional one that nobody asked for can be left for later."""
    if not step.optional:
        return step.do(guide, draft)
    if not asked and not guide.agrees("Do this now (n: later)?"):
        return True
    try:
        step.do(guide, draft)
    except InputEnded:
        raise
    except RobotError as error:
        guide.problem(f"{error} It is left for later.")
    return True


def _finish(guide: Guide, draft: Draft) -> int:
    """Have the doctor look at it, and say what is next."""
    guide.head("doctor: whether all of it is ready")
    status = doctor.run(["--config_path", str(draft.path)])
    mended = "M" if not status else "Once that is mended, m"
    guide.say("", f"The configuration is saved. {mended}ove the arm with it:")
    guide.line(f"  hil-app teleoperate {option('config_path', draft.path)}")
    return status
