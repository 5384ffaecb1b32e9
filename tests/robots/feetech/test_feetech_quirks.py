"""The SDK's quirks, by number: what goes wrong with it, and does not with our bus."""

import time
from threading import Thread

import pytest
import scservo_sdk
from pty_servos import READ, SYNC_READ, SYNC_WRITE, WRITE, PtyServos, TimedServos, packet
from serial.serialutil import PortNotOpenError

from robots.base import BusTimeout, NotConnected, RobotError
from robots.feetech.bus import FeetechBus

MOTORS = {"pan": 1, "lift": 2, "elbow": 3, "flex": 4, "roll": 5, "jaw": 6}
STATE = ["Present_Position", "Present_Velocity", "Present_Load", "Present_Current"]


@pytest.fixture
def servos(servos):
    for motor, memory in servos.memory.items():
        memory[42:44] = (1000 + motor).to_bytes(2, "little")  # Goal_Position
        memory[56:58] = (2000 + motor).to_bytes(2, "little")  # Present_Position
    return servos


@pytest.fixture
def silent():
    """Servos on a real port that answer nothing."""
    with PtyServos() as chain:
        chain.alter = lambda *_: []
        yield chain


@pytest.fixture
def bus(servos):
    with FeetechBus(servos.port, MOTORS, timeout_s=0.2, retries=2) as opened:
        yield opened


def hasty(servos: TimedServos) -> FeetechBus:
    """A bus that gives up before late answers come."""
    return FeetechBus(servos.port, MOTORS, timeout_s=0.25, retries=0)


def late(servos: TimedServos, seconds: float, times: int = 1) -> None:
    """Let the next answers come late."""
    left = [times]

    def alter(_, answers):
        left[0] -= 1
        return answers if left[0] < 0 else [seconds, *answers]

    servos.alter = alter


def test_quirk_1_input_is_thrown_away_before_each_request(servos, bus):
    servos.send(packet(1, 0, b"\x07\x07\x07") + packet(1, 0, b"\x07\x07"))
    assert bus.read("Present_Position", "pan") == 2001
    assert bus.glitches == 0


@pytest.mark.parametrize("then", ["Present_Position", "Goal_Position"])
def test_quirk_1_a_late_answer_is_never_taken_for_the_present_one(servos, then):
    with hasty(servos) as bus:
        late(servos, 0.35)
        with pytest.raises(BusTimeout):
            bus.read("Goal_Position", "pan")
        servos.memory[1][42:44] = (1500).to_bytes(2, "little")
        value = bus.read(then, "pan")  # the late answer comes while this one is awaited
        assert value == (2001 if then == "Present_Position" else 1500)


def test_quirk_1_a_late_sync_answer_is_never_taken_for_the_present_one(servos):
    with hasty(servos) as bus:
        late(servos, 0.35)
        assert bus.sync_read(["Goal_Position"]).missing.keys() == MOTORS.keys()
        values = bus.sync_read(["Present_Position"]).values["Present_Position"]
        assert values == {name: 2000 + number for name, number in MOTORS.items()}
        assert bus.read("Present_Position", "jaw") == 2006


def test_quirk_1_a_late_acknowledgement_is_not_one_of_the_next_write(servos):
    """The next one is lost on its way; only its own acknowledgement, or a look, may say it came."""

    def alter(request, answers):
        if request[4] == WRITE and request[5] == 55:  # Lock: done, but it says so late
            servos.send(packet(1, 0, b""), after=0.4)
            return []
        if request[4] == WRITE:
            servos.memory[1][40] = 0  # Torque_Enable
            return []
        return answers

    with hasty(servos) as bus:
        servos.alter = alter
        bus.write("Lock", "pan", 1)
        with pytest.raises(BusTimeout, match="Torque_Enable"):
            bus.write("Torque_Enable", "pan", 1)


def test_quirk_1_an_acknowledgement_is_not_an_answer_to_a_read(servos, bus):
    servos.alter = lambda request, answers: (
        [packet(1, 0, b""), *answers] if request[4] == READ else answers
    )
    assert bus.read("Present_Position", "pan") == 2001


