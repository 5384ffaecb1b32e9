"""A leader arm on a virtual servo bus: who drives it, and what becomes of it when it is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import written
from virtual_arms import Running, plug_in, take_to, unplug
from waiting import until

from configs.events import Event, tell_nobody
from configs.teleop import SO101LeaderConfig
from robots.base import F32, GRIPPER, JOINTS
from robots.feetech import calibration, servos
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS
from teleop.base import NEUTRAL, TeleopError, TeleopSample
from teleop.leader import Leader

PERIOD = 1 / 30
POSE = np.array([20, -60, 40, 30, -25, 55], np.float32)  # of the follower
HELD = dict(zip(JOINTS, [-10.0, -80.0, 70.0, 45.0, 10.0, 30.0], strict=True))  # by the hand


@pytest.fixture
def arm(chain: Running) -> Iterator[Running]:
    yield chain
    chain.arm.hand(None)
    chain.arm.set(missing=(), drop=0.0, latency_ms=0.0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that waits for an answer for as long as a busy machine keeps it from coming."""
    monkeypatch.setattr(servos, "FeetechBus", partial(FeetechBus, timeout_s=0.7))


class Bench:
    """A leader whose follower is a list that the test writes."""

    def __init__(self, port: str, demonstrating: bool, **options: Any) -> None:
        self.follower = POSE.copy()
        self.reported: list[dict[str, Any]] = []
        cfg = SO101LeaderConfig(port=port, **options)
        self.leader = Leader(
            cfg, lambda: self.follower, PERIOD, self.tell, demonstrating=demonstrating
        )

    def tell(self, event: Event) -> None:
        self.reported.append(written(event))

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.reported]

    def polls(self, count: int) -> list[TeleopSample]:
        return [self.poll() for _ in range(count)]

    def poll(self) -> TeleopSample:
        time.sleep(PERIOD)
        return self.leader.read()

    def until(self, done: Callable[[TeleopSample], bool]) -> TeleopSample:
        sample = self.poll()

        def look() -> bool:
            nonlocal sample
            return done(sample) or done(sample := self.poll())

        until(look)
        return sample


@contextmanager
def bench(arm: Running, demonstrating: bool = False, **options: Any) -> Iterator[Bench]:
    made = Bench(arm.port, demonstrating, **options)
    before = len(arm.arm.report()["violations"])
    with made.leader:
        yield made
    assert arm.arm.report()["violations"][before:] == []
    assert torque(arm) == {0}


def motors(arm: Running, what: str) -> list[int]:
    return [motor[what] for motor in arm.arm.report()["motors"].values()]


def torque(arm: Running) -> set[int]:
    return set(motors(arm, "torque_enable"))


def joints(steps: list[int]) -> F32:
    """Joints of steps; a virtual arm is calibrated about 2047."""
    with_gripper = np.array(steps, np.float64)
    return ((with_gripper - 2047) * calibration.DEGREES).astype(np.float32)


def goal(arm: Running) -> F32:
    return joints(motors(arm, "goal"))


def hold(arm: Running, bench: Bench) -> TeleopSample:
    """The hand takes the limp leader to where it holds it."""
    arm.arm.hand(HELD)
    wanted = np.array(list(HELD.values()))
    return bench.until(lambda s: s.joints is not None and np.allclose(s.joints, wanted, atol=0.5))


def test_it_goes_where_the_arm_goes_with_little_torque_and_at_a_limited_speed(arm: Running) -> None:
    with bench(arm, follow_torque=25, follow_speed=60) as it:
        assert torque(arm) == {1}
        goals = [goal(arm)]
        for _ in range(8):
            assert it.poll() == TeleopSample(NEUTRAL)
            goals.append(goal(arm))
        steps = np.abs(np.diff(goals, axis=0))[:, :GRIPPER]
        assert 1.9 < steps.max() <= 60 * PERIOD + 0.1
        it.until(lambda _: bool(np.abs(goal(arm) - POSE)[:GRIPPER].max() < 0.1))
        bus = it.leader._servos.bus
        assert set(bus.sync_read(["Torque_Limit"]).values["Torque_Limit"].values()) == {250}
        assert bus.read("Goal_Velocity", "elbow_flex") == round(1.5 * 60 * 4095 / 360)
    with FeetechBus(arm.port, MOTORS) as bus:  # it may be the arm that moves, next time
        assert set(bus.sync_read(["Torque_Limit"]).values["Torque_Limit"].values()) == {1000}
        assert bus.read("Goal_Velocity", "elbow_flex") == 0


