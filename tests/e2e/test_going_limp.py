"""Guided commands let a holding arm go: all motors at once, whatever one of them does."""

from __future__ import annotations

from pathlib import Path

import pytest
from guided import guided
from virtual_arms import Running, virtual_arm

from robots.base import JOINTS
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS


def torques(arm: Running) -> dict[str, int]:
    return {name: one["torque_enable"] for name, one in arm.arm.report()["motors"].items()}


@pytest.mark.parametrize("command", ["calibrate", "find-limits"])
def test_a_motor_that_falls_silent_keeps_no_other_one_from_going_limp(
    tmp_path: Path, command: str
) -> None:
    with virtual_arm() as arm:
        with FeetechBus(arm.port, MOTORS) as bus:
            for name in JOINTS:
                bus.write("Torque_Enable", name, 1)
        options = ["--robot.type=so101", f"--robot.port={arm.port}"]
        with guided(command, *options, f"--robot.calibration_dir={tmp_path}") as operator:
            operator.until("Hold the arm, it will go limp and fall")
            arm.arm.set(missing=["shoulder_pan"])
            operator.enter()
            operator.until("shoulder_pan may still have torque: switch off the arm's power")
            assert torques(arm) == dict.fromkeys(JOINTS, 0) | {"shoulder_pan": 1}
