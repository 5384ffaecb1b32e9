"""How closely steps of 2 cm are followed, and that no joint jumps where they cannot be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_ticks import action, bounded, f32, follow

from configs.processor import InverseKinematicsConfig, ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from hil_app.build.actions import action_steps
from processors.base import Command, Pipeline
from robots.arm import ARMS
from robots.base import GRIPPER, Reading
from robots.kinematics import Kinematics

KINEMATICS = {name: Kinematics(arm) for name, arm in ARMS.items()}
RESET = {"so100": SO100SimConfig().reset_pose, "so101": SO101SimConfig().reset_pose}
EVERYWHERE = {"min": (-1.0, -1.0, -1.0), "max": (1.0, 1.0, 1.0)}
HALF = 0.5e-3  # [m]
SHOULDER_X = {"so101": 0.0388, "so100": 0.0452}  # of the pan axis [m]
each_arm = pytest.mark.parametrize("arm", ARMS)


def config(**parts):
    return ProcessorConfig.model_validate(parts)


def at(arm, joints):
    """What a tick starts from with the arm at ``joints``."""
    return Command.at_reset(Reading(f32(*joints), stamp=0.0), KINEMATICS[arm].tip(f32(*joints)))


def walk(arm, settings, pushes, ticks, seed):
    """The ticks of random pushes, each of 2 cm on some axes and held for up to nine ticks."""
    rng, moves = np.random.default_rng(seed), []
    while len(moves) < ticks:
        moves += [action(*map(float, rng.choice(pushes, 3)))] * int(rng.integers(1, 10))
    steps = Pipeline("action", action_steps(settings, KINEMATICS[arm]))
    return follow(steps, at(arm, RESET[arm]), moves[:ticks])


def error(arm, tick):
    """How far the tip will be from the goal, once the joints are there [m]."""
    return float(np.linalg.norm(KINEMATICS[arm].tip(tick.goal.joints) - tick.goal.tip))


def held(tick, settings):
    """Whether the arm was to move, and stayed."""
    low, high = f32(*settings.bounds.min), f32(*settings.bounds.max)
    asked = np.clip(tick.before.tip + tick.action[:3] * f32(*settings.step_size), low, high)
    return bool((tick.goal.tip == tick.before.tip).all() and np.abs(asked - tick.goal.tip).max())


def assert_no_jump(arm, tick, settings):
    moved = np.abs(tick.goal.joints - tick.before.joints)[:GRIPPER]
    assert moved.max() <= settings.inverse_kinematics.max_joint_step + 1e-4  # [deg]
    low, high = ARMS[arm].limits.T
    assert (tick.goal.joints >= np.minimum(low, tick.before.joints) - 0.01).all()
    assert (tick.goal.joints <= np.maximum(high, tick.before.joints) + 0.01).all()


@each_arm
def test_steps_of_2_cm_are_followed_within_half_a_millimetre_in_the_default_box(arm):
    """18 x 34 x 7 cm; but for a corner, near, high and straight ahead, beyond the SO101's wrist."""
    default = config()
    ticks = [
        tick for seed in range(60) for tick in walk(arm, default, [-1, 0, 1], ticks=60, seed=seed)
    ]
    errors = np.array([error(arm, tick) for tick in ticks])
    off = np.array([tick.goal.tip for tick in ticks])[errors > HALF].reshape(-1, 3)
    if arm == "so100":
        assert errors.max() < HALF
    else:
        assert (off[:, 0] < 0.135).all()
        assert (np.abs(off[:, 1]) < 0.045).all()
        assert (off[:, 2] > 0.065).all()
        assert len(off) < 0.03 * len(ticks)
        assert errors.max() < 4e-3
    assert np.median(errors) < 0.05e-3
    assert sum(held(tick, default) for tick in ticks) <= 0.002 * len(ticks)


@each_arm
def test_that_corner_cannot_be_reached_however_long_one_tries(arm):
    """So the half millimetre is lost to the arm and not to the solver."""
    kinematics, corner = KINEMATICS[arm], f32(0.13, 0, 0.08)
    rng, best = np.random.default_rng(0), np.inf
    for _ in range(20):
        start = f32(0, *rng.uniform(-90, 90, 3), 0, 40)
        tip = kinematics.tip(kinematics.solve(start, corner, iterations=200))
        best = min(best, float(np.linalg.norm(tip - corner)))
    assert best > 3e-3 if arm == "so101" else best < HALF


@each_arm
def test_a_tight_error_makes_half_a_millimetre_a_promise_everywhere(arm):
    """Without bounds, out of reach as well: followed within .5 mm, or held where it was."""
    tight = config(bounds=EVERYWHERE, inverse_kinematics={"max_error": HALF})
    ticks = [
        tick for seed in range(20) for tick in walk(arm, tight, [-1, 0, 1], ticks=60, seed=seed)
    ]
    moving = [tick for tick in ticks if not held(tick, tight)]
    for tick in moving:
        assert_no_jump(arm, tick, tight)
        assert error(arm, tick) <= HALF + 1e-6
    assert 0 < len(ticks) - len(moving) < 0.4 * len(ticks)  # some pushes lead out of reach


# Where kinematics are at their worst: stretched out, or with the tip above the pan axis.
anywhere = st.tuples(*[st.floats(0, 1, width=32)] * 6)
points = st.tuples(*[st.floats(-0.75, 0.75, width=32)] * 3)
pushes = st.lists(st.tuples(*[st.sampled_from([-1.0, 0.0, 1.0])] * 3), min_size=1, max_size=12)
kinds = st.sampled_from(["anywhere", "stretched out", "above the shoulder"])


def starting(arm, kind, shares):
    """Joints (6,) within limits."""
    low, high = ARMS[arm].limits.T
    joints = (low + f32(*shares) * (high - low)).astype(np.float32)
    far = f32(0.9, 0.0, 0.2) if kind == "stretched out" else f32(SHOULDER_X[arm], 0.0, 0.3)
    if kind == "anywhere":
        return joints
    return KINEMATICS[arm].solve(joints, far, iterations=30)


@each_arm
@settings(bounded, max_examples=200)
@given(kinds, anywhere, pushes, st.sampled_from([3.0, 10.0, 35.0]))
def test_no_joint_jumps_near_a_singularity(arm, kind, shares, moves, max_joint_step):
    limited = config(
        bounds=EVERYWHERE,
        inverse_kinematics=InverseKinematicsConfig(max_joint_step=max_joint_step).model_dump(),
    )
    steps = Pipeline("action", action_steps(limited, KINEMATICS[arm]))
    for tick in follow(steps, at(arm, starting(arm, kind, shares)), [action(*m) for m in moves]):
        assert_no_jump(arm, tick, limited)
        assert held(tick, limited) or error(arm, tick) <= limited.inverse_kinematics.max_error


@each_arm
@settings(bounded, max_examples=200)
@given(kinds, anywhere, points)
def test_no_joint_jumps_for_a_target_anywhere(arm, kind, shares, point):
    """The inverse kinematics alone, with a target that no bounds and no step size keep near."""
    default = config()
    first = at(arm, starting(arm, kind, shares))
    far = replace(first, goal=replace(first.goal, tip=f32(*point)))
    done = action_steps(default, KINEMATICS[arm])["inverse kinematics"](far)
    assert_no_jump(arm, done, default)
    if (done.goal.tip == first.before.tip).all():
        np.testing.assert_array_equal(done.goal.joints[:GRIPPER], first.before.joints[:GRIPPER])
    else:
        assert error(arm, done) <= default.inverse_kinematics.max_error
