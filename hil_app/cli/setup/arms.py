"""Steps of a set-up for an arm in a ``block`` of the configuration: robot, or teleop for a leader.

What a step came to is read from the configuration, the calibration's file and the motors.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from hil_app.cli.arm import calibrate as calibrating
from hil_app.cli.arm import find_limits, find_port, setup_motors
from hil_app.cli.arm.guide import Guide
from hil_app.cli.arm.options import ChosenArm
from hil_app.cli.setup.draft import Draft
from robots.base import NotConnected, RobotError
from robots.feetech import calibration as files
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS

_BLOCKS = {"robot": "teleop", "teleop": "robot"}  # and that of the other arm


def port(draft: Draft, block: str) -> str | None:
    """The serial port."""
    found = draft.at(block, "port")
    if found is None or os.path.exists(found):
        return None if found is None else str(found)
    return f"{found}, not plugged in"


def find(guide: Guide, draft: Draft, block: str, ports: Sequence[str]) -> bool:
    """Find the serial port; a name that stays is kept, if it has one."""
    found, _ = find_port.find(guide, ports, other=draft.at(_BLOCKS[block], "port"))
    name = find_port.lasting_name(found) or found
    draft.put({(block, "port"): str(name)})
    guide.say(f"The arm is on {name}.")
    return True


def motors(draft: Draft, block: str) -> str | None:
    """That all motors answer, and are those of an arm."""
    if draft.at(block, "port") is None:
        return None
    try:
        amiss = setup_motors.amiss(draft.arm(block).port)
    except RobotError:
        return None
    return "all six answer" if amiss is None else None


def set_up(guide: Guide, draft: Draft, block: str) -> bool:
    """Give the motors their IDs, unless only a cable sits loose."""
    port = draft.arm(block).port
    while (amiss := guide.reach(lambda: setup_motors.amiss(port))) is not None:
        guide.problem(amiss)
        if guide.agrees("Are the motors new? Then each is given its ID (n: look again)."):
            setup_motors.set_up_all(guide, port)
    return True


def calibration(draft: Draft, block: str) -> str | None:
    """Where the calibration is, if the motors do not hold another one."""
    if draft.at(block, "port") is None:
        return None
    cfg = draft.arm(block)
    path = files.saved(cfg)
    try:
        found = None if path is None else files.load(path)
        with FeetechBus(cfg.port, MOTORS, cfg.baud_rate) as bus:
            held = files.of_motors(bus, MOTORS)
        files.check_motors(held)
    except NotConnected:  # what the file says has to do
        return None if path is None else str(path)
    except RobotError:
        return None
    if found is None:
        return "the motors hold it"
    return None if files.differences(found, held) else str(path)


def calibrate(guide: Guide, draft: Draft, block: str) -> bool:
    """Calibrate the arm by hand."""
    cfg = draft.arm(block)
    guide.say("For this the arm is to be assembled; Ctrl-C ends here, and nothing is lost.")
    return calibrating.calibrate(guide, ChosenArm(block, draft.at(block, "type"), cfg)) is not None


def box(draft: Draft) -> str | None:
    """The box that the gripper may use."""
    low, high = draft.at("processor", "bounds", "min"), draft.at("processor", "bounds", "max")
    return None if low is None or high is None else f"{low} to {high} m"


def measure(guide: Guide, draft: Draft) -> bool:
    """Measure the box and where episodes begin."""
    wanted = find_limits.Wanted(reset_pose=True)
    config = draft.config
    assert config.robot.follower is not None
    found = find_limits.measured(guide, config.robot.follower, config, wanted)
    if found is not None:
        draft.put(found)
    return found is not None
