from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.arm import ARMS
from robots.base import JOINTS, RobotError
from robots.feetech.registers import REGISTERS
from robots.virtual.fault_settings import FaultSettings
from robots.virtual.faults import Faults
from robots.virtual.mount import REST_POSE, Mount, factory
from robots.virtual.servos import packets
from robots.virtual.servos.chain import Chain
from robots.virtual.servos.packets import Packet, status

ALL = 0xFE
SPEED = 1_000_000
MOUNT = Mount(ARMS["so101"])
SHAFTS = MOUNT.shaft(np.float32(REST_POSE)).tolist()
ARM_AT_REST = [2047, 932, 3014, 2730, 2048, 1484]  # present positions, calibrated


def calibrated(**fault_settings: object) -> Chain:
    chain = Chain(MOUNT.calibrated(), SHAFTS)
    chain.turn(FaultSettings().with_changes(fault_settings))
    return chain


def place(name: str) -> int:
    return REGISTERS[name].address


def say(chain: Chain, number: int, code: int, *parameters: int, speed: int = SPEED) -> list[bytes]:
    return chain.handle(Packet(number, code, bytes(parameters)), speed)


def write(
    chain: Chain, number: int, name: str, value: int, code: int = packets.WRITE
) -> list[bytes]:
    register = REGISTERS[name]
    return say(chain, number, code, register.address, *register.encode(value))


def read(chain: Chain, number: int, name: str) -> int:
    register = REGISTERS[name]
    (answer,) = say(chain, number, packets.READ, register.address, register.size)
    assert answer == status(number, answer[4], answer[5:-1])
    return register.decode(answer[5:-1])


def test_a_ping_is_answered_by_the_motor_it_is_for() -> None:
    chain = calibrated()
    assert say(chain, 3, packets.PING) == [bytes.fromhex("FF FF 03 02 00 FA")]
    assert say(chain, 7, packets.PING) == []


def test_a_ping_to_all_is_answered_by_all_in_the_order_of_their_ids() -> None:
    chain = calibrated()
    write(chain, 2, "ID", 9)
    assert say(chain, ALL, packets.PING) == [status(n, 0) for n in (1, 3, 4, 5, 6, 9)]


def test_a_sync_read_is_answered_in_the_order_of_its_list_without_who_is_absent() -> None:
    chain = calibrated()
    answers = say(chain, ALL, packets.SYNC_READ, place("Present_Position"), 2, 6, 9, 1, 3)
    assert answers == [status(n, 0, ARM_AT_REST[n - 1].to_bytes(2, "little")) for n in (6, 1, 3)]


def test_a_sync_write_reaches_each_motor_and_is_not_answered() -> None:
    chain = calibrated()
    goals = [n for m in range(1, 7) for n in (m, *(2000 + m).to_bytes(2, "little"))]
    assert say(chain, ALL, packets.SYNC_WRITE, place("Goal_Position"), 2, *goals) == []
    assert [read(chain, m, "Goal_Position") for m in range(1, 7)] == [2001 + m for m in range(6)]


def test_a_registered_write_waits_for_the_action() -> None:
    chain = calibrated()
    for number in (1, 2):
        assert write(chain, number, "Goal_Position", 2100, packets.REG_WRITE) == [status(number, 0)]
    assert read(chain, 1, "Goal_Position") == 2047
    assert say(chain, 1, packets.ACTION) == [status(1, 0)]
    assert [read(chain, n, "Goal_Position") for n in (1, 2)] == [2100, 932]
    assert say(chain, ALL, packets.ACTION) == []
    assert read(chain, 2, "Goal_Position") == 2100
    write(chain, 1, "Goal_Position", 2000)
    say(chain, 1, packets.ACTION)
    assert read(chain, 1, "Goal_Position") == 2000  # an action acts once


def test_a_write_to_all_reaches_all_and_is_not_answered() -> None:
    chain = calibrated()
    assert write(chain, ALL, "Torque_Enable", 1) == []
    assert all(servo.torque for servo in chain.servos.values())


def test_a_new_id_answers_from_the_next_packet_on() -> None:
    chain = calibrated()
    write(chain, 1, "Lock", 0)
    assert write(chain, 1, "ID", 77) == [status(1, 0)]
    assert say(chain, 1, packets.PING) == []
    assert say(chain, 77, packets.PING) == [status(77, 0)]
    chain.turn(FaultSettings(power_cycle=True))
    assert say(chain, 77, packets.PING) == [status(77, 0)]


def test_a_motor_answers_only_at_its_own_speed() -> None:
    chain = calibrated()
    assert say(chain, 1, packets.PING, speed=500_000) == []
    assert write(chain, 1, "Baud_Rate", 1) == [status(1, 0)]
    assert say(chain, 1, packets.PING) == []
    assert say(chain, 1, packets.PING, speed=500_000) == [status(1, 0)]
    write(chain, 2, "Baud_Rate", 99)
    assert all(say(chain, 2, packets.PING, speed=speed) == [] for speed in (SPEED, 38400))


