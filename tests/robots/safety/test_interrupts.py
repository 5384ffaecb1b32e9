"""Ctrl-C at any moment while an arm gets its torque, or is let go."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any

import pytest
from virtual_arms import Running, torques
from waiting import until

from configs.events import tell_nobody
from configs.robot import SO101Config
from robots.so100 import SO100Robot

WHERE = (
    "robots/so100.py",
    "robots/safety/undisturbed.py",
    "robots/feetech/servos.py",
    "contextlib.py",
)
SAFETY = {"watchdog_s": 0.2, "let_down_s": 0.5, "deadman_s": 1.0, "patience_s": 2.0}


@contextmanager
def interrupted(line: int) -> Iterator[list[str]]:
    """SIGINT comes as the line of that number, of those that run meanwhile, is about to."""
    seen: list[str] = []

    def trace(frame: FrameType, event: str, arg: object) -> Any:  # noqa: ARG001
        if not frame.f_code.co_filename.endswith(WHERE):
            return None
        if event == "line":
            seen.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
            if len(seen) == line:
                signal.raise_signal(signal.SIGINT)
        return trace

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.settrace(trace)
    try:
        yield seen
    finally:
        sys.settrace(None)
        signal.signal(signal.SIGINT, before)


def entered_and_left(servos: Running, line: int) -> list[str]:
    """The lines that ran until the interrupt ended it; the arm must be without torque soon."""
    arm = SO100Robot(SO101Config(port=servos.port, safety=SAFETY, rest_pose=None), 30, tell_nobody)
    lines: list[str] = []
    try:
        with interrupted(line) as lines, arm:
            arm.command(arm.read().joints)
    except KeyboardInterrupt:
        pass
    until(lambda: torques(servos) == {0}, why=f"torque stays on after an interrupt at {lines[-1]}")
    arm._open = None
    for watchdog in (arm._watchdog, arm._last_resort):
        watchdog.__exit__()
    arm._servos.close()
    return lines


@pytest.mark.parametrize("number", range(6))
def test_an_interrupt_at_any_moment_leaves_no_torque_on(chain: Running, number: int) -> None:
    lines = entered_and_left(chain, 0)
    begins = lines.index("undisturbed.py:30")  # just before there is torque
    entered_and_left(chain, Random(number).randrange(begins, len(lines)))