@pytest.mark.usefixtures("patient")
def test_a_poll_is_one_read_and_while_it_follows_one_write(arm: Running) -> None:
    with bench(arm) as it:
        for packets in (2, 1):
            it.polls(2)
            before = arm.arm.report()["packets"]
            it.polls(5)
            assert arm.arm.report()["packets"] - before == 5 * packets
            it.leader.switch()


def test_who_takes_over_has_a_limp_leader_and_acts_with_its_joints(arm: Running) -> None:
    with bench(arm) as it:
        it.polls(3)
        it.leader.switch()
        sample = it.poll()
        assert torque(arm) == {0}
        assert sample.intervening
        np.testing.assert_array_equal(sample.action, NEUTRAL)
        held = hold(arm, it).joints
        assert held is not None
        assert held[GRIPPER] == pytest.approx(30, abs=0.5)
        assert it.names[-1] == "taken_over"


def test_handed_back_it_holds_where_it_is_and_then_goes_to_the_arm_without_a_jump(
    arm: Running,
) -> None:
    with bench(arm, follow_speed=60) as it:
        it.leader.switch()
        hold(arm, it)
        arm.arm.hand(None)
        here = joints(motors(arm, "present"))
        assert np.abs(here - POSE)[:GRIPPER].max() > 25
        it.leader.switch()
        goals = [here]
        for _ in range(10):
            assert not it.poll().intervening
            goals.append(goal(arm))
        assert torque(arm) == {1}
        steps = np.abs(np.diff(goals, axis=0))[:, :GRIPPER]
        assert steps.max() <= 60 * PERIOD + 0.1
        assert it.names[-1] == "handed_back"


def test_held_back_by_a_hand_it_does_not_gather_a_way_to_snap_along(arm: Running) -> None:
    with bench(arm) as it:
        it.polls(2)
        arm.arm.hand(HELD)
        it.polls(60)
        here = joints(motors(arm, "present"))
        assert np.abs(here - POSE)[:GRIPPER].max() > 25
        assert np.abs(goal(arm) - here)[:GRIPPER].max() < 20 + 90 * PERIOD + 0.2
        arm.arm.hand(None)
        it.until(lambda _: bool(np.abs(goal(arm) - POSE)[:GRIPPER].max() < 0.1))


def test_in_demonstrations_it_leads_in_every_episode_and_follows_between_them(
    arm: Running,
) -> None:
    with bench(arm, demonstrating=True) as it:
        for _ in range(2):
            assert it.leader.idle() == TeleopSample(NEUTRAL)
            assert torque(arm) == {1}
            assert it.leader.read().intervening
            assert torque(arm) == {0}
        it.leader.switch()
        assert not it.leader.read().intervening  # a pause
        it.leader.idle()
        assert it.leader.read().intervening
    assert it.names.count("taken_over") == 3


def test_a_leader_that_is_lost_while_it_leads_makes_the_arm_hold_until_the_operator_says_so(
    arm: Running,
) -> None:
    with bench(arm, demonstrating=True, patience_s=2) as it:
        it.poll()
        arm.arm.set(missing=("elbow_flex",))
        sample = it.poll()
        assert (sample.intervening, sample.joints) == (True, None)
        np.testing.assert_array_equal(sample.action, NEUTRAL)
        assert "leader_lost" in it.names  # at once
        it.leader.switch()
        assert it.names[-1] == "not_switched"
        assert it.poll().joints is None
        arm.arm.set(missing=())
        assert [sample.joints for sample in it.polls(5)] == [None] * 5  # it is back, and waits
        assert "leader_back" in it.names
        it.leader.switch()
        assert it.poll().joints is not None


@pytest.mark.parametrize("demonstrating", [True, False])
def test_a_leader_that_stays_lost_ends_the_run_and_lets_go_of_what_it_can(
    arm: Running, demonstrating: bool
) -> None:
    it = Bench(arm.port, demonstrating, patience_s=0.2)

    def work() -> None:
        with it.leader:
            it.polls(2)
            arm.arm.set(missing=("gripper",))
            it.polls(50)

    with pytest.raises(TeleopError, match=r"The leader is lost\. gripper \(ID 6\)"):
        work()
    left = next(event for event in it.reported if event["event"] == "leader_torque_left_on")
    assert left["cause"].startswith("gripper may still have torque: switch off the arm's power")
    assert motors(arm, "torque_enable")[:GRIPPER] == [0] * GRIPPER


def test_a_port_that_is_gone_for_a_moment_is_borne(arm: Running) -> None:
    with bench(arm, patience_s=2) as it:
        it.polls(3)
        unplug(arm)
        it.polls(2)
        plug_in(arm)
        it.until(lambda _: "leader_back" in it.names)
        it.follower = POSE - 5
        it.until(lambda _: bool(np.abs(goal(arm) - POSE + 5)[:GRIPPER].max() < 0.1))