def test_at_status_level_0_only_pings_and_reads_are_answered() -> None:
    chain = calibrated()
    assert write(chain, 1, "Response_Status_Level", 0) == []
    assert write(chain, 1, "Torque_Enable", 1) == []
    assert say(chain, 1, packets.PING) == [status(1, 0)]
    assert read(chain, 1, "Torque_Enable") == 1


def test_a_reset_motor_is_as_out_of_the_box_but_for_its_id() -> None:
    chain = calibrated()
    assert say(chain, 4, packets.RESET) == [status(4, 0)]
    assert read(chain, 4, "Max_Position_Limit") == 4095
    assert chain.dirty


@given(
    st.integers(0, 254),
    st.sampled_from([1, 2, 3, 4, 5, 6, 0x82, 0x83, 7, 255]),
    st.binary(max_size=40),
)
def test_no_packet_upsets_the_chain(number: int, code: int, parameters: bytes) -> None:
    chain = calibrated()
    for answer in chain.handle(Packet(number, code, parameters), SPEED):
        assert answer == status(answer[2], answer[4], answer[5:-1])
    for servo in chain.servos.values():
        servo.drive(0.01)


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        (packets.READ, ()),
        (packets.READ, (56,)),
        (packets.READ, (250, 20)),
        (packets.WRITE, ()),
        (packets.WRITE, (40,)),
        (packets.WRITE, (255, 1, 1)),
        (packets.REG_WRITE, (40,)),
        (0x55, (1, 2)),
    ],
)
def test_an_instruction_that_makes_no_sense_is_ignored(code: int, parameters: tuple[int]) -> None:
    assert say(calibrated(), 1, code, *parameters) == []


def test_motors_out_of_the_box_all_have_the_same_id() -> None:
    chain = Chain(factory(), SHAFTS)
    assert say(chain, 1, packets.PING) == [status(1, 0)] * 6
    chain.turn(FaultSettings(connected=("gripper",)))
    assert say(chain, 1, packets.PING) == [status(1, 0)]
    assert read(chain, 1, "Homing_Offset") == 0
    assert [read(chain, 1, name) for name in ("Min_Position_Limit", "Max_Position_Limit")] == [
        0,
        4095,
    ]


def test_plugging_a_motor_in_boots_it() -> None:
    chain = calibrated(connected=["gripper"])
    write(chain, 6, "Torque_Enable", 1)
    assert chain.servos["gripper"].drive(0.01)[1] == 1
    chain.turn(FaultSettings(connected=()))
    assert chain.servos["gripper"].drive(0.01)[1] == 0
    chain.turn(FaultSettings())
    assert read(chain, 6, "Torque_Enable") == 0


def test_faults_of_motors_show_on_the_wire() -> None:
    chain = calibrated(
        errors={"gripper": 32},
        missing=["elbow_flex"],
        duplicate="shoulder_pan",
        model={"wrist_flex": 1030},
        firmware={"wrist_roll": [3, 9]},
        voltage=5.0,
    )
    assert say(chain, 6, packets.PING) == [status(6, 32)]
    assert read(chain, 6, "Status") == 32
    assert say(chain, 3, packets.PING) == []
    assert say(chain, 1, packets.PING) == [status(1, 0)] * 2
    assert read(chain, 4, "Model_Number") == 1030
    assert read(chain, 5, "Firmware_Minor_Version") == 9
    assert read(chain, 2, "Present_Voltage") == 50
    chain.turn(FaultSettings())
    assert say(chain, 3, packets.PING) == [status(3, 0)]
    assert read(chain, 4, "Model_Number") == 777


def test_a_temperature_that_was_set_is_gone_with_its_setting() -> None:
    chain = calibrated(temperature={"gripper": 80})
    chain.servos["gripper"].temperature = 80.0
    chain.turn(FaultSettings())
    assert read(chain, 6, "Present_Temperature") == 25


def violations(chain: Chain) -> list[str]:
    found: list[str] = chain.violations.report()["violations"]
    return found


