"""A program that draws may forget to close what draws, and is told where it would hang."""

from __future__ import annotations

import subprocess
import sys

import pytest

DRAWS = """
import os
from configs.robot import SO101SimConfig, SimCameraConfig
from robots.base import RenderError
from robots.twin.robot import SimRobot

def drawn():
    robot = SimRobot(SO101SimConfig(cameras={"front": SimCameraConfig()}), fps=10).__enter__()
    robot.read()
    return robot

try:
    robot = drawn()
except RenderError as error:
    print("none:", error)
    raise SystemExit(0)
"""
FORKS = """
if os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
try:
    drawn()
except RenderError as error:
    print(error, flush=True)
os._exit(0)  # as multiprocessing ends its own
"""


@pytest.mark.parametrize(("more", "printed"), [("", ""), (FORKS, "Cannot draw the twin: this pro")])
def test_nothing_is_left_to_complain_of_at_the_end(more: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRAWS + more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.stdout.startswith("none: "):
        pytest.skip(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(printed)
    assert len(done.stdout.splitlines()) == bool(more)
