"""The bus: registers by name, errors that help, bounded times, ports that come and go."""

import fcntl
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pty_servos import PING, READ, SYNC_READ, WRITE, PtyServos, packet

from robots.base import BusTimeout, NotConnected, RobotError
from robots.feetech import FeetechBus
from robots.registers import BAUD_RATES, REGISTERS

MOTORS = {"pan": 1, "lift": 2, "jaw": 6}
SPARE_S = 0.15  # what a busy machine may add to a time [s]


@pytest.fixture
def servos():
    with PtyServos() as chain:
        yield chain


@pytest.fixture
def bus(servos):
    with FeetechBus(servos.port, MOTORS, timeout_s=0.2, retries=1) as opened:
        yield opened


@contextmanager
def takes(least: float, most: float):
    """Whether what is inside takes as long as said [s]."""
    started = time.monotonic()
    yield
    assert least <= time.monotonic() - started <= most + SPARE_S


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
        (lambda bus: bus.ping(254), "ID is 0 to 252, not 254"),
        (lambda bus: bus.write("Lock", "pan", 256), "Lock cannot be 256: .*0 to 255"),
        (lambda bus: bus.write("Lock", "pan", -1), "Lock cannot be -1: .*0 to 255"),
        (lambda bus: bus.write("Homing_Offset", 1, 2048), "Homing_Offset .*-2047 to 2047"),
        (lambda bus: bus.sync_write("Goal_Position", {"pan": 1.5}), "Goal_Position cannot be 1.5"),
        (lambda bus: bus.write("Present_Position", "pan", 1), "can only be read: .*Goal_Position"),
        (lambda bus: bus.write("Baud_Rate", "pan", 5), "Baud_Rate is 0 to 4"),
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
    with takes(0.2 * tries, 0.2 * (tries + 1)), pytest.raises(BusTimeout, match=expected):
        call(bus)
    assert bus.read("Lock", "pan") == servos.memory[1][55]  # the others are there


def test_a_sync_read_with_a_missing_motor_takes_no_longer_than_stated(servos, bus):
    drop(servos, 1, 2, 6)
    with takes(0.4, 0.4):
        assert bus.sync_read(["Lock"]).missing == dict.fromkeys(MOTORS, "no answer")


def test_a_lost_answer_in_the_middle_costs_no_time_out(servos, bus):
    drop(servos, 2, times=1)
    with takes(0, 0.05):
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
    with takes(0, 0.1):
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


def test_two_motors_with_one_id_are_told_by_a_ping(servos, bus):
    servos.alter = lambda _, answers: [answer * 2 for answer in answers]
    with pytest.raises(BusTimeout, match=r"two answers .*two motors have this ID: .*setup-motors"):
        bus.ping("pan")
    assert bus.duplicates == {1}
    answers = bus.sync_read(["Present_Position"])
    assert answers.missing["pan"] == "two answers to one request"


def test_a_ping_listens_on_for_a_second_motor(servos, bus, monkeypatch):
    monkeypatch.setattr("robots.feetech._LINGER_S", 0.2)
    servos.alter = lambda _, answers: [*answers, 0.02, *answers]
    with pytest.raises(BusTimeout, match="two motors have this ID"):
        bus.ping("pan")


def test_two_motors_that_talk_at_once_are_told_by_damage_on_every_try(servos, bus):
    servos.alter = lambda _, answers: [a[:-1] + bytes([a[-1] ^ 0x10]) for a in answers]
    with pytest.raises(BusTimeout, match=r"damaged packet, 2 times, .*no other motor has its ID"):
        bus.read("Lock", "pan")


def test_a_second_answer_that_comes_between_requests_is_noted(servos, bus):
    servos.alter = lambda _, answers: [*answers, 0.05, *answers]
    bus.read("Lock", "pan")
    time.sleep(0.2)
    servos.alter = lambda _, answers: answers
    bus.read("Lock", "jaw")
    assert bus.duplicates == {1}


def test_a_port_that_vanishes_is_not_connected_and_closing_it_is_quiet(servos, bus):
    servos.unplug()
    calls = [
        lambda: bus.read("Lock", "pan"),
        lambda: bus.write("Lock", "pan", 1),
        lambda: bus.sync_read(["Lock"]),
        lambda: bus.sync_write("Lock", {"pan": 1}),
        lambda: bus.ping("pan"),
        bus.scan,
    ]
    for call in calls:
        with takes(0, 0.05), pytest.raises(NotConnected, match=f"{servos.port} is gone: plug"):
            call()
    bus.close()
    bus.close()
    with pytest.raises(NotConnected):
        bus.reopen()


