"""`hil-app setup-motors` as a user runs it, on virtual motors that the test plugs in."""

from __future__ import annotations

import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from guided import Guided, guided
from virtual_arms import Running, plug_in, unplug, virtual_arm

from hil_app.cli.arm import setup_motors
from robots.base import JOINTS, BusTimeout, ServoFault, SpeedRefused
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS
from robots.feetech.registers import BAUD_RATES

UNCOMMON = (250_000, 128_000)  # [bit/s]


@pytest.fixture
def arm(chain: Running) -> Running:
    """All six are set up, and connected."""
    connect(chain, *JOINTS)
    return chain


def connect(arm: Running, *names: str) -> None:
    arm.arm.set(connected=list(names))


def make(arm: Running, name: str, was: tuple[int, int], now: tuple[int, int]) -> None:
    """Give a virtual motor another ID and speed, and leave it alone on the wire."""
    connect(arm, name)
    with FeetechBus(arm.port, {}, was[1]) as bus:
        bus.write("Lock", was[0], 0)
        bus.write("ID", was[0], now[0])
        bus.write("Baud_Rate", now[0], BAUD_RATES.index(now[1]))
    with FeetechBus(arm.port, {}, now[1]) as bus:
        bus.write("Lock", now[0], 1)


def asked_for(operator: Guided, name: str) -> None:
    operator.until(f"Connect only the {name} motor")


@pytest.fixture
def new() -> Iterator[Running]:
    with virtual_arm("--factory") as running:
        yield running


def test_a_chain_is_set_up_motor_by_motor_whatever_happens_on_the_way(new: Running) -> None:
    arm = new
    make(arm, "wrist_flex", (1, 1_000_000), (77, 500_000))
    connect(arm)
    with guided("setup-motors", f"--port={arm.port}") as operator:
        asked_for(operator, "gripper")
        connect(arm, "gripper", "wrist_roll")  # one too many
        operator.enter()
        operator.until("More than one motor is connected: ID 1 answer twice.")
        asked_for(operator, "gripper")
        connect(arm, "gripper")
        operator.enter()
        operator.until("gripper had ID 1, 1000000 bit/s, 12.0 V; now ID 6, 1000000 bit/s.")

        asked_for(operator, "wrist_roll")
        operator.enter()  # the gripper is still there
        operator.until("This motor has been set up as gripper (ID 6,")
        operator.until("Make it the wrist_roll? [y/N]")
        operator.enter("ok")
        operator.until("Type y or n, not 'ok'.")
        operator.until("[y/N]")
        operator.enter()
        operator.until("It is still the gripper.")
        asked_for(operator, "wrist_roll")
        connect(arm, "wrist_roll")
        arm.arm.set(model={"wrist_roll": 1029})
        operator.enter()
        operator.until("is of model 1029, not 777: the arm takes STS3215")
        asked_for(operator, "wrist_roll")
        arm.arm.set(model={})
        operator.enter()
        operator.until("now ID 5")

        asked_for(operator, "wrist_flex")
        connect(arm, "wrist_flex")
        operator.enter()
        operator.until("wrist_flex had ID 77, 500000 bit/s, 12.0 V; now ID 4, 1000000 bit/s.")
        for name in ("elbow_flex", "shoulder_lift", "shoulder_pan"):
            asked_for(operator, name)
            connect(arm, name)
            operator.enter()
        operator.until("shoulder_pan is right already: ID 1,")
        operator.until("Connect all six motors as a chain")
        connect(arm, *(set(JOINTS) - {"elbow_flex"}))
        operator.enter()
        operator.until("No answer of elbow_flex (ID 3): check the cable")
        connect(arm, *JOINTS)
        operator.enter()
        assert operator.end() == 0, operator.text
    assert f"hil-app calibrate --robot.type=so101 --robot.port={arm.port}" in operator.text
    check_chain(arm)


def check_chain(arm: Running) -> None:
    """The motors hold their IDs for good, and are locked."""
    arm.arm.set(power_cycle=True)
    with FeetechBus(arm.port, MOTORS) as bus:
        assert set(bus.scan()) == set(MOTORS.values())
        assert bus.sync_read(["Lock"]).values["Lock"] == dict.fromkeys(JOINTS, 1)
    assert arm.arm.report()["violations"] == []
    # and each is the one that it should be
    for name, number in MOTORS.items():
        connect(arm, name)
        with FeetechBus(arm.port, {}) as bus:
            assert bus.ping(number) == 777
    connect(arm, *JOINTS)


