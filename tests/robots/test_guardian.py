"""What becomes of the arm when the program that moves it is no more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from virtual_arms import Running, virtual_arm

PROGRAM = """
import sys, time
from configs.robot import SO101Config
from robots.base import tell_nobody
from robots.so100 import SO100Robot
with SO100Robot(SO101Config(port=sys.argv[1], **eval(sys.argv[2])), 30, tell_nobody) as arm:
    arm.command(arm.read().joints)
    print("holds", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def torques(servos: Running) -> set[int]:
    return {motor["torque_enable"] for motor in servos.arm.report()["motors"].values()}


def start(servos: Running, options: str, seconds: float) -> subprocess.Popen[str]:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, servos.port, options, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "holds\n"
    return program


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_the_arm_of_a_program_that_dies_is_let_down(number: signal.Signals) -> None:
    with virtual_arm() as servos:
        program = start(servos, "{}", 60)
        assert torques(servos) == {1}
        os.kill(program.pid, number)
        until(lambda: torques(servos) == {0})
        _, errors = program.communicate(timeout=15)  # ends when the guardian has, too
        assert f"hil-app has died: the arm on {servos.port} is let down" in errors
        assert servos.arm.report()["violations"] == []


def test_a_program_that_ends_well_leaves_no_guardian_and_no_word() -> None:
    with virtual_arm() as servos:
        program = start(servos, "{}", 0)
        _, errors = program.communicate(timeout=30)
        assert (program.returncode, errors) == (0, "")
        assert torques(servos) == {0}


def test_torque_that_is_to_stay_on_stays_on() -> None:
    with virtual_arm() as servos:
        program = start(servos, "{'disable_torque_on_disconnect': False}", 60)
        os.kill(program.pid, signal.SIGKILL)
        program.communicate(timeout=15)
        time.sleep(0.5)
        assert torques(servos) == {1}