def test_a_port_that_vanishes_while_waiting_is_noticed_at_once(servos, bus):
    servos.alter = lambda *_: servos.unplug() or []
    with takes(0, 0.1), pytest.raises(NotConnected, match="is gone"):
        bus.sync_read(["Lock"])


def test_a_port_that_came_back_under_its_link_is_opened_again(tmp_path):
    link = tmp_path / "arm"
    with PtyServos() as first:
        link.symlink_to(first.port)
        bus = FeetechBus(str(link), MOTORS, timeout_s=0.2)
        bus.open()
        assert bus.ping("pan") == 777
        first.unplug()
        link.unlink()
        with pytest.raises(NotConnected, match="is gone"):
            bus.ping("pan")
        with pytest.raises(NotConnected, match=f"There is no port {link}"):
            bus.reopen()
    with PtyServos() as second:
        link.symlink_to(second.port)
        bus.reopen()
        assert bus.ping("pan") == 777
        bus.close()


def test_a_port_that_takes_no_data_is_given_up_in_time(bus, monkeypatch):
    def never(*sets_and_left):
        time.sleep(sets_and_left[-1])
        return [], [], []

    monkeypatch.setattr(bus._exchange.wire, "_give", lambda _: 0)
    monkeypatch.setattr("robots.wire.select", never)
    with takes(0.2, 0.2), pytest.raises(NotConnected, match="takes no data"):
        bus.sync_write("Lock", {"pan": 1})


def test_bytes_that_another_program_took_first_are_not_a_port_that_is_gone(bus, monkeypatch):
    wire = bus._exchange.wire
    take, thefts = wire._take, [True]

    def robbed():
        content = take()
        return thefts.clear() or b"" if content and thefts else content

    monkeypatch.setattr(wire, "_take", robbed)
    assert bus.ping("pan") == 777
    assert bus.glitches == 1


def test_programs_that_look_for_no_lock_are_shut_out_of_a_real_port(bus, monkeypatch):
    exclusive = 0x80045440  # TIOCGEXCL: whether TIOCEXCL is in force

    def shut() -> bool:
        return fcntl.ioctl(bus._exchange.wire._fd, exclusive, bytes(4)) != bytes(4)

    assert not shut()  # a pseudo-terminal's other end would keep the mark
    monkeypatch.setattr("robots.wire.os.path.realpath", lambda _: "/dev/ttyACM0")
    bus.reopen()
    assert shut()
    assert bus.ping("pan") == 777


@pytest.mark.parametrize(
    ("port", "message"),
    [
        ("/dev/ttyACM99", "There is no port /dev/ttyACM99 .*here: .*plug the arm in.*find-port"),
        ("/dev/null", "/dev/null is not a serial port: .*find-port"),
        ("/", "/ cannot be opened"),
    ],
)
def test_a_port_that_cannot_be_opened_says_why(port, message):
    with pytest.raises(NotConnected, match=message) as refusal:
        FeetechBus(port, MOTORS).open()
    assert "\n" not in str(refusal.value)


