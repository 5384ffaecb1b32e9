"""A virtual arm in a process of its own, as users start it, for the tests of what talks to one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robots.virtual.client import VirtualArm


@dataclass(frozen=True)
class Running:
    """A virtual arm that runs."""

    port: str  # a link, which stays the same while the port vanishes and comes back
    arm: VirtualArm  # connected
    ready: str  # the line that it printed when it was ready
    process: subprocess.Popen[str]


def unplug(running: Running) -> None:
    """Pull the cable: the port is gone."""
    running.arm.set(gone_s=600)
    while os.path.exists(running.port):
        time.sleep(0.02)


def plug_in(running: Running) -> None:
    """Plug it in again: the port is back."""
    running.arm.set(gone_s=0)
    while not os.path.exists(running.port):
        time.sleep(0.02)


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
        process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
