"""The bus: registers by name, errors that help, bounded times, motors that change."""

import subprocess
import sys

import numpy as np
import pytest
from pty_servos import MOTORS, PING, READ, SYNC_READ, WRITE, packet

from robots.base import BusTimeout, RobotError
from robots.feetech.bus import FeetechBus
from robots.feetech.registers import BAUD_RATES, REGISTERS


def drop(servos, *motors, kinds=(PING, READ, WRITE, SYNC_READ), times=10**9):
    """Lose the answers of motors; their requests are carried out."""
    left = [times]

    def alter(request, answers):
        kept = [a for a in answers if a[2] not in motors]
        if request[4] not in kinds or kept == answers or not left[0]:
            return answers
        left[0] -= 1
        return kept

    servos.alter = alter


@pytest.mark.parametrize(
    ("register", "value"),
    [("Goal_Position", -300), ("Torque_Enable", 1), ("Homing_Offset", -2047), ("ID", 1)],
)
def test_what_is_written_is_read(servos, bus, register, value):
    bus.write(register, "pan", value)
    assert bus.read(register, "pan") == bus.read(register, 1) == value
    place = REGISTERS[register]
    held = servos.memory[1][place.address : place.address + place.size]
    assert held == place.encode(value)


def test_whole_numbers_of_any_type_are_written(bus):
    bus.write("Goal_Position", "pan", np.int64(12))
    bus.sync_write("Goal_Position", {"lift": np.int32(13)})
    assert bus.sync_read(["Goal_Position"], ["pan", "lift"]).values == {
        "Goal_Position": {"pan": 12, "lift": 13}
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda bus: bus.read("Lokc", "pan"), "no register Lokc: .*Lock"),
        (lambda bus: bus.sync_read(["Lock", "Lokc"]), "no register Lokc: .*Lock"),
        (lambda bus: bus.read("Lock", "elbow"), "No motor elbow .*pan, lift, jaw"),
        (lambda bus: bus.sync_write("Lock", {"elbow": 1}), "No motor elbow .*pan, lift, jaw"),
        (lambda bus: bus.ping(254), "ID is 0 to 253, not 254"),
        (lambda bus: bus.write("Lock", "pan", 256), "Lock cannot be 256: .*0 to 255"),
        (lambda bus: bus.write("Lock", "pan", -1), "Lock cannot be -1: .*0 to 255"),
        (lambda bus: bus.write("Homing_Offset", 1, 2048), "Homing_Offset .*-2047 to 2047"),
        (lambda bus: bus.sync_write("Goal_Position", {"pan": 1.5}), "Goal_Position cannot be 1.5"),
        (lambda bus: bus.write("Present_Position", "pan", 1), "can only be read: .*Goal_Position"),
        (lambda bus: bus.write("Baud_Rate", "pan", 8), "Baud_Rate is 0 to 7"),
        (lambda bus: bus.write("ID", "pan", 254), "ID is 0 to 253, not 254"),
    ],
)
def test_what_there_is_not_is_refused_before_anything_is_sent(servos, bus, call, message):
    with pytest.raises(RobotError, match=message) as refusal:
        call(bus)
    assert "\n" not in str(refusal.value)
    bus.read("Lock", "pan")
    assert len(servos.requests) == 1


def test_a_bus_that_cannot_be_is_refused():
    with pytest.raises(RobotError, match="1000000, 500000"):
        FeetechBus("/dev/null", MOTORS, baud_rate=9600)
    with pytest.raises(RobotError, match="Two motors have one ID"):
        FeetechBus("/dev/null", {"pan": 1, "lift": 1})


@pytest.mark.parametrize(
    ("call", "tries"),
    [
        (lambda bus: bus.ping("jaw"), 2),
        (lambda bus: bus.read("Present_Position", "jaw"), 2),
        (lambda bus: bus.write("Torque_Enable", "jaw", 0), 4),
    ],
)
def test_a_missing_motor_is_named_within_the_stated_time(servos, bus, call, tries):
    drop(servos, 6)
    expected = rf"jaw \(ID 6\) on {servos.port}: no answer, 2 times, .*cable.*power.*ID"
    with servos.takes(0.2 * tries, 0.2 * (tries + 1)), pytest.raises(BusTimeout, match=expected):
        call(bus)
    assert bus.read("Lock", "pan") == servos.memory[1][55]  # the others are there


def test_a_sync_read_with_a_missing_motor_takes_no_longer_than_stated(servos, bus):
    drop(servos, 1, 2, 6)
    with servos.takes(0.4, 0.41):
        assert bus.sync_read(["Lock"]).missing == dict.fromkeys(MOTORS, "no answer")


def test_a_lost_answer_in_the_middle_costs_no_time_out(servos, bus):
    drop(servos, 2, times=1)
    with servos.takes(0, 0.02):
        assert not bus.sync_read(["Lock"]).missing
    assert bus.glitches == 1


