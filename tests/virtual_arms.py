"""A virtual arm in a process of its own, as users start it, for the tests of what talks to one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from waiting import PATIENCE_S, until

from robots.arm import ARMS
from robots.base import JOINTS
from robots.virtual.client import VirtualArm
from robots.virtual.mount import Mount

_NEAR = 5  # [step], half a degree


@dataclass(frozen=True)
class Running:
    """A virtual arm that runs."""

    port: str  # a link, which stays the same while the port vanishes and comes back
    arm: VirtualArm  # connected
    ready: str  # the line that it printed when it was ready
    process: subprocess.Popen[str]


def torques(running: Running) -> set[int]:
    """Whether there is torque, of all motors."""
    return {motor["torque_enable"] for motor in running.arm.report()["motors"].values()}


def take_to(running: Running, pose: Mapping[str, float]) -> None:
    """A hand takes joints of the limp arm to their values in ``pose`` [deg, %], and lets go."""
    mount = Mount(ARMS[running.arm.arm])
    homing = [motor["Homing_Offset"] for motor in mount.calibrated().values()]
    there = mount.shaft(np.array([pose.get(name, 0.0) for name in JOINTS])) - homing  # (6,) [step]

    def arrived() -> bool:
        motors = running.arm.report()["motors"]
        now = np.array([motors[name]["present"] for name in JOINTS])
        return bool(np.abs(now - there)[[name in pose for name in JOINTS]].max() < _NEAR)

    running.arm.hand(pose)
    until(arrived)
    running.arm.hand(None)


def unplug(running: Running) -> None:
    """Pull the cable: the port is gone."""
    running.arm.set(gone_s=600)
    until(lambda: not os.path.exists(running.port))


def plug_in(running: Running) -> None:
    """Plug it in again: the port is back."""
    running.arm.set(gone_s=0)
    until(lambda: os.path.exists(running.port))


@contextmanager
def virtual_arm(*options: str) -> Iterator[Running]:
    """``hil-app virtual-arm --link PORT`` with ``options``; without --world there is no world."""
    world = () if any(option.startswith("--world") for option in options) else ("--world=none",)
    with tempfile.TemporaryDirectory() as folder:
        links = [option.removeprefix("--link=") for option in options if "--link=" in option]
        port = links[0] if links else str(Path(folder) / "arm")
        command = [sys.executable, "-m", "hil_app", "virtual-arm", f"--link={port}"]
        process = subprocess.Popen(
            [*command, *world, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            yield from _while_running(process, port)
        finally:
            _end(process)


def _while_running(process: subprocess.Popen[str], port: str) -> Iterator[Running]:
    assert process.stdout is not None
    assert process.stderr is not None
    ready = process.stdout.readline()
    assert ready, process.stderr.read()
    arm = VirtualArm.behind(port)
    assert arm is not None
    with arm:
        yield Running(port, arm, ready, process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    try:
        process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
