"""All action steps together, as build.py composes them, on the kinematics of both arms."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_ticks import CLOSE, OPEN, STAY, action, bounded, command, f32, follow, gripper_of

from configs.processor import InverseKinematicsConfig, ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from hil_app.build.actions import action_steps
from processors.base import Command, Pipeline
from robots.arm import ARMS
from robots.base import F32, GRIPPER, Reading
from robots.kinematics import Kinematics
from teleop.base import NEUTRAL

CONFIG = ProcessorConfig()
LOW, HIGH, STEP = (f32(*v) for v in (CONFIG.bounds.min, CONFIG.bounds.max, CONFIG.step_size))
RESET = {"so100": SO100SimConfig().reset_pose, "so101": SO101SimConfig().reset_pose}
KINEMATICS = {name: Kinematics(arm) for name, arm in ARMS.items()}
each_arm = pytest.mark.parametrize("arm", ARMS)
# An operator pushes one way for a while: long pushes reach corners, walls and singularities.
pushes = st.tuples(*[st.floats(-1, 1, width=32)] * 3, st.sampled_from([CLOSE, STAY, OPEN]))
walks = st.lists(st.tuples(pushes, st.integers(1, 12)), min_size=1, max_size=8)


def pipeline(arm: str, config: ProcessorConfig = CONFIG) -> Pipeline[Command]:
    return Pipeline("action", action_steps(config, KINEMATICS[arm]))


def at_reset(arm: str, joints: F32 | None = None) -> Command:
    """What the loop starts an episode from: the arm stands where it is measured to be."""
    joints = f32(*RESET[arm]) if joints is None else joints
    return Command.at_reset(Reading(joints, stamp=0.0), KINEMATICS[arm].tip(joints))


def actions(walk: list[tuple[tuple[float, float, float, int], int]]) -> list[F32]:
    return [action(*push) for push, ticks in walk for _ in range(ticks)]


def assert_sound(arm: str, done: Command, config: ProcessorConfig) -> None:
    """No body joint moves too far, and the tip is where the goal says (checked with fresh FK)."""
    limits = config.inverse_kinematics
    moved = np.abs(done.goal.joints - done.before.joints)[:GRIPPER]
    assert moved.max() <= limits.max_joint_step + 1e-4
    error = np.linalg.norm(KINEMATICS[arm].tip(done.goal.joints) - done.goal.tip)
    assert error <= limits.max_error + 1e-6
    assert (np.abs(done.goal.tip - done.before.tip) <= f32(*config.step_size) + 1e-6).all()
    low, high = ARMS[arm].limits.T
    assert (done.goal.joints >= low - 0.01).all()
    assert (done.goal.joints <= high + 0.01).all()


@each_arm
@settings(bounded, max_examples=100)
@given(walks)
def test_a_random_walk_never_jumps_and_always_is_where_it_says(
    arm: str, walk: list[tuple[tuple[float, float, float, int], int]]
) -> None:
    for done in follow(pipeline(arm), at_reset(arm), actions(walk)):
        assert_sound(arm, done, CONFIG)
        assert (done.goal.tip >= LOW - 1e-5).all()
        assert (done.goal.tip <= HIGH + 1e-5).all()


@each_arm
@pytest.mark.parametrize("max_joint_step", [2.0, 4.0])
def test_even_a_tight_joint_step_holds_on_a_long_walk(arm: str, max_joint_step: float) -> None:
    tight = ProcessorConfig(
        inverse_kinematics=InverseKinematicsConfig(max_joint_step=max_joint_step)
    )
    rng = np.random.default_rng(1)
    moves = [action(*rng.uniform(-1, 1, 3)) for _ in range(300)]
    done = follow(pipeline(arm, tight), at_reset(arm), moves)
    for tick in done:
        assert_sound(arm, tick, tight)
    held = sum(tick.goal.tip is tick.before.tip for tick in done)
    assert 0 < held < 300  # the limit was met, and the arm moved on all the same


@each_arm
def test_an_unreachable_target_holds_target_and_body(arm: str) -> None:
    """With wide bounds the arm stretches out until it can go no further, and then stays."""
    bounds = {"min": (-1.0, -1.0, -1.0), "max": (1.0, 1.0, 1.0)}
    wide = ProcessorConfig.model_validate({"bounds": bounds})
    done = follow(pipeline(arm, wide), at_reset(arm), [action(x=1)] * 40)
    for tick in done:
        assert_sound(arm, tick, wide)
    last = done[-1]
    assert last.goal.tip[0] < 0.6
    np.testing.assert_array_equal(last.goal.tip, last.before.tip)
    np.testing.assert_array_equal(last.goal.joints, last.before.joints)
    back = follow(pipeline(arm, wide), last, [action(x=-1)] * 3)[-1]
    assert back.goal.tip[0] < last.goal.tip[0] - 0.03  # and it comes back


@each_arm
def test_the_same_walk_gives_the_same_joints_bit_for_bit(arm: str) -> None:
    rng = np.random.default_rng(2)
    moves = [action(*rng.uniform(-1, 1, 3), int(rng.integers(3))) for _ in range(50)]
    used, fresh = pipeline(arm), Pipeline("action", action_steps(CONFIG, Kinematics(ARMS[arm])))
    follow(used, at_reset(arm), [action(1, 1, 1)] * 20)  # leaves no trace
    first, second = (follow(steps, at_reset(arm), moves) for steps in (used, fresh))
    for one, other in zip(first, second, strict=True):
        assert one.goal.joints.tobytes() == other.goal.joints.tobytes()
        assert one.goal.tip.tobytes() == other.goal.tip.tobytes()


@each_arm
@pytest.mark.parametrize("corner", [LOW, HIGH, f32(0.31, -0.17, 0.01), f32(0.13, 0.17, 0.08)])
def test_every_corner_of_the_default_workspace_is_reached(arm: str, corner: F32) -> None:
    steps, last = pipeline(arm), at_reset(arm)
    for _ in range(40):
        move = np.clip((corner - last.goal.tip) / STEP, -1, 1)
        last = follow(steps, last, [action(*move)])[-1]
    np.testing.assert_allclose(last.goal.tip, corner, atol=2e-3)


@each_arm
@pytest.mark.parametrize("start", ["reset pose", "outside", "upright"])
def test_the_first_command_after_a_reset_does_not_jump(arm: str, start: str) -> None:
    """Trap 16: wherever the arm stands when the episode begins, the first tick is a small one."""
    places = {
        "reset pose": f32(*RESET[arm]),
        "outside": f32(70, *RESET[arm][1:]),  # turned away: the tip is out of the box
        "upright": f32(0, 0, 0, 0, 0, 40),
    }
    first = at_reset(arm, places[start])
    for done in follow(pipeline(arm), first, [NEUTRAL] * 5 + [action(1, 1, -1, OPEN)] * 5):
        assert_sound(arm, done, CONFIG)
    hold = follow(pipeline(arm), at_reset(arm), [NEUTRAL])[0]
    np.testing.assert_allclose(hold.goal.joints, RESET[arm], atol=0.6)  # neutral: it stays there
    assert gripper_of(hold) == RESET[arm][GRIPPER]


@each_arm
def test_the_operator_moves_the_arm_while_intervening_and_the_policy_else(arm: str) -> None:
    steps, first = pipeline(arm), at_reset(arm)
    is_intervention = {"action": action(y=1, grip=OPEN), "intervening": True}
    asked = replace(
        command(action(x=1, grip=CLOSE), **is_intervention),
        before=first.goal,
        goal=first.goal,
        intervening_before=True,
    )
    moved = steps(asked).goal.tip - first.goal.tip
    np.testing.assert_allclose(moved, [0, 0.02, 0], atol=1e-6)
    assert gripper_of(steps(asked)) == CONFIG.gripper.open
    free = replace(asked, sample=replace(asked.sample, intervening=False), intervening_before=False)
    np.testing.assert_allclose(steps(free).goal.tip - first.goal.tip, [0.02, 0, 0], atol=1e-6)
    assert gripper_of(steps(free)) == CONFIG.gripper.closed


def test_the_order_of_the_steps() -> None:
    assert list(action_steps(CONFIG, KINEMATICS["so101"])) == [
        "intervention",
        "hand-over",
        "end-effector target",
        "workspace bounds",
        "gripper",
        "inverse kinematics",
    ]


@each_arm
def test_a_held_goal_stays_where_it_is(arm: str) -> None:
    """Neutral actions do not creep: the tip stays within the solver's error for a minute."""
    first = follow(pipeline(arm), at_reset(arm), [action(1, 1, -1)] * 3)[-1]
    last = follow(pipeline(arm), first, [NEUTRAL] * 600)[-1]
    np.testing.assert_array_equal(last.goal.tip, first.goal.tip)
    error = np.linalg.norm(KINEMATICS[arm].tip(last.goal.joints) - first.goal.tip)
    assert error < 1e-3
