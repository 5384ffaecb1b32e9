"""Whatever a motor's registers held before, connecting leaves what this program relies on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from virtual_arms import Running

from configs.events import Event, tell_nobody
from configs.robot import SO101Config
from configs.teleop import SO101LeaderConfig
from robots.base import JOINTS, ServoFault
from robots.feetech import settings
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS
from robots.feetech.registers import FACTORY, REGISTERS
from robots.so100 import SO100Robot
from teleop.leader import Leader

ELSEWHERE = {  # set or checked by others, or of no consequence
    *("ID", "Baud_Rate", "LED_Alarm_Condition", "Torque_Enable", "Goal_Position", "Phase"),
    *("Homing_Offset", "Min_Position_Limit", "Max_Position_Limit"),
    *("Min_Voltage_Limit", "Max_Voltage_Limit"),
}
FOLLOWER, LEADER = SO101Config(), SO101LeaderConfig()


@pytest.fixture
def arm(chain: Running) -> Iterator[Running]:
    """An arm that has another EEPROM and RAM when the test is over, and then its own."""
    names = [name for name, register in REGISTERS.items() if register.writable]
    with FeetechBus(chain.port, MOTORS) as bus:
        before = bus.sync_read(names).values
    yield chain
    with FeetechBus(chain.port, MOTORS) as bus:
        put(bus, {name: before[name] for name in before if name not in ("ID", "Baud_Rate", "Lock")})


def put(bus: FeetechBus, values: dict[str, dict[str, int]]) -> None:
    bus.sync_write("Torque_Enable", dict.fromkeys(JOINTS, 0))
    bus.sync_write("Lock", dict.fromkeys(JOINTS, 0))
    for name, contents in values.items():
        bus.sync_write(name, contents)
    bus.sync_write("Lock", dict.fromkeys(JOINTS, 1))


def everywhere(**values: int) -> dict[str, dict[str, int]]:
    return {name: dict.fromkeys(JOINTS, value) for name, value in values.items()}


@pytest.mark.parametrize("wanted", [settings.of_follower(FOLLOWER), settings.of_leader(LEADER)])
def test_every_register_that_can_be_written_is_set_or_has_its_place(wanted: Any) -> None:
    writable = {name for name, register in REGISTERS.items() if register.writable}
    assert set(wanted) | ELSEWHERE == writable
    assert not set(wanted) & ELSEWHERE
    assert all(list(motors) == list(JOINTS) for motors in wanted.values())
    for name, motors in wanted.items():
        for value in motors.values():
            REGISTERS[name].encode(value)


ODD = {  # what somebody may have left there: (register, value)
    "a wide dead zone": ("CW_Dead_Zone", 31),
    "and on the other side": ("CCW_Dead_Zone", 32),
    "no start-up force": ("Minimum_Startup_Force", 200),
    "coarse steps": ("Angular_Resolution", 3),
    "no unloading": ("Unloading_Condition", 0),
    "little after an overload": ("Protective_Torque", 1),
    "a long protection time": ("Protection_Time", 254),
    "a low overload": ("Overload_Torque", 12),
    "no protection current": ("Protection_Current", 0),
    "a short over-current": ("Over_Current_Protection_Time", 1),
    "a low temperature": ("Max_Temperature_Limit", 20),
    "a weak motor": ("Max_Torque_Limit", 100),
    "a slow answer": ("Return_Delay_Time", 250),
    "no acknowledgements": ("Response_Status_Level", 0),
    "velocity mode": ("Operating_Mode", 1),
    "soft": ("P_Coefficient", 1),
    "no damping": ("D_Coefficient", 0),
    "integral": ("I_Coefficient", 99),
    "many turns": ("Phase", 12 | 16),
    "slow": ("Goal_Velocity", 20),
    "a goal time": ("Goal_Time", 3000),
    "a slow start": ("Acceleration", 1),
    "and slower": ("Maximum_Acceleration", 2),
    "hardly any torque": ("Torque_Limit", 10),
    "unlocked": ("Lock", 0),
}


@pytest.mark.parametrize("leads", [False, True], ids=["follower", "leader"])
def test_whatever_was_left_in_the_motors_is_set_right(arm: Running, leads: bool) -> None:
    wanted = settings.of_leader(LEADER) if leads else settings.of_follower(FOLLOWER)
    with FeetechBus(arm.port, MOTORS) as bus:
        put(bus, everywhere(**dict(ODD.values())))
        bus.sync_write("Lock", dict.fromkeys(JOINTS, 0))
    reported: list[str] = []

    def tell(event: Event) -> None:
        reported.append(event.name)

    robot: Any
    if leads:
        here = np.array(FOLLOWER.rest_pose, np.float32)
        cfg = SO101LeaderConfig(port=arm.port)
        robot = Leader(cfg, lambda: here, 0.03, tell, demonstrating=False)
    else:
        robot = SO100Robot(SO101Config(port=arm.port), 30, tell)
    with robot:
        held = robot._servos.bus.sync_read([*wanted, "Phase"]).values
        assert held.pop("Phase") == dict.fromkeys(JOINTS, FACTORY["Phase"])
        assert held == wanted


def test_motors_that_get_what_they_cannot_take_are_refused(arm: Running) -> None:
    with FeetechBus(arm.port, MOTORS) as bus:
        put(bus, {"Max_Voltage_Limit": {"elbow_flex": 80, "gripper": 80}})
    with (
        pytest.raises(ServoFault) as caught,
        SO100Robot(SO101Config(port=arm.port), 30, tell_nobody),
    ):
        raise AssertionError
    assert "(elbow_flex gets 12.0 V and takes 4.0 to 8.0 V, gripper gets" in str(caught.value)
    assert {motor["torque_enable"] for motor in arm.arm.report()["motors"].values()} == {0}


@pytest.mark.parametrize(
    ("register", "value", "said"),
    [("Phase", 13, "wrist_flex 13, usually 12"), ("Max_Voltage_Limit", 255, "wrist_flex 25.5 V")],
)
def test_what_only_a_motors_maker_can_know_is_reported_before_torque_comes_on(
    arm: Running, register: str, value: int, said: str
) -> None:
    with FeetechBus(arm.port, MOTORS) as bus:
        put(bus, {register: {"wrist_flex": value}})
    reported: list[tuple[str, dict[str, Any]]] = []

    def tell(event: Event) -> None:
        torque = {motor["torque_enable"] for motor in arm.arm.report()["motors"].values()}
        reported.append((event.name, event.facts() | {"torque": torque}))

    with SO100Robot(SO101Config(port=arm.port), 30, tell):
        pass
    (facts,) = [facts for name, facts in reported if name == "unusual_motors"]
    assert said in facts["cause"]
    assert facts["torque"] == {0}
    with FeetechBus(arm.port, MOTORS) as bus:
        assert bus.read(register, "wrist_flex") == value  # it may be right there


def test_without_anything_odd_nobody_is_reported(arm: Running) -> None:
    reported: list[str] = []
    cfg = SO101Config(port=arm.port, gripper_opens="up")
    with SO100Robot(cfg, 30, lambda event: reported.append(event.name)):
        pass
    assert not {"unusual_motors", "gripper_way_unknown"} & set(reported), reported