def test_a_careful_client_violates_nothing() -> None:
    chain = calibrated()
    write(chain, 1, "Lock", 0)
    write(chain, 1, "P_Coefficient", 16)
    write(chain, 1, "Goal_Position", 2050)
    write(chain, 1, "Torque_Enable", 1)
    write(chain, 1, "Goal_Position", 2047 + 683)
    write(chain, 1, "Goal_Position", 2047)
    write(chain, 1, "Torque_Enable", 0)
    assert violations(chain) == []
    report = chain.violations.report()
    assert report["largest_goal_step"] == 683
    assert 0 <= report["seconds_since_goal"] < 5
    assert report["packets"] == 7
    assert report["motors"]["shoulder_pan"]["goal"] == 2047


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([("Goal_Position", 3299)], "shoulder_pan: goal 3299 outside its limits 796 to 3298"),
        ([("Torque_Enable", 1), ("Goal_Position", 2731)], "684 steps from where it is"),
        ([("Goal_Position", 2071), ("Torque_Enable", 1)], "24 steps away from the goal"),
        ([("Torque_Enable", 1), ("Baud_Rate", 0)], "EEPROM written at 6 while torque is on"),
    ],
)
def test_what_should_never_be_sent_is_noted(steps: list[tuple[str, int]], said: str) -> None:
    chain = calibrated()
    for name, value in steps:
        assert violations(chain) == []
        write(chain, 1, name, value)
    assert len(violations(chain)) == 1
    assert said in violations(chain)[0]


@pytest.mark.parametrize("arm", ["so100", "so101"])
def test_a_calibrated_motor_shows_the_joints_value_in_the_users_units(arm: str) -> None:
    mount = Mount(ARMS[arm])
    joints = np.array([30.0, -40.0, 50.0, -60.0, 70.0, 80.0])
    chain = Chain(mount.calibrated(), mount.shaft(joints).tolist())
    for number, name in enumerate(JOINTS, start=1):
        low, high = (read(chain, number, f"{end}_Position_Limit") for end in ("Min", "Max"))
        present = read(chain, number, "Present_Position")
        if name == "gripper":
            shown = (present - low) / (high - low) * 100
        else:
            shown = (present - (low + high) / 2) * 360 / 4095
            assert (low + high) / 2 == (2047.5 if name == "wrist_roll" else 2047)
        assert shown == pytest.approx(joints[number - 1], abs=0.05)
        assert read(chain, number, "Homing_Offset") != 0
    np.testing.assert_allclose(mount.joints(mount.shaft(joints)), joints)


def befall(count: int = 2000, **fault_settings: object) -> tuple[Faults, list[tuple[bytes, float]]]:
    faults = Faults()
    faults.turn(FaultSettings().with_changes(fault_settings), set(fault_settings))
    return faults, [faults.befall(ANSWER) for _ in range(count)]


ANSWER = status(1, 0, b"\x01\x02")


def test_an_arm_in_order_loses_and_delays_nothing() -> None:
    faults, arrived = befall()
    assert set(arrived) == {(ANSWER, 0.0)}
    assert not faults.done


@pytest.mark.parametrize("kind", ["drop", "corrupt", "truncate", "garbage"])
def test_a_share_of_the_answers_goes_wrong(kind: str) -> None:
    faults, arrived = befall(**{kind: 0.1})
    wrong = [content for content, _ in arrived if content != ANSWER]
    assert faults.done == {kind: len(wrong)}
    assert 150 < len(wrong) < 250
    for content in wrong:
        same = sum(a == b for a, b in zip(content, ANSWER, strict=False))
        assert {
            "drop": content == b"",
            "corrupt": len(content) == len(ANSWER) and same == len(ANSWER) - 1,
            "truncate": content == ANSWER[: len(content)],
            "garbage": content.endswith(ANSWER),
        }[kind]


def test_late_answers_are_late_by_delay_ms() -> None:
    faults, arrived = befall(delay_share=0.5, delay_ms=80, latency_ms=3)
    assert Counter(late for _, late in arrived) == {
        0.003: 2000 - faults.done["delay"],
        0.083: faults.done["delay"],
    }
    assert 900 < faults.done["delay"] < 1100


def test_the_next_so_many_answers_go_wrong() -> None:
    faults, arrived = befall(count=9, drop_next=2, truncate_next=1)
    assert [content == ANSWER for content, _ in arrived] == [False] * 3 + [True] * 6
    assert faults.done == {"drop": 2, "truncate": 1}


def test_the_same_seed_makes_the_same_answers_go_wrong() -> None:
    fault_settings = {"drop": 0.2, "corrupt": 0.2, "garbage": 0.2}
    assert befall(fault_seed=1, **fault_settings)[1] == befall(fault_seed=1, **fault_settings)[1]
    assert befall(fault_seed=1, **fault_settings)[1] != befall(fault_seed=2, **fault_settings)[1]


@pytest.mark.parametrize(
    ("fault_settings", "said"),
    [
        ({"dorp": 0.1}, "dorp: no such setting; settings: drop,"),
        ({"drop": 2}, "drop: Input should be less than or equal to 1, got 2"),
        ({"errors": {"thumb": 1}}, "no such motor; motors: shoulder_pan,"),
        ({"missing": ["thumb"]}, "no such motor"),
        ({"voltage": "much"}, "voltage: "),
    ],
)
def test_a_wrong_setting_says_what_is_right(fault_settings: dict[str, object], said: str) -> None:
    with pytest.raises(RobotError) as error:
        FaultSettings().with_changes(fault_settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
