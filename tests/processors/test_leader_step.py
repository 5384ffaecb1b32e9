"""A leader arm in the action pipeline: what is recorded is what is executed, and nothing jumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sample_ticks import (
    CLOSE,
    OPEN,
    STAY,
    action,
    assert_leaves_its_input_alone,
    bounded,
    command,
    f32,
    flat,
    gripper_of,
)

from configs.processor import ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from configs.teleop import SO100LeaderConfig
from hil_app.build.actions import action_steps
from hil_app.build.steps import with_steps
from processors.base import Command, Pipeline
from processors.leader import GripperRule
from robots.arm import ARMS
from robots.base import F32, GRIPPER, Reading
from robots.kinematics import Kinematics
from teleop.base import NEUTRAL, NO_INPUT, TeleopSample

CONFIG = ProcessorConfig(step_size=(0.007, 0.007, 0.007))
LOW, HIGH, STEP = (f32(*v) for v in (CONFIG.bounds.min, CONFIG.bounds.max, CONFIG.step_size))
LIMIT = CONFIG.inverse_kinematics
RESET = {"so100": f32(*SO100SimConfig().reset_pose), "so101": f32(*SO101SimConfig().reset_pose)}
KINEMATICS = {name: Kinematics(arm) for name, arm in ARMS.items()}
GRIPPER_ENDS = GripperRule(GRIPPER, 0.0, 45.0, 100.0)

each_arm = pytest.mark.parametrize("arm", ARMS)
each_mode = pytest.mark.parametrize("control", ["end_effector", "joints"])
offsets = st.tuples(*[st.floats(-40, 40, width=32)] * 5, st.floats(-20, 20, width=32))
walks = st.lists(st.tuples(offsets, st.integers(1, 10)), min_size=1, max_size=6)


def pipeline(arm: str, control: str, config: ProcessorConfig = CONFIG) -> Pipeline[Command]:
    leader = SO100LeaderConfig.model_validate({"control": control})
    solver = KINEMATICS[arm]
    context = {"kinematics": solver, "processor": config, "wrist": None}
    steps = with_steps(action_steps(config, solver), leader.steps, "action", **context)
    return Pipeline("action", steps)


def at_reset(arm: str) -> Command:
    return Command.at_reset(Reading(RESET[arm], stamp=0.0), KINEMATICS[arm].tip(RESET[arm]))


def run(line: Pipeline[Command], first: Command, leads: Sequence[F32 | None]) -> list[Command]:
    """Tick after tick of an arm that is where it was sent; None: the policy stands still."""
    done, goal, led = [], first.goal, False
    for tick, joints in enumerate(leads, 1):
        sample = NO_INPUT if joints is None else TeleopSample(NEUTRAL, True, joints=joints)
        there = Reading(goal.joints, stamp=0.1 * tick)
        asked = replace(
            first,
            tick=tick,
            reading=there,
            sample=sample,
            before=goal,
            goal=goal,
            intervening_before=led,
        )
        done.append(line(asked))
        goal, led = done[-1].goal, sample.intervening
    return done


def assert_sound(arm: str, done: Command) -> None:
    """Within every limit; the recorded action is the executed one, unless the arm holds."""
    moved = np.abs(done.goal.joints - done.before.joints)[:GRIPPER]
    assert moved.max() <= LIMIT.max_joint_step + 1e-4
    delta = done.goal.tip - done.before.tip
    assert (np.abs(delta) <= STEP + 1e-6).all()
    assert (np.abs(done.action[:3]) <= 1.0).all()
    assert (done.goal.tip >= LOW - 1e-5).all()
    assert (done.goal.tip <= HIGH + 1e-5).all()
    error = np.linalg.norm(KINEMATICS[arm].tip(done.goal.joints) - done.goal.tip)
    assert error <= LIMIT.max_error + 1e-6
    clipped = np.clip(done.before.tip + done.action[:3] * STEP, LOW, HIGH) - done.before.tip
    if delta.any():
        np.testing.assert_allclose(delta, clipped, atol=1e-5)


@each_arm
@each_mode
@settings(bounded, max_examples=60)
@given(walks)
def test_wherever_the_leader_goes_the_arm_stays_within_limits_and_records_what_it_does(
    arm: str, control: str, walk: list[tuple[tuple[float, ...], int]]
) -> None:
    leads = [RESET[arm] + f32(*offset) for offset, ticks in walk for _ in range(ticks)]
    for done in run(pipeline(arm, control), at_reset(arm), leads):
        assert_sound(arm, done)


@each_arm
@each_mode
def test_a_leader_40_deg_away_is_approached_without_a_jump(arm: str, control: str) -> None:
    leader = RESET[arm] + f32(40, 0, 0, 0, 0, 0)
    done = run(pipeline(arm, control), at_reset(arm), [None, None, *[leader] * 60])
    for tick in done:
        assert_sound(arm, tick)
    steps = [np.abs(tick.goal.joints - tick.before.joints)[:GRIPPER].max() for tick in done]
    assert max(steps[:2]) < 0.1
    assert max(steps) < 6  # 7 mm a tick at a reach of some 20 cm, and two axes at once
    gaps = np.array([np.abs(tick.goal.joints - leader)[0] for tick in done[2:]])
    assert (np.diff(gaps) < 0.5).all()
    tip = KINEMATICS[arm].tip(leader)
    np.testing.assert_allclose(done[-1].goal.tip, np.clip(tip, LOW, HIGH), atol=1e-3)


@each_arm
@each_mode
def test_handed_back_to_a_policy_that_stands_still_the_arm_stands_still(
    arm: str, control: str
) -> None:
    leader = RESET[arm] + f32(15, 10, -10, 5, 20, 0)
    first, led = at_reset(arm), [leader] * 40
    *_, last = run(pipeline(arm, control), first, led)
    for tick in run(pipeline(arm, control), replace(first, goal=last.goal), [None] * 20):
        assert_sound(arm, tick)
        steps = np.abs(tick.goal.joints - tick.before.joints)[:GRIPPER]
        assert steps.max() < 1.5  # the fingers turn down again, about a tip that stays
        np.testing.assert_allclose(tick.goal.tip, last.goal.tip, atol=1e-6)


@each_arm
def test_in_joint_control_every_joint_gets_to_where_the_leader_has_it(arm: str) -> None:
    leader = RESET[arm] + f32(12, 8, -8, 7, 50, 0)
    *_, last = run(pipeline(arm, "joints"), at_reset(arm), [leader] * 60)
    np.testing.assert_allclose(last.goal.joints[:GRIPPER], leader[:GRIPPER], atol=1e-3)
    np.testing.assert_allclose(last.goal.tip, KINEMATICS[arm].tip(leader), atol=1e-6)
    np.testing.assert_allclose(last.action[:3], 0, atol=1e-3)


@each_arm
def test_in_end_effector_control_the_wrist_does_not_roll(arm: str) -> None:
    leader = RESET[arm] + f32(12, 8, -8, 7, 50, 0)
    *_, last = run(pipeline(arm, "end_effector"), at_reset(arm), [leader] * 60)
    assert last.goal.joints[4] == RESET[arm][4]
    np.testing.assert_allclose(last.goal.tip, KINEMATICS[arm].tip(leader), atol=2e-3)


@each_arm
@each_mode
def test_a_leader_below_the_table_slides_the_arm_along_it(arm: str, control: str) -> None:
    """It neither goes through the wall nor gets stuck at it."""
    low = KINEMATICS[arm].solve(RESET[arm], f32(0.22, 0.0, -0.02), iterations=50)
    sideways = low + f32(20, 0, 0, 0, 0, 0)
    first = run(pipeline(arm, control), at_reset(arm), [low] * 60)
    assert first[-1].goal.tip[2] == pytest.approx(LOW[2], abs=1e-4)
    start = replace(at_reset(arm), goal=first[-1].goal)
    second = run(pipeline(arm, control), start, [sideways] * 60)
    for tick in [*first, *second]:
        assert_sound(arm, tick)
    turned = abs(second[-1].goal.tip[1] - first[-1].goal.tip[1])
    assert turned > 0.04


@each_mode
def test_nobody_notices_a_leader_that_does_not_lead(control: str) -> None:
    usual = Pipeline("action", action_steps(CONFIG, KINEMATICS["so101"]))
    stands = RESET["so101"] + f32(30, 0, 0, 0, 0, 0)
    first = replace(at_reset("so101"), policy_action=action(0.5, -1, 0.2, CLOSE))
    for sample in (
        NO_INPUT,
        TeleopSample(NEUTRAL, False, joints=stands),
        TeleopSample(action(x=1), True),
    ):
        asked = replace(first, sample=sample)
        assert flat(pipeline("so101", control)(asked)) == flat(usual(asked))


@each_mode
def test_a_lost_leader_s_hold_leaves_the_arm_where_it_is(control: str) -> None:
    hold = TeleopSample(NEUTRAL, intervening=True)
    asked = replace(at_reset("so101"), sample=hold, policy_action=action(1, 1, 1))
    done = pipeline("so101", control)(asked)
    np.testing.assert_array_equal(done.goal.tip, asked.before.tip)
    np.testing.assert_array_equal(done.action, NEUTRAL)


def test_the_leader_s_steps_stand_around_the_others() -> None:
    usual = list(action_steps(CONFIG, KINEMATICS["so101"]))
    names = [name for name, _ in pipeline("so101", "end_effector").steps]
    assert names == [*usual[:2], "leader", *usual[2:]]
    names = [name for name, _ in pipeline("so101", "joints").steps]
    assert names == [*usual[:2], "leader", *usual[2:], "leader's joints"]


@each_mode
def test_the_steps_leave_what_they_are_given_alone(control: str) -> None:
    asked = command(intervening=True, joints=RESET["so101"] + f32(9, 9, 9, 9, 9, 9))
    for _, step in pipeline("so101", control).steps:
        assert_leaves_its_input_alone(step, asked)
        asked = step(asked)


@each_mode
def test_the_gripper_closes_and_opens_with_the_leader_s(control: str) -> None:
    opened, half, closed = (RESET["so101"].copy() for _ in range(3))
    opened[GRIPPER], half[GRIPPER], closed[GRIPPER] = 80, 22, 4
    leads = [opened, half, closed, closed, half, opened]
    done = run(pipeline("so101", control), at_reset("so101"), leads)
    assert [int(tick.action[3]) for tick in done] == [STAY, STAY, CLOSE, STAY, STAY, OPEN]
    assert [gripper_of(tick) for tick in done] == [45, 45, 0, 0, 0, 45]


@example(at=13.5, trembling=[0.0, 0.0, -1.0, 2.0], max_step=12.0, held=44.0)
@example(at=14.0, trembling=[0.0, 0.0, -2.0, 2.0], max_step=12.0, held=44.0)
@given(
    at=st.floats(0, 100),
    trembling=st.lists(st.floats(-2, 2), min_size=2, max_size=30),
    max_step=st.sampled_from([100.0, 20.0, 12.0]),
    held=st.floats(0, 45),
)
def test_a_trembling_hand_does_not_make_the_gripper_chatter(
    at: float, trembling: list[float], max_step: float, held: float
) -> None:
    gripper, went = GripperRule(GRIPPER, 0.0, 45.0, max_step), []
    for tremor in trembling:
        chosen = gripper.command(held, at + tremor)
        end = {CLOSE: 0.0, STAY: held, OPEN: 45.0}[chosen]
        held += float(np.clip(end - held, -max_step, max_step))
        went.append(chosen)
    turns = [one for one in went if one != STAY]
    assert len(set(turns)) <= 1  # it goes one way, if any


def test_a_gripper_in_small_steps_follows_the_leader_s_all_the_way() -> None:
    gripper, held = GripperRule(GRIPPER, 0.0, 45.0, 2.0), 45.0
    for _ in range(30):
        chosen = gripper.command(held, 20.0)
        held += {CLOSE: -2.0, STAY: 0.0, OPEN: 2.0}[chosen]
    assert held == pytest.approx(20, abs=1.3)


def test_a_gripper_that_counts_the_other_way_closes_all_the_same() -> None:
    gripper = GripperRule(GRIPPER, closed=60.0, open=5.0, max_step=100.0)
    assert [gripper.command(5.0, 58.0), gripper.command(60.0, 58.0)] == [CLOSE, STAY]