def test_no_permission_names_the_group_and_the_quick_way(servos, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("serial.serialposix.os.open", refuse)
    expected = f"No permission to use {servos.port}: .*dialout.*sudo chmod a.rw {servos.port}"
    with pytest.raises(NotConnected, match=expected):
        FeetechBus(servos.port, MOTORS).open()


def test_another_process_cannot_open_the_port_too(servos, bus):
    bus.ping("pan")
    script = f"from robots.feetech import FeetechBus; FeetechBus({servos.port!r}, {{}}).open()"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"{servos.port} is in use: another program has it open" in other.stderr


def test_the_bus_loads_fast_and_nothing_heavy():
    script = (
        "import sys; import robots.feetech; "
        "print({'torch', 'mujoco', 'placo', 'cv2', 'numpy'} & set(sys.modules) - {'numpy'})"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert output.stdout.strip() == "set()", output.stderr


# Each register of each motor holds a value of its own, so that a wrong answer shows.
ODD = ("ID", "Baud_Rate", "Homing_Offset")  # not every bit pattern is a value
READABLE = [place for place in REGISTERS.values() if place.name not in ODD]
faults = st.sampled_from(["none", "none", "drop", "late", "flip", "cut", "garbage", "echo", "any"])


def hurt(fault: str, request: bytes, answers: list, noise: bytes, which: int) -> list:
    """The answers to a request after something went wrong with one of them."""
    if fault == "echo":
        return [request, *answers]
    if fault == "late":
        return [0.06, *answers]
    if not answers:
        return answers
    at = which % len(answers)
    victim = answers[at]
    bit = which % (8 * len(victim))
    changed = {
        "none": [victim],
        "drop": [],
        "flip": [bytes(byte ^ ((1 << bit % 8) * (i == bit // 8)) for i, byte in enumerate(victim))],
        "cut": [victim[: which % len(victim)]],
        "garbage": [noise, victim],
        "any": [noise],
    }
    return answers[:at] + changed[fault] + answers[at + 1 :]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.lists(faults, min_size=1, max_size=4),
            st.sampled_from(["read", "sync_read", "write", "ping"]),
            st.lists(st.sampled_from(READABLE), min_size=1, max_size=3),
            st.sampled_from(list(MOTORS)),
            st.binary(max_size=40),
            st.integers(0, 300),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_goes_wrong_on_the_wire_no_value_is_wrong_and_no_call_hangs(servos, calls):
    with FeetechBus(servos.port, MOTORS, timeout_s=0.04, retries=2) as bus:
        for kinds, call, places, name, noise, which in calls:
            left = list(kinds)

            def alter(request, answers, left=left, noise=noise, which=which):
                return hurt(left.pop() if left else "none", request, answers, noise, which)

            servos.alter = alter
            memory, place = servos.memory[MOTORS[name]], places[0]
            held = place.decode(bytes(memory[place.address : place.address + place.size]))
            with takes(0, 7 * 0.045):
                try:
                    if call == "read":
                        assert bus.read(place.name, name) == held
                    elif call == "ping":
                        assert bus.ping(name) == 777
                    elif call == "write" and place.writable:
                        bus.write(place.name, name, held)
                    else:
                        names = [place.name for place in places]
                        for register, values in bus.sync_read(names).values.items():
                            check_values(servos, register, values)
                except BusTimeout:
                    pass


def check_values(servos, register, values):
    place = REGISTERS[register]
    for name, value in values.items():
        content = servos.memory[MOTORS[name]][place.address : place.address + place.size]
        assert value == place.decode(bytes(content))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=200), max_size=6), st.sampled_from([0.0, 0.01]))
def test_random_bytes_never_become_a_value_or_another_error(servos, chunks, pause):
    servos.alter = lambda *_: [part for chunk in chunks for part in (chunk, pause)]
    with FeetechBus(servos.port, MOTORS, timeout_s=0.03, retries=1) as bus:
        for call in (bus.read, lambda *names: bus.write(*names, 1)):
            with takes(0, 0.5), pytest.raises(BusTimeout):
                call("Torque_Enable", "pan")
        assert bus.sync_read(["Lock"]).missing.keys() == MOTORS.keys()


def test_a_device_that_babbles_without_end_is_given_up_in_time(servos, bus):
    babble = bytes(range(256)) * 16
    end = time.monotonic() + 1.5

    def alter(*_):
        while time.monotonic() < end:
            servos.send(babble[:2000])
            time.sleep(0.001)
        return []

    servos.alter = alter
    with takes(0, 0.2 * 3), pytest.raises(BusTimeout):
        bus.read("Lock", "pan")


def test_input_that_never_ends_is_given_up_in_time(bus, monkeypatch):
    """As the device that babbles, and never a moment without a byte."""
    wire = bus._exchange.wire
    monkeypatch.setattr(wire, "_take", lambda: b"\x55" * 64)
    monkeypatch.setattr(wire, "_ready", lambda *_, **__: time.sleep(1e-4) or True)
    with takes(0.4, 0.4), pytest.raises(BusTimeout):
        bus.read("Lock", "pan")


def test_a_port_that_takes_a_few_bytes_at_once_gets_them_all(bus, monkeypatch):
    wire = bus._exchange.wire
    give = wire._give
    monkeypatch.setattr(wire, "_give", lambda content: give(content[:3]))
    assert bus.ping("pan") == 777
    assert bus.glitches == 0
