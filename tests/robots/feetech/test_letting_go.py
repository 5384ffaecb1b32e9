"""Torque comes on only with a deadman that is ready; what is not known to be off it lets go."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import pytest
from virtual_arms import Running, plug_in, unplug
from waiting import until

from configs.events import tell_nobody
from configs.robot import SO101Config
from robots import isolated
from robots.base import RobotError, ServoFault
from robots.feetech import servos
from robots.feetech.servos import Servos
from robots.safety import deadman
from robots.safety.held import held
from robots.so100 import SO100Robot


@pytest.fixture
def arm(chain: Running) -> Running:
    chain.arm.set(power_cycle=True)
    return chain


def torques(arm: Running) -> set[int]:
    return {motor["torque_enable"] for motor in arm.arm.report()["motors"].values()}


def opened(arm: Running) -> Servos:
    made = Servos(SO101Config(port=arm.port), 2.0, tell_nobody, silence_s=60)
    made.open()
    return made


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["sleep", "60"], "it is not ready after 0.5 s"),
        (["false"], "status 1"),
        (["/nonexistent/python"], "No such file or directory: '/nonexistent/python'"),
        ([sys.executable, "-c", "raise MemoryError('no memory')"], "MemoryError: no memory"),
    ],
)
def test_a_deadman_that_does_not_come_up_is_reported_and_there_is_no_torque(
    arm: Running, monkeypatch: pytest.MonkeyPatch, command: list[str], why: str
) -> None:
    monkeypatch.setattr(isolated, "command", lambda *_: command)
    monkeypatch.setattr(deadman, "_START_S", 0.5 if command[0] == "sleep" else 30.0)
    made = opened(arm)
    try:
        with pytest.raises(RobotError, match="does not start") as caught:
            made.engage()
    finally:
        made.close()
    assert why in str(caught.value)
    assert "the arm stays without torque" in str(caught.value)
    assert torques(arm) == {0}


def test_without_file_descriptors_there_is_no_torque(
    arm: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Any:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(deadman.socket, "socketpair", none)
    made = opened(arm)
    try:
        with pytest.raises(RobotError, match=r"does not start \(.*Too many open files\)"):
            made.engage()
    finally:
        made.close()
    assert torques(arm) == {0}


def test_a_deadman_that_dies_before_torque_comes_on_has_another_take_its_place(
    arm: Running,
) -> None:
    made = opened(arm)
    first = process(made)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: gone(made))
    made.engage()
    try:
        assert process(made) not in (None, first)
        made.beat()
        assert torques(arm) == {1}
    finally:
        made.release()
        made.close()
    assert torques(arm) == {0}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_what_was_not_released_to_its_end_the_deadman_lets_go(
    arm: Running, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """It is told that all is done only once the motors have said so."""

    def interrupted(*_: object) -> None:
        raise error

    made = opened(arm)
    made.engage()
    monkeypatch.setattr(servos, "release", interrupted)
    with pytest.raises(error):
        made.release()
    assert torques(arm) == {1}
    made.close()
    assert torques(arm) == {0}


def test_a_port_that_is_gone_at_the_end_is_looked_for_after_the_end(arm: Running) -> None:
    made = opened(arm)
    made.engage()
    unplug(arm)
    with pytest.raises(ServoFault, match=r"may still have torque.*There is no port"):
        made.release()
    made.close()  # which does not wait for the port
    plug_in(arm)
    until(lambda: torques(arm) == {0})


def test_an_arm_is_held_while_its_program_does_something_long(arm: Running) -> None:
    reported: list[str] = []
    safety = {"watchdog_s": 2.0, "let_down_s": 3.0}
    made = SO100Robot(
        SO101Config(port=arm.port, safety=safety, rest_pose=None),
        30,
        lambda name, **_: reported.append(name),
    )
    with made.held():
        assert torques(arm) == {0}  # it is not entered
    with made:
        with made.held():
            time.sleep(4.0)
        made.command(made.read().joints)
        assert torques(arm) == {1}
    assert "watchdog_let_down" not in reported
    assert torques(arm) == {0}


def test_holding_ends_with_its_block_with_an_error_and_with_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[float] = []
    with held(lambda: calls.append(0), 0.001):
        until(lambda: len(calls) > 3)
    count = len(calls)
    time.sleep(0.05)
    assert len(calls) == count

    def lost() -> None:
        calls.append(1)
        raise RobotError("lost")

    with held(lost, 0.001):
        until(lambda: 1 in calls)
        time.sleep(0.05)
    assert calls.count(1) == 1
    monkeypatch.setattr("robots.safety.held.AT_MOST_S", 0.0)
    with held(lambda: calls.append(2), 0.001):
        time.sleep(0.05)
    assert calls.count(2) == 0


def process(made: Servos) -> int | None:
    watcher = made._deadman._process
    return None if watcher is None or watcher._popen is None else watcher._popen.pid


def gone(made: Servos) -> bool:
    watcher = made._deadman._process
    assert watcher is not None
    with suppress(OSError):
        watcher.hear()
    return watcher.gone
