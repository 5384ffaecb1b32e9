"""Whatever comes on the wire: no value is wrong, no call hangs, no other error is raised."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pty_servos import MOTORS

from robots.base import BusTimeout
from robots.feetech.bus import FeetechBus
from robots.feetech.registers import REGISTERS

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
            with servos.takes(0, 7 * 0.045):
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
            with servos.takes(0, 0.5), pytest.raises(BusTimeout):
                call("Torque_Enable", "pan")
        assert bus.sync_read(["Lock"]).missing.keys() == MOTORS.keys()


def test_a_device_that_babbles_without_end_is_given_up_in_time(servos, bus):
    babble = bytes(range(256)) * 16
    servos.alter = lambda *_: [babble[:2000], 0.001] * 1500
    with servos.takes(0, 0.2 * 3), pytest.raises(BusTimeout):
        bus.read("Lock", "pan")


def test_input_that_never_ends_is_given_up_in_time(servos, bus, monkeypatch):
    """As the device that babbles, and never a moment without a byte."""
    wire = bus._exchange.wire

    def ready(*_, **__):
        servos.now += 1e-4
        return True

    monkeypatch.setattr(wire, "_take", lambda: b"\x55" * 64)
    monkeypatch.setattr(wire, "_ready", ready)
    with servos.takes(0.4, 0.401), pytest.raises(BusTimeout):
        bus.read("Lock", "pan")
