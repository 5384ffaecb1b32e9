"""The steps of a set-up: each is a command's own, and knows whether it is done."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hil_app.cli.arm.guide import Guide
from hil_app.cli.setup import arms, cameras
from hil_app.cli.setup.draft import Draft


@dataclass(frozen=True)
class SetupStep:
    """One step: ``state`` is what it came to, None before that; ``do`` is whether it was done.

    One that is ``optional`` can be left for later.
    """

    name: str
    purpose: str
    state: Callable[[Draft], str | None]
    do: Callable[[Guide, Draft], bool]
    optional: bool = False


def steps_of(draft: Draft, also: Sequence[str]) -> list[SetupStep]:
    """The steps for a draft's arm, and its leader if it has one; ``also`` is to be looked at, too.

    It names ports, by patterns, and cameras.
    """
    ports = [one for one in also if any(Path(path).is_char_device() for path in glob.glob(one))]
    sources = [one for one in also if one not in ports]
    found = _of_arm("robot", ports)
    if draft.leader:
        found += _of_arm("teleop", ports)
    look = partial(cameras.choose, also=sources)
    found.append(SetupStep("cameras", "what the policy sees", cameras.state, look, optional=True))
    space = "the space that the gripper may use"
    found.append(SetupStep("limits", space, arms.box, arms.measure, optional=True))
    return found


def _of_arm(block: str, ports: Sequence[str]) -> list[SetupStep]:
    """Port, motors and calibration of the arm in a ``block`` of the configuration."""
    prefix, whose = ("leader-", "the leader's") if block == "teleop" else ("", "the arm's")
    steps = (
        ("port", f"{whose} serial port", arms.port, partial(arms.find, ports=ports)),
        ("motors", f"{whose} six motors, with an ID each", arms.motors, arms.set_up),
        ("calibrate", f"where {whose} joints are", arms.calibration, arms.calibrate),
    )
    return [
        SetupStep(prefix + name, purpose, partial(state, block=block), partial(do, block=block))
        for name, purpose, state, do in steps
    ]