def test_quirk_2_broadcast_ping_finds_everything_that_answers(servos, bus):
    servos.errors[4] = 32
    assert bus.scan() == {1: 0, 2: 0, 3: 0, 4: 32, 5: 0, 6: 0}
    assert bus.errors["flex"] == 32
    assert bus.duplicates == set()


def test_quirk_2_a_scan_sees_two_motors_with_one_id(servos, bus):
    servos.alter = lambda _, answers: [*answers, 0.1, answers[2]]
    assert bus.scan().keys() == {1, 2, 3, 4, 5, 6}
    assert bus.duplicates == {3}


def test_quirk_3_time_outs_are_monotonic_and_as_told(silent, monkeypatch):
    with FeetechBus(silent.port, MOTORS, timeout_s=0.2, retries=0) as bus:
        monkeypatch.setattr(time, "time", iter(range(0, -(10**9), -(10**6))).__next__)
        started = time.monotonic()
        with pytest.raises(BusTimeout):
            bus.read("Lock", "pan")
        assert 0.19 < time.monotonic() - started < 20


def test_quirk_4_a_sync_read_sees_who_is_missing_and_goes_on_with_the_others(servos, bus):
    servos.alter = lambda _, answers: [a for a in answers if a[2] not in (2, 5)]
    answers = bus.sync_read(STATE)
    assert answers.missing == {"lift": "no answer", "roll": "no answer"}
    for values in answers.values.values():
        assert values.keys() == {"pan", "elbow", "flex", "jaw"}
    assert bus.glitches == 3 * 2


def test_quirk_4_stale_data_does_not_survive(servos, bus):
    assert bus.sync_read(STATE).values["Present_Position"]["jaw"] == 2006
    servos.alter = lambda *_: []
    answers = bus.sync_read(STATE)
    assert answers.missing.keys() == MOTORS.keys()
    assert answers.values == {name: {} for name in STATE}
    assert answers.errors == {}


def test_quirk_4_a_sync_read_tells_error_bits(servos, bus):
    servos.errors[6] = 32 | 4
    answers = bus.sync_read(STATE)
    assert answers.errors == {**dict.fromkeys(MOTORS, 0), "jaw": 36}
    assert bus.errors["jaw"] == 36
    assert answers.values["Present_Position"]["jaw"] == 2006  # it still says where it is


def test_quirk_5_waiting_costs_no_processor_time(silent):
    with FeetechBus(silent.port, MOTORS, timeout_s=0.2, retries=2) as bus:
        started, used = time.monotonic(), time.thread_time()
        bus.sync_read(STATE)
        assert time.monotonic() - started > 0.55
        assert time.thread_time() - used < 0.1


def test_quirk_6_byte_order_does_not_follow_the_sdk_s_global(servos, bus):
    try:
        scservo_sdk.PacketHandler(1)
        bus.write("Goal_Position", "pan", 0x0102)
        bus.sync_write("Goal_Position", {"lift": 0x0304})
        bus.read("Lock", "pan")  # by now it has come
        assert servos.memory[1][42:44] == b"\x02\x01"
        assert servos.memory[2][42:44] == b"\x04\x03"
        assert bus.read("Goal_Position", "pan") == 0x0102
        assert bus.sync_read(["Goal_Position"]).values["Goal_Position"]["lift"] == 0x0304
    finally:
        scservo_sdk.PacketHandler(0)


@pytest.mark.parametrize("damage", ["flipped bit", "cut short"])
def test_quirk_7_a_damaged_answer_is_asked_for_again_at_once(servos, bus, damage):
    first = [True]

    def alter(_, answers):
        if not first:
            return answers
        first.clear()
        hurt = bytearray(answers[2])
        hurt[7] ^= 4
        answers[2] = bytes(hurt) if damage == "flipped bit" else answers[2][:-2]
        return answers

    servos.alter = alter
    with servos.takes(0, 0.01):  # less than one time-out
        answers = bus.sync_read(STATE)
    assert not answers.missing
    assert answers.values["Present_Position"]["elbow"] == 2003
    assert bus.glitches == 1


