"""Guided commands whose port is not there when they first look: who is at a terminal mends that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from guided import guided
from serial.tools.list_ports import comports
from virtual_arms import Running

from robots.virtual.fault_settings import FaultSettings

COMMANDS = {
    "setup-motors": (("--port={port}",), "All six motors answer"),
    "calibrate": (("--robot.type=so101", "--robot.port={port}"), "The motors are limp"),
    "find-limits": (("--robot.type=so101", "--robot.port={port}"), "The motors are limp"),
    "find-port": (("--also={port}*",), "--teleop.port={port}"),
}


@pytest.fixture
def arm(chain: Running) -> Running:
    chain.arm.set(**FaultSettings().model_dump(mode="json"))
    return chain


@pytest.mark.parametrize("command", COMMANDS)
def test_a_port_that_comes_late_is_waited_for_and_one_that_never_comes_ends_nothing_else(
    arm: Running, tmp_path: Path, command: str
) -> None:
    if command == "find-port" and any(item.vid is not None for item in comports()):
        pytest.skip("a USB serial port may be an arm's")
    port = tmp_path / "arm"
    arguments, then = COMMANDS[command]
    named = [each.format(port=port) for each in arguments]
    with guided(command, *named, terminal=True) as operator:
        for again in (True, False):
            operator.until("No USB serial port found" if command == "find-port" else "no port")
            operator.until("Fix that, and press Enter to try again.")
            assert operator.process.poll() is None
            if again:
                operator.enter()
        os.symlink(arm.port, port)
        operator.enter()
        operator.until(then.format(port=port))
    assert "Traceback" not in operator.text