def test_a_leader_that_is_not_polled_for_too_long_is_let_down(arm: Running) -> None:
    it = Bench(arm.port, False, deadman_s=1)

    def work() -> None:
        with it.leader:
            it.polls(3)
            assert torque(arm) == {1}
            until(lambda: torque(arm) == {0})
            it.polls(3)

    with pytest.raises(TeleopError, match="stood still for 1 s"):
        work()
    assert torque(arm) == {0}


def test_a_port_that_stays_gone_ends_the_run(arm: Running) -> None:
    it = Bench(arm.port, True, patience_s=0.2)

    def work() -> None:
        with it.leader:
            it.polls(2)
            unplug(arm)
            it.until(lambda _: False)

    with pytest.raises(TeleopError, match=rf"The leader is lost\. {arm.port} is gone"):
        work()
    assert "leader_lost" in it.names
    plug_in(arm)


@pytest.mark.parametrize("leading", [True, False])
def test_after_a_power_cut_it_is_as_weak_as_before_and_does_what_it_did(
    arm: Running, leading: bool
) -> None:
    with bench(arm, demonstrating=leading, patience_s=2, follow_torque=20) as it:
        it.polls(2)
        arm.arm.set(connected=JOINTS[:3])
        it.until(lambda _: "leader_motor_silent" in it.names)
        arm.arm.set(connected=JOINTS)
        it.until(lambda _: "leader_back" in it.names)
        it.polls(2)
        assert torque(arm) == {int(not leading)}
        bus = it.leader._servos.bus
        assert set(bus.sync_read(["Torque_Limit"]).values["Torque_Limit"].values()) == {200}


@pytest.mark.usefixtures("patient")
def test_lost_packets_are_no_lost_leader(arm: Running) -> None:
    with bench(arm, demonstrating=True, patience_s=2) as it:
        it.poll()
        arm.arm.set(drop=0.02)
        samples = it.polls(20)
        arm.arm.set(drop=0.0)
    assert all(sample.joints is not None for sample in samples)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("demonstrating", [True, False])
def test_its_torque_is_released_on_every_way_out(
    arm: Running, demonstrating: bool, error: BaseException
) -> None:
    def work(it: Bench) -> None:
        it.poll()
        raise error

    with pytest.raises(type(error)), bench(arm, demonstrating) as it:
        work(it)
    assert torque(arm) == {0}


def test_torque_that_cannot_be_released_is_an_error_of_its_own(arm: Running) -> None:
    it = Bench(arm.port, True)

    def work() -> None:
        with it.leader:
            it.poll()
            arm.arm.set(missing=("wrist_roll",))

    with pytest.raises(TeleopError, match="wrist_roll may still have torque"):
        work()


def test_its_calibration_is_looked_for_where_lerobot_keeps_those_of_leaders(
    arm: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    with pytest.raises(TeleopError, match=str(tmp_path / "teleoperators/so_leader/mine.json")):
        Bench(arm.port, True, id="mine").leader.__enter__()
    with FeetechBus(arm.port, MOTORS) as bus:
        held = calibration.of_motors(bus, MOTORS)
    calibration.save(held, tmp_path / "teleoperators/so_leader/mine.json")
    with bench(arm, id="mine"):
        pass


def test_its_port_s_speed_its_calibration_s_folder_and_its_gripper_s_way_are_options(
    arm: Running, tmp_path: Path
) -> None:
    with pytest.raises(TeleopError, match="No motor answers"):
        Bench(arm.port, True, baud_rate=500_000).leader.__enter__()
    with pytest.raises(TeleopError, match=str(tmp_path / "mine.json")):
        Bench(arm.port, True, id="mine", calibration_dir=tmp_path).leader.__enter__()
    take_to(arm, {"gripper": 30.0})
    with bench(arm, demonstrating=True, gripper_opens="down") as it:
        it.until(lambda s: s.joints is not None and abs(float(s.joints[GRIPPER]) - 70) < 0.5)


def test_the_arm_is_held_while_the_leader_comes_and_goes(arm: Running) -> None:
    """Both take longer than an arm may be without a command."""
    seen: list[set[int]] = []

    @contextmanager
    def meanwhile() -> Iterator[None]:
        seen.append(torque(arm))
        yield
        seen.append(torque(arm))

    cfg = SO101LeaderConfig(port=arm.port)
    with Leader(
        cfg, lambda: POSE, PERIOD, tell_nobody, demonstrating=False, meanwhile=meanwhile
    ) as leader:
        assert leader.entered
    assert not leader.entered
    assert seen == [{0}, {1}, {1}, {0}]