def test_a_chain_that_is_set_up_is_left_alone(arm: Running) -> None:
    with guided("setup-motors", f"--port={arm.port}") as operator:
        assert operator.end() == 0
    assert operator.text == "All six motors answer and are set up: nothing is to be done.\n"


def test_one_motor_is_replaced_and_one_of_another_joint_only_after_a_yes(arm: Running) -> None:
    make(arm, "elbow_flex", (3, 1_000_000), (4, 1_000_000))
    with guided("setup-motors", f"--port={arm.port}", "--motor=elbow_flex") as operator:
        asked_for(operator, "elbow_flex")
        operator.enter()
        operator.until("This motor has been set up as wrist_flex")
        operator.enter("yes")
        assert operator.end() == 0
    assert "elbow_flex had ID 4, 1000000 bit/s, 12.0 V; now ID 3" in operator.words


def test_nothing_attached_is_asked_again_until_ctrl_c(arm: Running) -> None:
    connect(arm)
    with guided("setup-motors", f"--port={arm.port}", "--motor=gripper", terminal=True) as operator:
        asked_for(operator, "gripper")
        operator.enter()
        operator.until("No motor answers on")
        operator.until("Connect only the gripper motor, and press Enter to look again.")
        operator.interrupt()
        assert operator.end() == 130
    assert operator.text.endswith("hil-app: interrupted\n")


@pytest.mark.parametrize("prompt", ["Connect only the gripper", "Make it the gripper?"])
def test_the_end_of_input_is_one_line(arm: Running, prompt: str) -> None:
    connect(arm, "elbow_flex")
    with guided("setup-motors", f"--port={arm.port}", "--motor=gripper") as operator:
        if prompt == "Make it the gripper?":
            asked_for(operator, "gripper")
            operator.enter()
        operator.until(prompt)
        operator.hang_up()
        assert operator.end() == 1
    assert operator.words.count("The input has ended") == 1
    assert operator.text.splitlines()[-1].startswith("hil-app: The input has ended")


class Dying(FeetechBus):
    """A bus that dies before the write numbered ``left``."""

    left = 0

    def write(self, register: str, motor: str | int, value: int) -> None:
        Dying.left -= 1
        if Dying.left < 0:
            raise BusTimeout("the cable was pulled")
        super().write(register, motor, value)


