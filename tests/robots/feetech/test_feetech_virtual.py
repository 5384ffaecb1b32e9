"""The bus on the virtual servo chain, in a process of its own, with everything going wrong."""

import time

import numpy as np
import pytest
from virtual_arms import virtual_arm

from robots.base import JOINTS, BusTimeout, NotConnected
from robots.feetech.bus import FeetechBus

MOTORS = {name: number for number, name in enumerate(JOINTS, 1)}
GOALS = {name: 1900 + 17 * number for name, number in MOTORS.items()}
WELL = dict.fromkeys(("drop", "corrupt", "truncate", "garbage", "delay_share"), 0.0)


@pytest.fixture(scope="module")
def running():
    with virtual_arm() as arm:
        yield arm


@pytest.fixture
def bus(running):
    with FeetechBus(running.port, MOTORS, timeout_s=0.2) as opened:
        opened.sync_write("Goal_Position", GOALS)
        yield opened


@pytest.fixture
def knobs(running):
    """Make things go wrong, until the test is over."""
    yield running.arm.set
    running.arm.set(**WELL, missing=[], duplicate=[], errors={})


def test_every_register_is_read_alike_alone_and_in_a_sync_read(bus):
    names = ["ID", "Min_Position_Limit", "Homing_Offset", "Goal_Position", "Lock"]
    answers = bus.sync_read(names)
    assert answers.missing == {}
    for register, values in answers.values.items():
        assert values == {name: bus.read(register, name) for name in MOTORS}
    assert answers.values["ID"] == MOTORS
    assert answers.values["Goal_Position"] == GOALS
    assert {bus.ping(name) for name in MOTORS} == {777}
    assert bus.scan() == dict.fromkeys(MOTORS.values(), 0)
    assert bus.glitches == 0


def test_five_hundred_faults_never_become_a_wrong_value(running, knobs):
    """Lost, late, damaged, cut and garbled answers: at most a motor is missing for once."""
    before = sum(running.arm.report()["faults"].values())
    shares = {"drop": 0.05, "corrupt": 0.05, "truncate": 0.05, "garbage": 0.05}
    knobs(fault_seed=4, delay_share=0.004, delay_ms=40, **shares)
    missing = cycles = 0
    with FeetechBus(running.port, MOTORS, timeout_s=0.025, retries=3) as bus:
        bus.sync_write("Goal_Position", GOALS)
        started = time.monotonic()
        while sum(running.arm.report()["faults"].values()) - before < 500:
            answers = bus.sync_read(["Goal_Position", "Lock"])
            for name, value in answers.values["Goal_Position"].items():
                assert value == GOALS[name]
            missing, cycles = missing + len(answers.missing), cycles + 1
        assert time.monotonic() - started < 60
        assert missing <= cycles / 50
        assert bus.glitches > 250


def test_writes_and_reads_get_through_faults(running, knobs):
    knobs(drop=0.15, corrupt=0.1, truncate=0.1)
    bus = FeetechBus(running.port, MOTORS, timeout_s=0.05)
    bus.open()
    rng = np.random.default_rng(0)
    given_up = 0
    for _ in range(60):
        name, value = str(rng.choice(JOINTS)), int(rng.integers(0, 4096))
        try:
            bus.write("Goal_Time", name, value)
            assert bus.read("Goal_Time", name) == value
        except BusTimeout:
            given_up += 1
    bus.close()
    assert given_up < 12


def test_missing_and_doubled_motors_are_named(knobs, bus):
    knobs(missing=["wrist_flex"], duplicate=["elbow_flex"])
    assert bus.sync_read(["Lock"]).missing == {
        "wrist_flex": "no answer",
        "elbow_flex": "two answers to one request",
    }
    with pytest.raises(BusTimeout, match=r"wrist_flex \(ID 4\).*no answer"):
        bus.ping("wrist_flex")
    with pytest.raises(BusTimeout, match=r"elbow_flex \(ID 3\).*two motors have this ID"):
        bus.ping("elbow_flex")
    assert bus.scan().keys() == {1, 2, 3, 5, 6}
    assert bus.duplicates == {3}


def test_error_bits_come_with_the_values(knobs, bus):
    knobs(errors={"gripper": 32})
    answers = bus.sync_read(["Goal_Position"])
    assert answers.errors["gripper"] == bus.errors["gripper"] == 32
    assert answers.errors["elbow_flex"] == 0
    assert answers.values["Goal_Position"]["gripper"] == GOALS["gripper"]


def test_a_port_that_vanishes_and_comes_back_is_reopened(knobs, bus):
    knobs(gone_s=0.5)
    with pytest.raises(NotConnected):
        read_for(bus, seconds=10)
    assert reopened(bus, seconds=10)
    assert bus.sync_read(["Goal_Position"]).values["Goal_Position"] == GOALS


def read_for(bus, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        bus.sync_read(["Lock"])


def reopened(bus, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            bus.reopen()
        except NotConnected:
            time.sleep(0.02)
        else:
            return True
    return False


def test_a_factory_motor_gets_an_id_and_a_baud_rate():
    with virtual_arm("--factory") as fresh:
        fresh.arm.set(connected=["gripper"])
        with FeetechBus(fresh.port, {}, timeout_s=0.2) as bus:
            assert bus.scan() == {1: 0}
            bus.write("Lock", 1, 0)
            bus.write("ID", 1, 6)
            assert bus.scan() == {6: 0}
            bus.write("Baud_Rate", 6, 1)
            with pytest.raises(BusTimeout):
                bus.ping(6)
        with FeetechBus(fresh.port, {"gripper": 6}, 500_000, timeout_s=0.2) as bus:
            assert bus.ping("gripper") == 777
