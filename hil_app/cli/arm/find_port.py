"""``hil-app find-port``: which serial port is the arm's."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table
from serial.tools.list_ports import comports

from configs.options.parser import Parser
from configs.text.paths import expanded_text, option, same_device
from configs.text.reading import shown
from hil_app.cli.arm.guide import Guide
from hil_app.cli.arm.page_guide import new_guide
from robots.base import NotConnected, RobotError, Uncalibrated
from robots.feetech import calibration
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS

DESCRIPTION = """\
Find the serial port of an arm, and print the option that names it to the other commands.

Every USB serial port is asked which motors answer there; this moves nothing, but other devices
that hang on a serial port may restart. If that does not settle it, you unplug the arm, and the
port that vanishes is the arm's. To tell a leader from a follower, look at the supply voltage, or
plug in one at a time.
"""
_BY_ID = Path("/dev/serial/by-id")  # where Linux has names that stay
_PATIENCE_S = 2.0  # for a port to vanish

Ports = Callable[[], dict[str, str]]  # what each port's device says that it is


@dataclass(frozen=True)
class _Seen:
    """What there is on a port."""

    text: str
    arm: bool = False
    next: str = ""  # what to do about motors that are there, but are no arm yet
    problem: str | None = None  # why nobody could look


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app find-port", DESCRIPTION)
    parser.add_argument(
        "--also",
        type=expanded_text,
        action="append",
        default=[],
        metavar="GLOB",
        help="look at these, too, such as the link of a virtual arm: '/tmp/arm*'",
    )
    options = parser.parse_args(list(argv))
    guide = new_guide()
    port, advice = find(guide, options.also)
    if advice:
        guide.say(advice)
        guide.line(f"  hil-app setup-motors {option('port', port)}")
    else:
        _tell(guide, port)
    return 0


def find(guide: Guide, also: Sequence[str], other: str | None = None) -> tuple[str, str]:
    """The arm's port, which is not that of the ``other`` arm, if one is named.

    And what to do if its motors are no arm yet. ``also`` are patterns of further ports to look at.
    Raises NotConnected where nobody is at a terminal to plug it in.
    """

    def ports() -> dict[str, str]:
        there = _ports(also)
        return {
            port: name
            for port, name in there.items()
            if other is None or not same_device(port, other)
        }

    return guide.reach(lambda: _find(guide, ports))


def _find(guide: Guide, ports: Ports) -> tuple[str, str]:
    """The arm's port, and what to do if its motors are no arm yet; raises NotConnected."""
    there = ports()
    if not there:
        raise NotConnected(_none_found())
    seen = {}
    for port in there:
        with guide.busy(f"asking {port} ..."):
            seen[port] = _look(port)
    guide.say(_table(there, seen))
    arms = [port for port, one in seen.items() if one.arm]
    if len(arms) == 1:
        return arms[0], ""
    incomplete = [(port, one.next) for port, one in seen.items() if one.next]
    if not arms and len(incomplete) == 1:
        return incomplete[0]
    problems = [one.problem for one in seen.values() if one.problem]
    if len(problems) == len(seen):
        raise NotConnected(" ".join(dict.fromkeys(problems)))
    if arms:
        guide.say(f"There are {len(arms)} arms: unplug one, to tell it from the others.")
    else:
        guide.say(
            "No arm answers; is its power on, and is a motor on the board? Its port can be found "
            "all the same:"
        )
    return _vanished(guide, ports), ""


def _ports(also: Sequence[str]) -> dict[str, str]:
    """The USB serial ports and what ``also`` names, each device once, and what it says it is."""
    usb = {item.device: shown(item.description) for item in comports() if item.vid is not None}
    named = [path for pattern in also for path in sorted(glob.glob(pattern))]
    found = usb | {path: "" for path in named if path not in usb and Path(path).is_char_device()}
    names = {os.path.realpath(path): path for path in reversed(found)}  # the first of each device
    return {path: found[path] for path in found if path in names.values()}


def _none_found() -> str:
    driver = ""
    if sys.platform == "linux":
        driver = ", and look at the end of `sudo dmesg` after plugging it in"
    return (
        "No USB serial port found: plug the arm's board in, with a cable that has data lines (many "
        f"only charge){driver}; --also names ports that are not USB's."
    )


def _look(port: str) -> _Seen:
    """Which motors answer on ``port``."""
    try:
        with FeetechBus(port, MOTORS) as bus:
            found = bus.scan()
            ids = {*found, *bus.duplicates}
            if bus.duplicates:
                return _Seen(
                    f"several motors have ID {min(bus.duplicates)}",
                    next=f"The motors on {port} are as they come out of the box. Give them their "
                    "IDs, one at a time:",
                )
            if not ids:
                return _Seen("no motor answers")
            volts = f"{bus.read('Present_Voltage', min(ids)) / 10:.1f} V"
            if not ids >= set(MOTORS.values()):
                names = ", ".join(map(str, sorted(ids)))
                return _Seen(
                    f"motors with the IDs {names}, {volts}; an SO arm has 1 to 6",
                    next=f"Motors answer on {port}, but not the six of an SO arm: see that they "
                    "are all connected. New ones are given their IDs one at a time:",
                )
            return _Seen(f"an SO arm: six motors, {_calibrated(bus)}, {volts}", arm=True)
    except NotConnected as error:
        return _Seen(str(error), problem=str(error))
    except RobotError as error:
        return _Seen(str(error))


def _calibrated(bus: FeetechBus) -> str:
    try:
        calibration.check_motors(calibration.of_motors(bus, MOTORS))
    except Uncalibrated:
        return "not calibrated"
    return "calibrated"


def _table(there: Mapping[str, str], seen: Mapping[str, _Seen]) -> Table:
    table = Table("port", "what answers")
    table.columns[0].overflow = "fold"
    for port, one in seen.items():
        device = f" ({there[port]})" if there[port] else ""
        table.add_row(escape(f"{port}{device}"), escape(one.text))
    return table


def _vanished(guide: Guide, ports: Ports) -> str:
    """The port that vanishes when the operator unplugs the arm."""
    while True:
        before = ports()
        guide.ask("Unplug the arm's USB cable, leave the others, and press Enter.")
        gone = _gone(before, ports)
        if len(gone) == 1:
            guide.say("Found it: you can plug it in again.")
            return gone.pop()
        if gone:
            guide.problem(f"Several ports vanished: {', '.join(sorted(gone))}.")
        else:
            guide.problem("No port vanished: pull the plug at the arm, or at the computer.")
        guide.ask("Plug it in again, and press Enter.")


def _gone(before: Mapping[str, str], ports: Ports) -> set[str]:
    """The ports that are not there any more."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (gone := before.keys() - ports().keys()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return gone


def _tell(guide: Guide, port: str) -> None:
    guide.say(f"The arm is on {port}. Options that name it, to the arm that moves or as a leader:")
    guide.line(f"  {option('robot.port', port)}")
    guide.line(f"  {option('teleop.port', port)}")
    if name := lasting_name(port):
        guide.say("A longer name, which stays the same when others are plugged in:")
        guide.line(f"  {option('robot.port', name)}")


def lasting_name(port: str, folder: Path = _BY_ID) -> Path | None:
    """The name of a port that depends on its device alone, if the system gives it one."""
    target = Path(port).resolve()
    names = sorted(folder.glob("*")) if folder.is_dir() else []
    return next((name for name in names if name.resolve() == target), None)