def test_quirk_7_answers_after_garbage_and_in_single_bytes_are_read(servos, bus):
    def drip(_, answers):
        return [b"\xff\xff\x01\xff\x03", *(bytes([byte]) for answer in answers for byte in answer)]

    servos.alter = drip
    assert bus.sync_read(STATE).values["Present_Position"]["jaw"] == 2006
    assert bus.read("Present_Position", "pan") == 2001


def test_quirk_8_an_adapter_that_echoes_is_borne(servos, bus):
    servos.alter = lambda request, answers: [request, *answers]
    for _ in range(3):
        bus.write("Goal_Position", "pan", 1500)
        bus.sync_write("Goal_Position", {"pan": 1501, "lift": 1502})
        assert bus.read("Goal_Position", "pan") == 1501
        assert bus.ping("pan") == 777
        assert bus.sync_read(["Goal_Position"]).values["Goal_Position"]["lift"] == 1502
    assert bus.scan().keys() == servos.memory.keys()
    assert bus.glitches == 0


def test_quirk_8_an_echo_is_never_an_answer_and_the_message_names_it(servos):
    bus = FeetechBus(servos.port, MOTORS, timeout_s=0.2, retries=0)
    bus.open()
    servos.alter = lambda request, _: [request]
    attempts = [
        lambda: bus.read("Goal_Position", "pan"),  # its request looks like an answer of 2 bytes
        lambda: bus.read("Lock", "pan"),
        lambda: bus.ping("pan"),
        lambda: bus.write("Lock", "pan", 1),
    ]
    for attempt in attempts:
        with pytest.raises(BusTimeout, match="echoes"):
            attempt()
    assert bus.sync_read(["Goal_Position"]).missing.keys() == MOTORS.keys()
    assert bus.scan() == {}
    bus.close()


def test_quirk_9_a_sync_write_always_has_all_its_bytes(servos, bus):
    bus.sync_write("Goal_Position", {"pan": 5, "jaw": 0})
    bus.sync_write("Torque_Enable", {"pan": 1, "jaw": 0})
    bus.read("Lock", "pan")  # by now they have come
    assert servos.last(SYNC_WRITE)[4:-1] == bytes([SYNC_WRITE, 40, 1, 1, 1, 6, 0])
    assert servos.memory[1][42:44] == b"\x05\x00"
    before = len(servos.requests)
    with pytest.raises(RobotError, match="Goal_Position"):
        bus.sync_write("Goal_Position", {"pan": 5, "jaw": 1 << 16})
    bus.read("Lock", "pan")
    assert len(servos.requests) == before + 1  # nothing of it was sent


def test_quirk_10_a_port_that_cannot_be_opened_or_is_closed_is_not_connected(servos, bus):
    bus.close()
    calls = [
        lambda: bus.read("Lock", "pan"),
        lambda: bus.write("Lock", "pan", 1),
        lambda: bus.sync_read(STATE),
        lambda: bus.sync_write("Lock", {"pan": 1}),
        bus.scan,
    ]
    for call in calls:
        with pytest.raises(NotConnected, match=f"{servos.port} is not open"):
            call()
    assert not issubclass(NotConnected, PortNotOpenError)


def test_quirk_11_is_using_does_not_stick_after_an_exception(bus, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bus._exchange.wire, "writePort", interrupted)
    for call in (lambda: bus.read("Lock", "pan"), lambda: bus.sync_write("Lock", {"pan": 1})):
        with pytest.raises(KeyboardInterrupt):
            call()
    monkeypatch.undo()
    bus._exchange.wire.is_using = True  # as the SDK itself leaves it
    bus.write("Torque_Enable", "pan", 0)
    bus.sync_write("Torque_Enable", {"lift": 0})
    assert bus.read("Torque_Enable", "lift") == 0


def test_one_packet_asks_for_the_span_of_the_registers(servos, bus):
    bus.sync_read(STATE)
    assert servos.last(SYNC_READ)[5:-1] == bytes([56, 15, 1, 2, 3, 4, 5, 6])
    assert len(servos.requests) == 1


def test_threads_take_turns(bus):
    wrong = []

    def reader(name, number):
        read = [bus.read("Present_Position", name) for _ in range(50)]
        wrong.extend(value for value in read if value != 2000 + number)

    threads = [Thread(target=reader, args=item) for item in MOTORS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert bus.glitches == 0
