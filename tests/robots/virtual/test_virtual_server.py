"""The loop that serves a virtual arm, in a time of its own: only waiting takes any."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from math import inf
from typing import Any

import numpy as np
import pytest

from robots.arm import ARMS
from robots.feetech.registers import REGISTERS
from robots.virtual.mount import REST_POSE, Mount
from robots.virtual.server import PERIOD, Clock, Server
from robots.virtual.servos.chain import Chain
from robots.virtual.servos.motors import HAND_SPEED, FreeMotors
from robots.virtual.servos.packets import READ, WRITE, checksum

PING, PONG = bytes.fromhex("FF FF 01 02 01 FB"), bytes.fromhex("FF FF 01 02 00 FC")


class OwnTime(Clock):
    """Goes on by as long as it is waited for in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0
        self.end = inf  # of what is looked at now

    def now(self) -> float:
        return self.time

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None
            self.time = min(self.time + timeout, self.end)
        return ready


class Pair:
    """A port whose bytes arrive as they are sent; ``client`` is its other end."""

    link, speed = "", 1_000_000
    _numbers = count()

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.name = f"/dev/pair-{os.getpid()}-{next(self._numbers)}"
        self.client, self._end = socket.socketpair()
        self.client.setblocking(False)
        self._end.setblocking(False)
        self.master = self._end.fileno()

    def close(self) -> None:
        self.name = ""
        self.client.close()
        self._end.close()

    def read(self) -> bytes:
        return self._end.recv(4096)

    def write(self, content: bytes) -> None:
        self._end.send(content)


class Bench:
    """A virtual arm without a world, and who speaks to it."""

    def __init__(self) -> None:
        arm = ARMS["so101"]
        self.mount, self.time, self.port = Mount(arm), OwnTime(), Pair()
        pose = np.array(REST_POSE, np.float32)
        self.chain = Chain(self.mount.calibrated(), self.mount.shaft(pose).tolist())
        self.motors = FreeMotors(arm, self.mount, pose, PERIOD)
        self.server = Server(self.chain, self.motors, self.port, lambda: None, self.time)

    def send(self, content: bytes) -> None:
        self.port.client.send(content)

    def heard(self) -> bytes:
        with suppress(OSError):  # nothing is there, or nobody
            return self.port.client.recv(4096)
        return b""

    def live(self, seconds: float) -> bytes:
        """Let so much time pass; returns what was answered."""
        self.time.end = self.time.time + seconds
        self.server.run(lambda: self.time.time == self.time.end)
        self.time.end = inf
        return self.heard()

    def answer(self, content: bytes) -> tuple[bytes, float]:
        """What comes back, and after how long [s]."""
        began, back = self.time.time, bytearray()
        self.send(content)
        self.server.run(lambda: bool(back.extend(self.heard()) or back))
        return bytes(back), self.time.time - began

    def write(self, motor: int, register: str, value: int) -> None:
        place = REGISTERS[register]
        self.answer(packet(motor, WRITE, place.address, *value.to_bytes(place.size, "little")))

    def present(self, motor: int) -> int:
        place = REGISTERS["Present_Position"]
        answer, _ = self.answer(packet(motor, READ, place.address, place.size))
        return int.from_bytes(answer[5:7], "little")


def packet(motor: int, instruction: int, *parameters: int) -> bytes:
    robot = bytes((motor, len(parameters) + 2, instruction, *parameters))
    return b"\xff\xff" + robot + bytes((checksum(robot),))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.server.close()


def test_answers_come_at_once_or_after_the_latency(bench: Bench) -> None:
    assert bench.answer(PING) == (PONG, 0)
    bench.server.turn({"latency_ms": 20})
    for _ in range(3):
        assert bench.answer(PING) == (PONG, pytest.approx(0.02))
    bench.server.turn({"delay_next": 1, "delay_ms": 150})
    assert bench.answer(PING) == (PONG, pytest.approx(0.17))
    assert bench.answer(PING) == (PONG, pytest.approx(0.02))


def test_the_end_of_a_packet_is_waited_for_5_ms_and_no_longer(bench: Bench) -> None:
    bench.send(PING[:-2])
    assert bench.live(0.004) == b""
    bench.send(PING[-2:])
    assert bench.live(0.001) == PONG
    bench.send(PING[:-2])
    bench.live(0.004)
    assert bench.chain.violations.damaged == 0
    bench.live(0.002)
    assert bench.chain.violations.damaged > 0
    assert bench.answer(PING) == (PONG, 0)


def test_the_port_is_gone_for_as_long_as_it_is_reported(bench: Bench) -> None:
    bench.server.turn({"gone_s": 0.5})
    assert bench.server.port == ""
    bench.live(0.49)
    assert bench.server.port == ""
    bench.live(0.02)
    assert bench.server.port
    assert bench.answer(PING)[0] == PONG
    bench.server.turn({"gone_s": 600})
    bench.live(5)
    bench.server.turn({"drop": 0.0})
    bench.live(0.1)
    assert bench.server.port == ""
    bench.server.turn({"gone_s": 0})
    bench.live(PERIOD)
    assert bench.server.port


def test_faults_pass_by_themselves_when_they_are_to(bench: Bench) -> None:
    def answers() -> bool:
        bench.send(PING)
        return bench.live(PERIOD) == PONG

    bench.server.turn({"missing": ["shoulder_pan"], "for_s": 0.5})
    bench.live(0.45)
    assert not answers()
    bench.live(0.05)
    assert answers()
    bench.server.turn({"missing": ["shoulder_pan"], "for_s": 0.5})
    bench.server.turn({"for_s": 0})  # so it stays
    bench.live(5)
    assert not answers()


@pytest.mark.parametrize("speed", [100, 400, 1000])
def test_a_motor_turns_at_the_speed_that_it_is_set_to(bench: Bench, speed: int) -> None:
    here = bench.present(1)
    for register, value in (("Goal_Velocity", speed), ("Goal_Position", here)):
        bench.write(1, register, value)
    bench.write(1, "Torque_Enable", 1)
    bench.write(1, "Goal_Position", here + 1000)
    bench.live(0.5)
    assert bench.present(1) == pytest.approx(here + speed / 2, abs=speed * PERIOD + 1)
    bench.live(1000 / speed)
    assert bench.present(1) == here + 1000


def test_a_pause_is_not_made_up_for(bench: Bench) -> None:
    """A machine that is too slow must not make the arm race afterwards."""
    bench.motors.hand({"shoulder_pan": 100.0})
    bench.live(0.2)
    before = bench.motors.positions[0]
    bench.time.time += 0.7
    bench.live(PERIOD)
    moved = (bench.motors.positions[0] - before) / bench.mount.scale[0]  # [deg]
    assert 0 < moved <= 7 * HAND_SPEED * PERIOD
