"""``hil-app doctor``: whether this computer, the arm and the cameras are ready for a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial

from rich.console import Console
from rich.table import Table
from rich.text import Text

from configs.load import DEFAULT_PRESET, Parser, load
from configs.run import RunConfig
from hil_app.checks import gamepads, machine, software
from hil_app.checks.arm import arm
from hil_app.checks.cameras import PATIENCE_S, cameras
from hil_app.checks.finding import Check, Finding, Findings, examine, note, ok
from hil_app.checks.workspace import sight, workspace
from hil_app.cli.arm.config import arm_or, named
from hil_app.setup.told import on_the_page, tell
from robots.virtual.client import VirtualArm

DESCRIPTION = """\
Check everything that a run with this configuration needs: the software, the computer, the arm's
motors and its calibration, the cameras. A line says what is, and for every problem what to do.
Nothing moves, and nothing is written to the motors. Ends with status 1 if there is a problem.

examples:
  hil-app doctor --robot.type=so101 --robot.port=/dev/ttyACM0 --robot.id=my_arm
  hil-app doctor --config_path mine.yaml
"""
MAIN = (
    "robot.type",
    "robot.port",
    "robot.id",
    "robot.cameras",
    "teleop.type",
    "teleop.port",
    "env.fps",
    "learner.device",
    "output_dir",
)
_MARKS = {"ok": ("✓", "green"), "note": ("•", "yellow"), "problem": ("✗", "bold red")}
_WIDE = 10_000  # a finding is one line where nobody reads it on a terminal


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app doctor", DESCRIPTION)
    parser.add_config_word("robot.port", "PORT", "the arm's serial port")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    config, options = load(parser, argv, arm_or(DEFAULT_PRESET), named(DEFAULT_PRESET), MAIN)
    console = Console(
        highlight=False, width=None if sys.stdout.isatty() else _WIDE, quiet=options.json
    )
    found = list(_show(console, checks(config, whole=options.config_path is not None)))
    problems = sum(finding.mark == "problem" for _, finding in found)
    if options.json:
        rows = [{"topic": topic, **asdict(finding)} for topic, finding in found]
        print(json.dumps({"ok": not problems, "findings": rows}, indent=2))
    notes = sum(finding.mark == "note" for _, finding in found)
    console.print(f"\n{_summary(problems, notes)}", style="bold")
    return 1 if problems else 0


def checks(config: RunConfig, *, whole: bool = True) -> list[Check]:
    """Everything to look at for a run of ``config``, ``whole`` if it is for training."""
    found = [
        Check("software", software.python),
        Check("software", software.namesakes, 30.0),
        Check("software", software.packages, 120.0),
        Check("software", partial(software.torch, config.learner.device), 120.0),
        Check("software", partial(software.drawing, _draws(config)), 120.0),
        Check("computer", machine.load),
        Check("computer", machine.priority),
        Check("computer", partial(machine.memory, config)),
        Check("computer", partial(machine.disk, config), 30.0),
        Check("computer", machine.cache),
        Check("serial ports", machine.ports),
        Check("workspace", partial(workspace, config)),
        Check("policy", partial(sight, config, whole=whole)),
    ]
    period = 1.0 / config.env.fps
    follower = config.robot.follower
    if follower is not None:
        found.append(Check("arm", partial(arm, follower, period), 20.0))
        found.append(Check("cameras", partial(cameras, follower.cameras), PATIENCE_S))
    else:
        found.append(Check("arm", partial(_no_arm, config)))
    leader = None if config.teleop is None else config.teleop.leader
    if leader is not None:
        found.append(Check("leader", partial(arm, leader, period), 20.0))
    elif config.manual is not None:
        found.append(Check("teleop", partial(gamepads.teleop, config.manual), 30.0))
    else:
        found.append(Check("teleop", partial(_teleop, config)))
    device = config.manual
    needed = device is not None and not (device.in_window or device.in_browser)
    return [*found, Check("gamepad", partial(gamepads.gamepads, needed=needed), 30.0)]


def _draws(config: RunConfig) -> bool:
    """Whether the run needs images of the simulated world."""
    return config.robot.twin is not None and bool(config.robot.cameras)


def _no_arm(config: RunConfig) -> Findings:
    yield ok(
        f"no arm is configured: robot.type is {config.robot.type}; "
        "--robot.type=so101 --robot.port=PORT names one"
    )


def _teleop(config: RunConfig) -> Findings:
    """Who takes over, if that is neither a leader arm nor somebody at a device."""
    if config.teleop is None:
        yield ok("nobody takes over: teleop is null")
    elif config.teleop.has_operator:
        yield ok(f"the operator takes over with {config.teleop.type}")
    elif config.robot.bus is not None and not _has_world(config.robot.bus):
        yield note(
            "teleop.type is scripted, an operator who knows its way only in simulated worlds",
            "name a gamepad with --teleop.type=gamepad, a leader arm with "
            "--teleop.type=so101_leader, or nobody with --teleop=null --train.demonstrations=0",
        )
    else:
        yield ok(f"{config.teleop.type} takes over, and needs no operator")


def _has_world(port: str) -> bool:
    """Whether a virtual arm with a task is on ``port``."""
    world = VirtualArm.behind(port)
    if world is None:
        return False
    with world:
        return world.task != "none"


def _show(console: Console, wanted: Sequence[Check]) -> Iterator[tuple[str, Finding]]:
    """Run the checks and print what they find, as they do; a page that has asked is told."""
    topic = ""
    for check in wanted:
        with console.status(f"{check.topic} ..."):
            found = examine(check)
        if found and check.topic != topic:
            topic = check.topic
            if not on_the_page():
                console.print(f"\n{topic}", style="bold")
        for finding in found:
            if on_the_page():
                tell(finding={"topic": topic, **asdict(finding)})
            else:
                console.print(*_rows(finding))
            yield topic, finding


def _rows(finding: Finding) -> Iterator[Table]:
    """A finding, its mark before it, and its remedy under it."""
    mark, style = _MARKS[finding.mark]
    yield _row(Text(mark, style), Text(finding.fact))
    if finding.remedy:
        yield _row(Text("  →", style), Text(finding.remedy, "italic"))


def _row(mark: Text, text: Text) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_row(mark, text)
    return row


def _summary(problems: int, notes: int) -> str:
    aside = f" {notes} thing{'s' * (notes > 1)} worth knowing (•)." if notes else ""
    if not problems:
        return f"Ready.{aside}"
    return f"{problems} problem{'s' * (problems > 1)} (✗).{aside}"