@pytest.mark.parametrize("writes", range(8))
def test_a_motor_that_was_cut_off_half_way_is_found_and_finished(
    arm: Running, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """The order of the writes matters: after each of them the motor is where one looks for it."""
    make(arm, "wrist_flex", (4, 1_000_000), (9, 250_000))
    with monkeypatch.context() as patch:
        patch.setattr(setup_motors, "FeetechBus", Dying)
        Dying.left = writes
        with pytest.raises(BusTimeout):
            setup_motors._write(arm.port, setup_motors._Found(9, 250_000, 12.0), 4)
    arm.arm.set(power_cycle=True)
    place = [*[(9, 250_000)] * 6, (4, 250_000), (4, 1_000_000)][writes]
    check_place(arm, *place)
    setup_motors._write(arm.port, setup_motors._Found(*place, 12.0), 4)
    arm.arm.set(power_cycle=True)
    check_place(arm, 4, 1_000_000)


def test_a_motor_of_another_joint_forgets_its_calibration(arm: Running) -> None:
    make(arm, "gripper", (6, 1_000_000), (3, 500_000))
    with FeetechBus(arm.port, {}, 500_000) as bus:
        bus.write("Lock", 3, 0)
        bus.write("Homing_Offset", 3, -77)
        bus.write("Min_Position_Limit", 3, 1000)
        bus.write("Max_Position_Limit", 3, 2000)
    setup_motors._write(arm.port, setup_motors._Found(3, 500_000, 12.0), 6)
    arm.arm.set(power_cycle=True)
    with FeetechBus(arm.port, {}) as bus:
        held = [bus.read(name, 6) for name in setup_motors._FORGOTTEN]
        assert held == [0, 0, 4095]
        assert bus.read("Lock", 6) == 1


def refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this system refuse speeds that are not common ones, as newer C libraries do."""
    usual, other = termios.tcsetattr, 0o010000  # BOTHER

    def tcsetattr(fd: int, when: int, attributes: Any) -> None:
        if other in attributes[4:6]:
            raise termios.error(22, "Invalid argument")
        usual(fd, when, attributes)

    monkeypatch.setattr(termios, "tcsetattr", tcsetattr)


@pytest.mark.parametrize(
    ("speed", "refused"),
    [
        *((speed, False) for speed in BAUD_RATES),
        *((speed, True) for speed in (*UNCOMMON, BAUD_RATES[-1])),  # the last is tried after them
    ],
)
def test_a_motor_is_found_at_every_speed_that_the_system_can_have(
    arm: Running, monkeypatch: pytest.MonkeyPatch, speed: int, refused: bool
) -> None:
    make(arm, "gripper", (6, 1_000_000), (6, speed))
    try:
        with monkeypatch.context() as patch:
            if refused:
                refuse(patch)
            if refused and speed in UNCOMMON:
                with pytest.raises(BusTimeout) as caught:
                    setup_motors._only_motor(arm.port)
                assert "cannot try 250000 and 128000 bit/s" in str(caught.value)
                assert "at any speed that can be tried: check its cable" in str(caught.value)
            else:
                found = setup_motors._only_motor(arm.port)
                assert (found.id, found.speed) == (6, speed)
    finally:
        make(arm, "gripper", (6, speed), (6, 1_000_000))


@pytest.mark.parametrize("number", [0, 253])
def test_a_motor_is_found_at_every_id_that_one_can_have(arm: Running, number: int) -> None:
    make(arm, "gripper", (6, 1_000_000), (number, 1_000_000))
    try:
        assert setup_motors._only_motor(arm.port).id == number
    finally:
        make(arm, "gripper", (number, 1_000_000), (6, 1_000_000))


def test_a_speed_that_the_system_refuses_is_one_line(
    arm: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch)
    with pytest.raises(SpeedRefused, match=r"at 250000 bit/s: .*`hil-app setup-motors`"):
        FeetechBus(arm.port, MOTORS, 250_000).open()


def test_motors_that_cannot_take_their_supply_are_not_called_right(arm: Running) -> None:
    def allow(tenths: int) -> None:
        with FeetechBus(arm.port, MOTORS) as bus:
            bus.sync_write("Max_Voltage_Limit", {"shoulder_lift": tenths})

    allow(80)
    try:
        said = "gets 12.0 V and takes 4.0 to 8.0 V"
        with pytest.raises(ServoFault, match=rf"\(shoulder_lift {said}\)"):
            setup_motors.amiss(arm.port)
        connect(arm, "shoulder_lift")
        with guided("setup-motors", f"--port={arm.port}", "--motor=shoulder_lift") as operator:
            asked_for(operator, "shoulder_lift")
            operator.enter()
            operator.until(f"This motor (ID 2) {said}: take a supply")
            asked_for(operator, "shoulder_lift")
            allow(140)
            operator.enter()
            operator.until("shoulder_lift is right already")
            assert operator.end() == 0
    finally:
        connect(arm, *JOINTS)
        allow(140)


def test_a_port_that_goes_for_a_moment_is_waited_for_at_every_step(new: Running) -> None:
    connect(new, "gripper")
    with guided("setup-motors", f"--port={new.port}") as operator:
        for name in reversed(JOINTS):
            asked_for(operator, name)
            connect(new, name)
            gone_at(operator, new)
            asked_for(operator, name)
            operator.enter()
            operator.until("now ID" if name != "shoulder_pan" else "is right already")
        operator.until("Connect all six motors as a chain")
        connect(new, *JOINTS)
        gone_at(operator, new)
        operator.until("Fix that, and press Enter.")
        operator.enter()
        assert operator.end() == 0, operator.text
    check_chain(new)


def gone_at(operator: Guided, arm: Running) -> None:
    """The operator presses Enter while the port is gone, and it comes back."""
    unplug(arm)
    operator.enter()
    operator.until("There is no port")
    plug_in(arm)


def check_place(arm: Running, number: int, speed: int) -> None:
    with FeetechBus(arm.port, {}, speed) as bus:
        assert bus.ping(number) == 777


def test_a_port_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with guided("setup-motors", f"--port={tmp_path}/no") as operator:
        assert operator.end() == 1
    assert "There is no port" in operator.text
    assert operator.text.count("\n") == 1


def test_help_teaches_the_steps() -> None:
    with guided("setup-motors", "--help") as operator:
        assert operator.end() == 0
    assert "2. Connect only the motor that is asked for to the board" in operator.text
