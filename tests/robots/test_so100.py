"""The arm on its servo bus, against virtual servos that speak the wire protocol."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_arms import Running, plug_in, take_to, torques, unplug, virtual_arm
from waiting import PATIENCE_S, until

from configs.events import Event, tell_nobody
from configs.robot import SO101Config
from robots.arm import ARMS
from robots.base import (
    F32,
    GRIPPER,
    JOINTS,
    BusTimeout,
    CameraError,
    LoopStalled,
    NotConnected,
    RobotError,
    ServoFault,
    Uncalibrated,
)
from robots.feetech import calibration
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS, unlocked, unlocked_all
from robots.so100 import SO100Robot
from robots.virtual.fault_settings import FaultSettings
from teleop.base import TeleopError

FPS = 30
REST = np.array(SO101Config().rest_pose, np.float32)
RESET = np.array(SO101Config().reset_pose, np.float32)
LATE = 20.0  # what the busiest machine may add to a stated time [s]
UNHURRIED = {"patience_s": 2.0, "watchdog_s": 2.0, "let_down_s": 10.0, "deadman_s": 60.0}
"""Times that a busy machine keeps; the tests of one of them set it."""


@pytest.fixture
def servos(chain: Running) -> Running:
    """The virtual chain in order, as after its power was switched off and on."""
    chain.arm.set(**FaultSettings().model_dump(mode="json"))
    chain.arm.set(power_cycle=True)
    take_to(chain, dict(zip(JOINTS, REST.tolist(), strict=True)))
    return chain


@pytest.fixture
def reported() -> list[tuple[str, dict[str, Any]]]:
    return []


Reported = list[tuple[str, dict[str, Any]]]


def names(reported: Reported) -> list[str]:
    return [name for name, _ in reported]


def robot(
    servos: Running,
    reported: Reported | None = None,
    safety: dict[str, float] = UNHURRIED,
    **changes: Any,
) -> SO100Robot:
    def tell(event: Event) -> None:
        if reported is not None:
            reported.append((event.name, event.facts()))

    cfg = SO101Config(port=servos.port, safety=UNHURRIED | safety, **changes)
    return SO100Robot(cfg, FPS, tell)


def tick(arm: SO100Robot, target: F32) -> F32:
    """The control loop in short: command, wait, read; returns where the joints (6,) are."""
    arm.command(target)
    time.sleep(1 / FPS)
    return arm.read().joints


def run(arm: SO100Robot, ticks: int, target: F32 | None = None) -> None:
    goal = arm.read().joints if target is None else target
    for _ in range(ticks):
        tick(arm, goal)


def go(arm: SO100Robot, target: F32, there: F32 | None = None, near: float = 0.2) -> None:
    """Run until the joints are at ``target``, or as near as they may get."""
    goal = target if there is None else there
    until(lambda: bool(np.abs(tick(arm, target) - goal).max() < near))


def fail(arm: SO100Robot, servos: Running, **fault_settings: Any) -> None:
    """Run with a fault until it ends the run; how long that took is noted in the error [s]."""
    run(arm, 9, RESET)
    servos.arm.set(**fault_settings)
    began = time.monotonic()
    try:
        until(lambda: tick(arm, RESET) is None)
    except RobotError as error:
        error.after = time.monotonic() - began  # type: ignore[attr-defined]
        raise


def goals(servos: Running) -> list[int]:
    return [motor["goal"] for motor in servos.arm.report()["motors"].values()]


def new_violations(servos: Running, before: int) -> list[str]:
    return list(servos.arm.report()["violations"][before:])


def seen(servos: Running) -> int:
    return len(servos.arm.report()["violations"])


# connecting


def test_it_takes_hold_where_the_arm_stands_and_moves_where_it_is_reported(servos: Running) -> None:
    before = seen(servos)
    with robot(servos) as arm:
        here = arm.read().joints
        np.testing.assert_allclose(here[:GRIPPER], REST[:GRIPPER], atol=0.2)
        assert torques(servos) == {1}
        go(arm, RESET)
        until(lambda: bool((np.abs(arm.read().velocities) < 5).all()))
        reading = arm.read()
        assert reading.velocities is not None
        assert reading.currents is not None
        assert reading.images == {}
    assert new_violations(servos, before) == []


def test_leaving_it_goes_to_rest_and_is_released(servos: Running, reported: Reported) -> None:
    with robot(servos, reported) as arm:
        go(arm, RESET)
    assert torques(servos) == {0}
    assert "released" in names(reported)
    assert "torque_unwatched" not in names(reported)
    with robot(servos, rest_pose=None) as arm:
        np.testing.assert_allclose(arm.read().joints[:GRIPPER], REST[:GRIPPER], atol=1)


def test_a_rest_pose_of_null_stays_and_torque_may_stay_on(
    servos: Running, reported: Reported
) -> None:
    with robot(servos, reported, rest_pose=None, disable_torque_on_disconnect=False) as arm:
        run(arm, 15, RESET)
        there = arm.read().joints
    assert torques(servos) == {1}
    assert {"torque_unwatched", "torque_stays_on"} <= set(names(reported))
    with robot(servos) as arm:  # it is taken over as it is, without a fall
        np.testing.assert_allclose(arm.read().joints, there, atol=2)


def registers(bus: FeetechBus, *names: str) -> dict[str, list[int]]:
    return {name: [*bus.sync_read([name]).values[name].values()] for name in names}


def test_the_motors_are_configured_and_locked_again(servos: Running) -> None:
    expected = {
        "Return_Delay_Time": [0] * 6,
        "Operating_Mode": [0] * 6,
        "P_Coefficient": [20] * 6,
        "I_Coefficient": [1] * 6,
        "D_Coefficient": [30] * 6,
        "Maximum_Acceleration": [254] * 6,
        "Acceleration": [254] * 6,
        "Max_Torque_Limit": [1000] * 5 + [500],
        "Torque_Limit": [1000] * 5 + [125],
        "Lock": [1] * 6,
    }
    options = {"p_coefficient": 20, "i_coefficient": 1, "d_coefficient": 30}
    with robot(servos, safety={"max_grip": 12.5}, **options) as arm:
        bus = arm._servos.bus
        assert registers(bus, *expected) == expected
        assert bus.read("Protection_Current", "gripper") == 250
        assert bus.read("Overload_Torque", "gripper") == 25


@pytest.mark.parametrize("rest", [SO101Config().rest_pose, None], ids=["rested", "let down"])
def test_speed_and_strength_are_given_back_as_they_were_found(servos: Running, rest: Any) -> None:
    """What the next program finds, be it lerobot's, is what it would have without us."""
    names = ("Maximum_Acceleration", "Acceleration", "Goal_Velocity", "Torque_Limit")
    with FeetechBus(servos.port, MOTORS) as bus:
        bus.write("Torque_Limit", "elbow_flex", 777)
        bus.write("Acceleration", "wrist_flex", 33)
        found = registers(bus, *names)
    with robot(servos, rest_pose=rest):
        pass
    with FeetechBus(servos.port, MOTORS) as bus:
        assert registers(bus, *names) == found