def test_only_who_is_missing_is_asked_again(servos, bus):
    drop(servos, 1, 2, times=1)
    assert not bus.sync_read(["Present_Position"]).missing
    again = servos.requests[1]
    assert again[4] == SYNC_READ
    assert again[7:-1] == bytes([1, 2])


@pytest.mark.parametrize("kind", [READ, WRITE, SYNC_READ])
def test_one_lost_answer_is_only_a_glitch(servos, bus, kind):
    drop(servos, 6, kinds=[kind], times=1)
    bus.write("Goal_Position", "jaw", 1234)
    assert bus.read("Goal_Position", "jaw") == 1234
    assert bus.sync_read(["Goal_Position"]).values["Goal_Position"]["jaw"] == 1234
    assert bus.glitches == 1


def test_a_write_that_is_lost_is_written_again(servos, bus):
    lost = [True]

    def alter(request, answers):
        if request[4] == WRITE and lost:
            lost.clear()
            servos.memory[6][40] = 7
            return []
        return answers

    servos.alter = alter
    bus.write("Torque_Enable", "jaw", 0)
    assert servos.memory[6][40] == 0


def test_a_motor_that_acknowledges_no_writes_is_waited_for_only_once(servos, bus):
    servos.memory[6][8] = 0  # Response_Status_Level
    bus.write("Lock", "jaw", 0)
    with servos.takes(0, 0.0):
        for value in (3, 4, 5):
            bus.write("Lock", "jaw", value)
            assert servos.memory[6][55] == value
    bus.write("Response_Status_Level", "jaw", 1)
    before = len(servos.requests)
    bus.write("Lock", "jaw", 1)
    assert len(servos.requests) == before + 1  # believed, as it acknowledges again


def test_a_motor_is_found_under_the_id_it_was_given(servos, bus):
    """Whether it acknowledges under the old ID, the new one, or not at all."""
    for answering in (1, 9, None):

        def alter(request, answers, answering=answering):
            if request[4] != WRITE:
                return answers
            servos.memory[9] = servos.memory.pop(1)
            servos.errors[9] = 0
            return [] if answering is None else [packet(answering, 0, b"")]

        servos.alter = alter
        bus.write("ID", 1, 9)
        assert bus.read("ID", 9) == 9
        servos.memory[1] = servos.memory.pop(9)


def test_a_new_baud_rate_is_looked_for_at_that_speed(servos, bus):
    speeds = []
    wire = bus._exchange.wire

    def alter(_, answers):
        speeds.append(wire.baudrate)
        held = BAUD_RATES[servos.memory[1][6]]
        return answers if wire.baudrate == held else []

    servos.memory[1][6] = 0
    servos.alter = alter
    bus.write("Baud_Rate", 1, 1)
    assert set(speeds) == {1_000_000, 500_000}
    assert wire.baudrate == wire.ser.baudrate == 1_000_000
    with pytest.raises(BusTimeout):
        bus.ping(1)
    bus.close()
    with FeetechBus(servos.port, MOTORS, 500_000, timeout_s=0.2) as other:
        wire = other._exchange.wire
        assert other.ping(1) == 777


def test_two_motors_with_one_id_are_known_by_a_ping(servos, bus):
    servos.alter = lambda _, answers: [answer * 2 for answer in answers]
    with pytest.raises(BusTimeout, match=r"two answers .*two motors have this ID: .*setup-motors"):
        bus.ping("pan")
    assert bus.duplicates == {1}
    answers = bus.sync_read(["Present_Position"])
    assert answers.missing["pan"] == "two answers to one request"


def test_a_ping_listens_on_for_a_second_motor(servos, bus, monkeypatch):
    monkeypatch.setattr("robots.feetech.bus._LINGER_S", 0.2)
    servos.alter = lambda _, answers: [*answers, 0.02, *answers]
    with pytest.raises(BusTimeout, match="two motors have this ID"):
        bus.ping("pan")


def test_two_motors_that_talk_at_once_are_known_by_damage_on_every_try(servos, bus):
    servos.alter = lambda _, answers: [a[:-1] + bytes([a[-1] ^ 0x10]) for a in answers]
    with pytest.raises(BusTimeout, match=r"damaged packet, 2 times, .*no other motor has its ID"):
        bus.read("Lock", "pan")


def test_a_second_answer_that_comes_between_requests_is_noted(servos, bus):
    servos.alter = lambda _, answers: [*answers, 0.05, *answers]
    bus.read("Lock", "pan")
    servos.now += 0.2
    servos.alter = lambda _, answers: answers
    bus.read("Lock", "jaw")
    assert bus.duplicates == {1}


def test_the_bus_loads_fast_and_nothing_heavy():
    script = (
        "import sys; import robots.feetech.bus; "
        "print({'torch', 'mujoco', 'placo', 'cv2', 'numpy'} & set(sys.modules) - {'numpy'})"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert output.stdout.strip() == "set()", output.stderr
