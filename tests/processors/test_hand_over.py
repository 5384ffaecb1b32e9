"""Where the operator takes over or hands back, the arm does not jump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_ticks import action, bounded, f32

from configs.processor import ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from hil_app.build.actions import action_steps
from processors.base import Command, Goal, Pipeline
from robots.arm import ARMS
from robots.base import F32, GRIPPER, Reading
from robots.kinematics import Kinematics
from teleop.base import NEUTRAL, NO_INPUT, TeleopSample

CONFIG = ProcessorConfig()
STEP = f32(*CONFIG.step_size)
RESET = {"so100": f32(*SO100SimConfig().reset_pose), "so101": f32(*SO101SimConfig().reset_pose)}
KINEMATICS = {name: Kinematics(arm) for name, arm in ARMS.items()}
HELD = 7.0  # what the gripper was told [%], while it squeezes something at 21

each_arm = pytest.mark.parametrize("arm", ARMS)
unit = st.floats(-1, 1, width=32)


def asked(arm: str, behind: F32, *, intervening: bool, before: bool, act: F32 = NEUTRAL) -> Command:
    """A tick of an arm that is ``behind`` (3,) [m] its target, as a servo that lags has it."""
    here = RESET[arm].copy()
    here[GRIPPER] = 21.0
    tip = KINEMATICS[arm].tip(here)
    commanded = KINEMATICS[arm].solve(here, tip + behind, iterations=20)
    commanded[GRIPPER] = HELD
    goal = Goal(KINEMATICS[arm].tip(commanded), commanded)
    return replace(
        Command.at_reset(Reading(here, stamp=3.0), tip),
        tick=7,
        sample=TeleopSample(act, intervening) if intervening else NO_INPUT,
        policy_action=act,
        before=goal,
        goal=goal,
        intervening_before=before,
    )


def pipeline(arm: str) -> Pipeline[Command]:
    return Pipeline("action", action_steps(CONFIG, KINEMATICS[arm]))


@each_arm
@pytest.mark.parametrize("takes_over", [True, False])
def test_an_arm_far_behind_its_target_stops_where_it_is(arm: str, takes_over: bool) -> None:
    tick = asked(arm, f32(0.03, 0.03, 0), intervening=takes_over, before=not takes_over)
    done = pipeline(arm)(tick)
    np.testing.assert_allclose(done.goal.tip, tick.start, atol=1e-6)
    measured = tick.reading.joints
    assert np.abs(done.goal.joints - measured)[:GRIPPER].max() < 0.5
    assert done.goal.joints[GRIPPER] == HELD  # the squeeze goes on


@each_arm
@pytest.mark.parametrize("is_intervention", [True, False])
def test_while_the_same_hands_act_the_target_stays_in_force(
    arm: str, is_intervention: bool
) -> None:
    tick = asked(arm, f32(0.03, 0.03, 0), intervening=is_intervention, before=is_intervention)
    done = pipeline(arm)(tick)
    np.testing.assert_allclose(done.goal.tip, tick.before.tip, atol=1e-6)


@each_arm
def test_an_arm_that_sags_does_not_sink_further_at_every_take_over(arm: str) -> None:
    tick = asked(arm, f32(0, 0, 0.004), intervening=True, before=False)
    done = pipeline(arm)(tick)
    np.testing.assert_allclose(done.goal.tip, tick.before.tip, atol=1e-6)


@each_arm
@settings(bounded, max_examples=80)
@given(st.tuples(unit, unit, unit), st.tuples(unit, unit, unit), st.booleans())
def test_whatever_the_lag_no_joint_jumps(
    arm: str, lag: tuple[float, ...], stick: tuple[float, ...], takes_over: bool
) -> None:
    """From where the arm is, a target is at most what sags and one action away."""
    tick = asked(
        arm,
        f32(*lag) * f32(0.05, 0.05, 0.02),
        intervening=takes_over,
        before=not takes_over,
        act=np.append(action(*stick)[:3], 1).astype(np.float32),
    )
    done = pipeline(arm)(tick)
    measured = tick.reading.joints
    delta = KINEMATICS[arm].tip(done.goal.joints) - tick.start
    assert (np.abs(delta) <= 2 * STEP + CONFIG.inverse_kinematics.max_error).all()
    assert np.abs(done.goal.joints - measured)[:GRIPPER].max() < 35


def test_a_paused_arm_stays_whoever_has_it() -> None:
    tick = asked("so101", f32(0, 0, 0), intervening=False, before=False, act=action(1, 1, -1, 0))
    moving = pipeline("so101")(tick)
    assert not np.array_equal(moving.goal.tip, tick.before.tip)
    paused = pipeline("so101")(replace(tick, sample=replace(NO_INPUT, paused=True)))
    np.testing.assert_array_equal(paused.action, NEUTRAL)
    np.testing.assert_array_equal(paused.goal.tip, tick.before.tip)