def test_motors_that_count_many_turns_are_brought_back_to_one(servos: Running) -> None:
    with FeetechBus(servos.port, MOTORS) as bus:
        bus.write("Lock", "wrist_roll", 0)
        bus.write("Phase", "wrist_roll", bus.read("Phase", "wrist_roll") | 16)
    with robot(servos):
        pass
    with FeetechBus(servos.port, MOTORS) as bus:
        assert bus.read("Phase", "wrist_roll") & 16 == 0


REFUSED: dict[str, tuple[dict[str, Any], type[RobotError], str]] = {
    "a motor is missing": (
        {"missing": ["elbow_flex"]},
        BusTimeout,
        r"No answer of elbow_flex \(ID 3\); the other 5 motors answer",
    ),
    "all are missing": ({"missing": list(JOINTS)}, BusTimeout, "No motor answers on .*power on"),
    "another model": (
        {"model": {"gripper": 1029}},
        ServoFault,
        r"gripper \(ID 6\) is of model 1029, not 777",
    ),
    "an ID is given twice": (
        {"duplicate": ["wrist_roll"]},
        ServoFault,
        "Two motors have the ID 5, which is that of wrist_roll",
    ),
    "another firmware": (
        {"firmware": {"wrist_flex": [3, 9]}},
        ServoFault,
        "different firmware .*wrist_flex 3.9",
    ),
}


