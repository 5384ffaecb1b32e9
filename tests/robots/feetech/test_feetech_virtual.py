"""The bus on the virtual servos: in a process of their own, and with everything going wrong on a
line with a clock of its own."""

import numpy as np
import pytest
from pty_servos import TimedServos
from virtual_arms import plug_in, unplug, virtual_arm

from robots.arm import ARMS
from robots.base import JOINTS, BusTimeout, NotConnected
from robots.feetech.bus import FeetechBus
from robots.virtual.fault_settings import FaultSettings
from robots.virtual.faults import Faults
from robots.virtual.mount import Mount
from robots.virtual.servos.chain import Chain
from robots.virtual.servos.packets import PacketReader

MOTORS = {name: number for number, name in enumerate(JOINTS, 1)}
GOALS = {name: 1900 + 17 * number for name, number in MOTORS.items()}
PATIENT_S = 2.0  # longer than a busy machine keeps a virtual arm from answering [s]


@pytest.fixture
def bus(chain):
    with FeetechBus(chain.port, MOTORS, timeout_s=PATIENT_S) as opened:
        opened.sync_write("Goal_Position", GOALS)
        yield opened


class VirtualServos(TimedServos):
    """The virtual servos on such a line."""

    def __init__(self) -> None:
        super().__init__()
        mount = Mount(ARMS["so101"])
        self.chain = Chain(mount.calibrated(), mount.zero.tolist())
        self.faults = Faults()
        self._reader = PacketReader()

    def turn(self, **fault_settings):
        self.chain.turn(FaultSettings(**fault_settings))
        self.faults.turn(FaultSettings(**fault_settings), set(fault_settings))

    def give(self, content):
        for packet in self._reader.feed(content)[0]:
            for answer in self.chain.handle(packet, 1_000_000):
                content, delay = self.faults.befall(answer)
                if content:
                    self.send(content, after=delay)


@pytest.fixture
def servos(on_line):
    return on_line(VirtualServos())


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


def test_who_is_silent_is_asked_again_for_as_long_as_patience_lasts(chain):
    with FeetechBus(chain.port, MOTORS, timeout_s=0.02) as bus:
        chain.arm.set(missing=["elbow_flex"])
        with pytest.raises(BusTimeout, match="no answer, 3 times"):
            bus.ping("elbow_flex")
        with bus.patient(0.3), pytest.raises(BusTimeout, match=r"no answer, \d+ times") as caught:
            bus.ping("elbow_flex")
        assert "no answer, 3 times" not in str(caught.value)
        chain.arm.set(missing=["elbow_flex"], for_s=0.3)
        with bus.patient(PATIENT_S):
            assert bus.sync_read(["ID"]).missing == {}
        chain.arm.set(missing=["elbow_flex"], for_s=PATIENT_S)
        with pytest.raises(BusTimeout, match="no answer, 3 times"):
            bus.ping("elbow_flex")
        chain.arm.set(missing=[])


def test_five_hundred_faults_never_become_a_wrong_value(servos):
    """Lost, late, damaged, cut and garbled answers: at most a motor is missing for once."""
    shares = {"drop": 0.05, "corrupt": 0.05, "truncate": 0.05, "garbage": 0.05}
    servos.turn(fault_seed=4, delay_share=0.004, delay_ms=40, **shares)
    missing = cycles = 0
    with FeetechBus(servos.port, MOTORS, timeout_s=0.025, retries=3) as bus:
        bus.sync_write("Goal_Position", GOALS)
        while servos.faults.done.total() < 500:
            answers = bus.sync_read(["Goal_Position", "Lock"])
            for name, value in answers.values["Goal_Position"].items():
                assert value == GOALS[name]
            missing, cycles = missing + len(answers.missing), cycles + 1
        assert missing <= cycles / 50
        assert bus.glitches > 250


def test_writes_and_reads_get_through_faults(servos):
    servos.turn(drop=0.15, corrupt=0.1, truncate=0.1)
    rng = np.random.default_rng(0)
    given_up = 0
    with FeetechBus(servos.port, MOTORS, timeout_s=0.05) as bus:
        for _ in range(60):
            name, value = str(rng.choice(JOINTS)), int(rng.integers(0, 4096))
            try:
                bus.write("Goal_Time", name, value)
                assert bus.read("Goal_Time", name) == value
            except BusTimeout:
                given_up += 1
    assert given_up < 12


def test_missing_and_doubled_motors_are_named(servos):
    servos.turn(missing=["wrist_flex"], duplicate=["elbow_flex"])
    with FeetechBus(servos.port, MOTORS) as bus:
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


def test_error_bits_come_with_the_values(chain, bus):
    chain.arm.set(errors={"gripper": 32})
    answers = bus.sync_read(["Goal_Position"])
    chain.arm.set(errors={})
    assert answers.errors["gripper"] == bus.errors["gripper"] == 32
    assert answers.errors["elbow_flex"] == 0
    assert answers.values["Goal_Position"]["gripper"] == GOALS["gripper"]


def test_a_port_that_vanishes_and_comes_back_is_reopened(chain, bus):
    unplug(chain)
    with pytest.raises(NotConnected):
        bus.sync_read(["Lock"])
    with pytest.raises(NotConnected):
        bus.reopen()
    plug_in(chain)
    bus.reopen()
    assert bus.sync_read(["Goal_Position"]).values["Goal_Position"] == GOALS


def test_a_factory_motor_gets_an_id_and_a_baud_rate():
    with virtual_arm("--factory") as fresh:
        fresh.arm.set(connected=["gripper"])
        with FeetechBus(fresh.port, {}, timeout_s=PATIENT_S) as bus:
            assert bus.scan() == {1: 0}
            bus.write("Lock", 1, 0)
            bus.write("ID", 1, 6)
            bus.write("Baud_Rate", 6, 1)
        with FeetechBus(fresh.port, {}, retries=0) as bus, pytest.raises(BusTimeout):
            bus.ping(6)
        with FeetechBus(fresh.port, {"gripper": 6}, 500_000, timeout_s=PATIENT_S) as bus:
            assert bus.ping("gripper") == 777
