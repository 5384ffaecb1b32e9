"""Guided commands whose port is not there when they first look: who is at a terminal mends that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from guided import guided
from serial.tools.list_ports import comports
from virtual_arms import Running

from robots.virtual.fault_settings import Knobs

COMMANDS = {
    "setup-motors": (("--port={port}",), "All six motors answer"),
    "calibrate": (("--robot.type=so101", "--robot.port={port}"), "The motors are limp"),
    "find-limits": (("--robot.type=so101", "--robot.port={port}"), "The motors are limp"),
    "find-port": (("--also={port}*",), "--teleop.port={port}"),
}


@pytest.fixture
def arm(chain: Running) -> Running:
    chain.arm.set(**Knobs().model_dump(mode="json"))
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
    with guided(command, *named, terminal=True) as person:
        for again in (True, False):
            person.until("No USB serial port found" if command == "find-port" else "no port")
            person.until("Mend that, and press Enter to try again.")
            assert person.process.poll() is None
            if again:
                person.enter()
        os.symlink(arm.port, port)
        person.enter()
        person.until(then.format(port=port))
    assert "Traceback" not in person.text