@pytest.mark.parametrize(("fault_settings", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_an_arm_that_is_not_as_expected_is_refused(
    servos: Running, fault_settings: dict[str, Any], error: type[RobotError], message: str
) -> None:
    servos.arm.set(**fault_settings)
    with pytest.raises(error, match=message) as caught, robot(servos):
        pass
    assert "\n" not in str(caught.value)
    assert torques(servos) == {0}
    servos.arm.set(**FaultSettings().model_dump(mode="json"))
    with robot(servos):  # and the port was closed
        pass


def test_a_motor_that_is_silent_as_the_arm_is_connected_is_waited_for(servos: Running) -> None:
    servos.arm.set(missing=["elbow_flex"], for_s=0.5)
    with robot(servos):
        pass


def test_motors_at_another_speed_do_not_answer(servos: Running) -> None:
    with pytest.raises(BusTimeout, match="No motor answers"), robot(servos, baud_rate=500_000):
        pass


def test_a_port_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(NotConnected, match="hil-app find-port"),
        SO100Robot(SO101Config(port=str(tmp_path / "no")), FPS, tell_nobody),
    ):
        pass


def test_it_must_be_entered_first(servos: Running) -> None:
    arm = robot(servos)
    for use in (arm.read, lambda: arm.command(RESET), lambda: arm.halt("why")):
        with pytest.raises(NotConnected, match="enter it first"):
            use()


# calibration


def held(servos: Running) -> dict[str, calibration.MotorCalibration]:
    with FeetechBus(servos.port, MOTORS) as bus:
        return calibration.of_motors(bus, MOTORS)


def test_a_saved_calibration_is_given_back_to_motors_that_lost_it(
    servos: Running, reported: Reported, tmp_path: Path
) -> None:
    original = held(servos)
    calibration.save(original, tmp_path / "mine.json")
    with FeetechBus(servos.port, MOTORS) as bus:
        bus.write("Lock", "elbow_flex", 0)
        bus.write("Homing_Offset", "elbow_flex", 77)
        bus.write("Min_Position_Limit", "elbow_flex", 5)
        bus.write("Lock", "elbow_flex", 1)
    with robot(servos, reported, id="mine", calibration_dir=tmp_path):
        pass
    assert held(servos) == original
    ((_, facts),) = [event for event in reported if event[0] == "calibration_restored"]
    assert "elbow_flex: homing_offset 77 → " in facts["note"]
    assert "gripper" not in facts["note"]
    servos.arm.set(power_cycle=True)
    assert held(servos) == original  # it was written to stay


def shifted(arm: dict[str, calibration.MotorCalibration], steps: int) -> Any:
    """The calibration of an arm whose horns sit elsewhere."""
    return {
        name: replace(motor, homing_offset=motor.homing_offset + steps)
        for name, motor in arm.items()
    }


@pytest.mark.parametrize(
    ("strange", "steps", "message"),
    [
        (True, 5, "The motors hold the calibration .*/hand.json, of another arm: are the ports of"),
        (False, 1000, r"mine.json does not fit this arm, with it \w+ would stand \d\d deg outside"),
    ],
    ids=["swapped", "elsewhere"],
)
def test_the_calibration_of_another_arm_is_refused_and_not_written(
    servos: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strange: bool,
    steps: int,
    message: str,
) -> None:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    original = held(servos)
    calibration.save(shifted(original, steps), tmp_path / "robots/so_follower/mine.json")
    if strange:
        calibration.save(original, tmp_path / "teleoperators/so_leader/hand.json")
    with pytest.raises(Uncalibrated, match=message), robot(servos, id="mine"):
        pass
    assert held(servos) == original
    assert torques(servos) == {0}


def test_a_zero_that_another_tool_has_moved_is_reported(
    servos: Running, reported: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torque_Enable 128 makes the present position the middle, and stays."""
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    original = held(servos)
    calibration.save(original, tmp_path / "robots/so_follower/mine.json")
    try:
        with FeetechBus(servos.port, MOTORS) as bus:
            bus.write("Torque_Enable", "wrist_flex", 128)
        with robot(servos, reported, rest_pose=None):
            pass
        ((_, facts),) = [event for event in reported if event[0] == "calibration_changed"]
        assert "mine.json but for wrist_flex: homing_offset" in facts["note"]
        with robot(servos, reported, rest_pose=None, id="mine"):
            pass
        assert held(servos) == original
    finally:
        with FeetechBus(servos.port, MOTORS) as bus, unlocked_all(bus, JOINTS):
            calibration.write_to(bus, original)


def test_motors_that_hold_a_leaders_calibration_are_reported(
    servos: Running, reported: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    calibration.save(held(servos), tmp_path / "teleoperators/so101_leader/hand.json")
    with robot(servos, reported):
        pass
    ((_, facts),) = [event for event in reported if event[0] == "other_arm"]
    assert "are the ports of leader and follower swapped?" in facts["note"]


def test_motors_as_new_are_refused_without_moving(servos: Running) -> None:
    original = held(servos)
    with FeetechBus(servos.port, MOTORS) as bus:
        calibration.write_to(
            bus, {"elbow_flex": replace(original["elbow_flex"], range_min=0, range_max=4095)}
        )
    with (
        pytest.raises(Uncalibrated, match=r"\(elbow_flex\): run `hil-app calibrate`"),
        robot(servos),
    ):
        pass
    assert torques(servos) == {0}


def test_a_joint_outside_of_its_range_is_not_jerked_back(servos: Running) -> None:
    original = held(servos)
    with FeetechBus(servos.port, MOTORS) as bus:
        lift = replace(original["shoulder_lift"], range_min=1700, range_max=2400)
        calibration.write_to(bus, {"shoulder_lift": lift})
    with pytest.raises(Uncalibrated, match=r"shoulder_lift stands \d\d deg outside"), robot(servos):
        pass
    assert torques(servos) == {0}


def test_a_gripper_that_counts_down_is_turned_round(servos: Running) -> None:
    with robot(servos) as arm:
        up = arm.read().joints
    with robot(servos, gripper_opens="down", rest_pose=None) as arm:
        down = arm.read().joints
    assert up[GRIPPER] + down[GRIPPER] == pytest.approx(100, abs=0.5)
    np.testing.assert_allclose(up[:GRIPPER], down[:GRIPPER], atol=0.2)


@pytest.mark.parametrize("name", ARMS)
def test_signs_and_offsets_map_motors_to_the_arms_model(name: str) -> None:
    arm, rng = ARMS[name], np.random.default_rng(0)
    signs, offsets = (1, -1, 1, -1, 1), (1.0, 20.0, -3.0, 4.0, 5.0)
    mapped = arm.calibrated(signs, offsets)
    motor = rng.uniform(-50, 50, 6).astype(np.float32)
    plain = motor.copy()
    plain[:GRIPPER] = np.multiply(signs, motor[:GRIPPER] - offsets)
    np.testing.assert_allclose(mapped.to_urdf(motor), arm.to_urdf(plain), atol=1e-6)
    np.testing.assert_allclose(mapped.from_urdf(mapped.to_urdf(motor)), motor, atol=1e-3)
    low, high = arm.limits[1]
    assert mapped.limits[1] == pytest.approx([20 - high, 20 - low])
    assert arm.calibrated(None, (0.0,) * 5).limits == pytest.approx(arm.limits)


def test_a_robot_uses_its_signs_and_offsets(servos: Running) -> None:
    changed = robot(servos, joint_signs=(1, 1, -1, 1, 1), joint_offsets=(5.0, 0, 0, 0, 0))
    expected = ARMS["so101"].calibrated((1, 1, -1, 1, 1), (5.0, 0, 0, 0, 0))
    np.testing.assert_array_equal(changed.spec.limits, expected.limits)
    assert changed.spec.arm is not None
    np.testing.assert_array_equal(changed.spec.arm.zero, expected.zero)


# every command


def test_a_far_target_is_approached_at_the_speed_limit_from_the_first_command_on(
    servos: Running,
) -> None:
    with robot(servos, safety={"max_speed": 60.0}) as arm:
        last = arm.read().joints
        for _ in range(20):
            sent = arm.command(RESET)
            assert (np.abs(sent - last)[:GRIPPER] <= 60 / FPS + 0.1).all()
            assert abs(sent - last)[GRIPPER] <= 2 * 60 / FPS + 0.1
            last = sent
            arm.read()


def test_a_target_may_not_lead_the_arm_by_more_than_max_relative_target(servos: Running) -> None:
    servos.arm.set(stuck=["shoulder_lift"], load={"shoulder_lift": 0})
    with robot(servos, max_relative_target=3.0, safety={"stall_error": 90.0}) as arm:
        for _ in range(4):
            arm.command(RESET)
            reading = arm.read()
        lead = arm.command(RESET) - reading.joints
        assert (np.abs(lead) <= 3.1).all()
        assert lead[1] == pytest.approx(3.0, abs=0.1)


def test_a_target_beyond_the_limits_goes_to_the_limit(servos: Running) -> None:
    before = seen(servos)
    with robot(servos, safety={"max_speed": 150.0}) as arm:
        far = np.float32([500, 0, 0, 0, 500, 500])
        there = np.float32([arm.spec.limits[0, 1], 0, 0, 0, arm.spec.limits[4, 1], 100])
        go(arm, far, there)
        assert arm.command(far) == pytest.approx(there, abs=0.1)
    assert new_violations(servos, before) == []


def test_joint_limits_bound_a_run_and_not_the_way_to_rest(servos: Running) -> None:
    limits = [(-20, 20), (-50, 10), (0, 80), (70, 95), (-5, 5), (10, 40)]
    with robot(servos, joint_limits=limits) as arm:
        run(arm, 45, RESET)
        go(arm, np.float32([90, -90, -90, 0, 90, 100]), np.float32([20, -50, 0, 70, 5, 40]), 0.3)
        run(arm, 5, np.float32([90, -90, -90, 0, 90, 100]))
        np.testing.assert_allclose(arm.read().joints, [20, -50, 0, 70, 5, 40], atol=0.3)
    with robot(servos, rest_pose=None) as arm:
        np.testing.assert_allclose(arm.read().joints[:GRIPPER], REST[:GRIPPER], atol=3)


def test_what_is_not_a_number_is_refused(servos: Running) -> None:
    with robot(servos) as arm, pytest.raises(RobotError, match="not finite"):
        arm.command(np.full(6, np.nan, np.float32))


def test_halted_it_stays_where_it_is_until_it_is_let_down(
    servos: Running, reported: Reported
) -> None:
    with robot(servos, reported) as arm:
        run(arm, 10, RESET)
        arm.halt("emergency stop")
        there = goals(servos)
        run(arm, 9, RESET)
        assert goals(servos) == there
        stopped = arm.read().joints
    assert torques(servos) == {0}
    assert ("halted", {"cause": "emergency stop"}) in reported
    with robot(servos, rest_pose=None) as arm:  # it did not go to rest
        np.testing.assert_allclose(arm.read().joints, stopped, atol=1)


def test_a_loop_that_falls_silent_leaves_an_arm_that_holds(
    servos: Running, reported: Reported
) -> None:
    servos.arm.set(stuck=["shoulder_lift"], load={"shoulder_lift": 0})

    def pushed() -> int:
        lift = servos.arm.report()["motors"]["shoulder_lift"]
        return abs(lift["goal"] - lift["present"])

    with robot(servos, reported, safety={"stall_error": 90.0, "watchdog_s": 0.2}) as arm:
        until(lambda: tick(arm, RESET) is not None and pushed() > 100)
        until(lambda: "watchdog_held" in names(reported))
        assert ("watchdog_held", {"after_s": 0.2}) in reported
        until(lambda: pushed() < 40)
        servos.arm.set(stuck=[])
        before = seen(servos)
        run(arm, 9, RESET)
        assert new_violations(servos, before) == []


Stall = Callable[[SO100Robot, threading.Event], None]


def stalls(_: SO100Robot, over: threading.Event) -> None:
    assert over.wait(PATIENCE_S)


def stalls_with_the_bus(arm: SO100Robot, over: threading.Event) -> None:
    with arm._servos.bus.lock:
        assert over.wait(PATIENCE_S)


@pytest.mark.parametrize("stall", [stalls, stalls_with_the_bus])
@pytest.mark.parametrize("disable_torque_on_disconnect", [True, False])
def test_a_loop_that_stays_silent_has_its_arm_let_down_and_moves_it_no_more(
    servos: Running, reported: Reported, stall: Stall, disable_torque_on_disconnect: bool
) -> None:
    over, off, there = threading.Event(), list[float](), list[int]()

    def look() -> None:
        began = time.monotonic()
        until(lambda: torques(servos) == {0})
        off.append(time.monotonic() - began)
        over.set()

    def stalled(arm: SO100Robot) -> None:
        run(arm, 30, RESET)
        watching = threading.Thread(target=look)
        watching.start()
        stall(arm, over)
        watching.join()
        there.extend(goals(servos))
        for late in (arm.read, lambda: arm.halt("too late")):
            with pytest.raises(LoopStalled):
                late()
        arm.command(REST)

    changes = {"disable_torque_on_disconnect": disable_torque_on_disconnect}
    arm = robot(servos, reported, safety={"watchdog_s": 0.3, "let_down_s": 0.6}, **changes)
    with pytest.raises(LoopStalled, match=r"for 0\.6 s, so it was let down: see what held"), arm:
        stalled(arm)
    let_down = 1.0
    assert 0.5 < off[0] < 0.6 * 1.25 + 0.5 + let_down + LATE
    assert torques(servos) == {0}
    assert goals(servos) == there
    assert "watchdog_let_down" in names(reported)
    assert "rest_not_reached" not in names(reported)


# what goes wrong on the way


def test_lost_and_damaged_packets_never_end_a_run(servos: Running) -> None:
    with robot(servos) as arm:
        servos.arm.set(drop=0.05, corrupt=0.05, truncate=0.02, garbage=0.05, delay_share=0.02)
        run(arm, 60, RESET)
        go(arm, RESET, near=1)
        servos.arm.set(**FaultSettings().model_dump(mode="json"))
    assert torques(servos) == {0}


def test_a_motor_that_stays_silent_ends_it_in_time_and_the_others_are_released(
    servos: Running, reported: Reported
) -> None:
    message = r"wrist_flex \(ID 4\) gives no good answer \(no answer\)"
    made = robot(servos, reported, safety={"patience_s": 0.5})
    with pytest.raises(BusTimeout, match=message) as caught, made as arm:
        fail(arm, servos, missing=["wrist_flex"])
    assert 0.3 < caught.value.after < 0.5 + 0.2 + LATE
    report = servos.arm.report()["motors"]
    assert {name for name in JOINTS if report[name]["torque_enable"]} == {"wrist_flex"}
    ((_, facts),) = [event for event in reported if event[0] == "torque_left_on"]
    assert facts["cause"].startswith("wrist_flex may still have torque: switch off")


def test_a_motor_that_is_silent_for_a_moment_is_borne(servos: Running, reported: Reported) -> None:
    with robot(servos, reported) as arm:
        servos.arm.set(missing=["wrist_flex"])
        run(arm, 3)
        servos.arm.set(missing=[])
        run(arm, 15)
    assert ("motor_silent", {"motor": "wrist_flex", "reason": "no answer"}) in reported


def test_a_port_that_comes_back_in_time_is_taken_up_again(
    servos: Running, reported: Reported
) -> None:
    with robot(servos, reported) as arm:
        run(arm, 6, RESET)
        unplug(servos)
        run(arm, 3, RESET)
        plug_in(servos)
        until(lambda: tick(arm, RESET) is not None and "port_back" in names(reported))
        go(arm, RESET, near=1)
    assert [name for name in names(reported) if name.startswith("port")] == [
        "port_gone",
        "port_back",
    ]
    assert torques(servos) == {0}


def use_until_swapped(port: str, reported: Reported, swap: Callable[[], None]) -> None:
    """Use the arm on ``port`` for a while, then what is there after the ``swap``."""

    def tell(event: Event) -> None:
        reported.append((event.name, event.facts()))

    with SO100Robot(SO101Config(port=port), FPS, tell) as arm:
        run(arm, 9, RESET)
        swap()
        until(lambda: tick(arm, RESET) is None)


def test_nothing_is_sent_to_another_arm_that_has_the_port_now(
    servos: Running, reported: Reported, tmp_path: Path
) -> None:
    link = tmp_path / "arm"
    link.symlink_to(os.path.realpath(servos.port))
    with virtual_arm() as other, FeetechBus(other.port, MOTORS) as bus:
        with unlocked(bus, "elbow_flex"):
            bus.write("Homing_Offset", "elbow_flex", 1000)
        for name in JOINTS:
            bus.write("Torque_Enable", name, 1)
        bus.close()
        before = goals(other)

        def swap() -> None:
            servos.arm.set(gone_s=600)
            link.unlink()
            link.symlink_to(os.path.realpath(other.port))

        with pytest.raises(NotConnected, match="is another arm's since it came back"):
            use_until_swapped(str(link), reported, swap)
        assert (goals(other), torques(other)) == (before, {1})
        plug_in(servos)
    assert [name for name in names(reported) if name.startswith("port")][-1] == "port_gone"
    assert "torque_left_on" in names(reported)  # of the arm that is nobody knows where


def test_a_port_that_is_gone_ends_it_in_time(servos: Running, reported: Reported) -> None:
    made = robot(servos, reported, safety={"patience_s": 0.5})
    with pytest.raises(NotConnected, match="is gone: plug") as caught, made as arm:
        fail(arm, servos, gone_s=600)
    assert 0.3 < caught.value.after < 0.5 + LATE
    assert "\n" not in str(caught.value)
    assert "torque_left_on" in names(reported)
    plug_in(servos)


def test_a_lasting_overload_holds_then_lets_the_arm_down(
    servos: Running, reported: Reported
) -> None:
    message = r"elbow_flex reports overload.*let down"
    with pytest.raises(ServoFault, match=message) as caught, robot(servos, reported) as arm:
        fail(arm, servos, errors={"elbow_flex": 32})
    assert 1.9 <= caught.value.after < 2.0 + LATE
    responses = [facts["response"] for name, facts in reported if name == "trouble"]
    assert responses == ["hold", "back_off", "release"]
    assert torques(servos) == {0}


def test_motors_that_lost_their_power_for_a_moment_get_their_torque_back(
    servos: Running, reported: Reported
) -> None:
    with robot(servos, reported) as arm:
        run(arm, 9, RESET)
        servos.arm.set(missing=["gripper"])
        run(arm, 3)
        servos.arm.set(power_cycle=True)
        assert torques(servos) == {0}
        servos.arm.set(missing=[])
        before = seen(servos)
        until(lambda: tick(arm, RESET) is not None and torques(servos) == {1})
        assert new_violations(servos, before) == []
    assert "torque_lost" in names(reported)


@pytest.mark.parametrize("error", [CameraError, TeleopError, ValueError])
def test_an_error_that_is_not_the_arms_brings_it_to_rest(
    servos: Running, error: type[Exception]
) -> None:
    def loop(arm: SO100Robot) -> None:
        run(arm, 12, RESET)
        raise error("of something else")

    with pytest.raises(error), robot(servos) as arm:
        loop(arm)
    with robot(servos, rest_pose=None) as arm:
        np.testing.assert_allclose(arm.read().joints[:GRIPPER], REST[:GRIPPER], atol=3)


def test_after_a_fault_of_a_motor_torque_does_not_stay_on(servos: Running) -> None:
    stays = {"disable_torque_on_disconnect": False}
    with pytest.raises(ServoFault), robot(servos, **stays) as arm:
        fail(arm, servos, errors={"elbow_flex": 4})
    assert torques(servos) == {0}


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_whatever_error_ends_it_torque_is_released(
    servos: Running, error: type[BaseException]
) -> None:
    def loop(arm: SO100Robot) -> None:
        run(arm, 6, RESET)
        raise error("of the loop")

    with pytest.raises(error), robot(servos) as arm:
        loop(arm)
    assert torques(servos) == {0}


@pytest.mark.parametrize("held_before", [0, 1])
def test_poses_that_the_calibrated_arm_cannot_take_are_refused_before_anything_changes(
    servos: Running, held_before: int
) -> None:
    with FeetechBus(servos.port, MOTORS) as bus:
        bus.sync_write("Torque_Enable", dict.fromkeys(JOINTS, held_before))
        before = bus.sync_read(["P_Coefficient", "Goal_Position"]).values
    here = servos.arm.report()["motors"]
    pose = (0.0, -60.0, 60.0, 60.0, 0.0, 500.0)
    refused = pytest.raises(RobotError, match=r"robot.reset_pose .*\(gripper 500, not 0 to 100\)")
    with refused, robot(servos, reset_pose=pose):
        raise AssertionError
    assert torques(servos) == {held_before}
    assert {name: motor["goal"] for name, motor in servos.arm.report()["motors"].items()} == {
        name: motor["goal"] for name, motor in here.items()
    }
    with FeetechBus(servos.port, MOTORS) as bus:
        assert bus.sync_read(["P_Coefficient", "Goal_Position"]).values == before
        bus.sync_write("Torque_Enable", dict.fromkeys(JOINTS, 0))


def test_a_slow_arm_comes_to_rest_all_the_same(servos: Running, reported: Reported) -> None:
    with robot(servos, reported, safety={"max_speed": 40.0}) as arm:
        go(arm, np.float32([20, -70, 85, 60, 0, 5]), near=1)
    assert "rest_not_reached" not in names(reported)
    with robot(servos, rest_pose=None) as arm:
        np.testing.assert_allclose(arm.read().joints[:GRIPPER], REST[:GRIPPER], atol=3)
