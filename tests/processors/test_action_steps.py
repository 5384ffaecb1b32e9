"""Each action step alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
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
    follow,
    gripper_of,
    joints,
)

from processors.action import (
    end_effector_target,
    gripper,
    intervention,
    inverse_kinematics,
    workspace_bounds,
)
from processors.base import Command, Goal, Step
from robots.arm import ARMS
from robots.base import F32, GRIPPER
from teleop.base import NEUTRAL

STEP = f32(0.02, 0.01, 0.005)
LOW, HIGH = f32(0.13, -0.17, 0.01), f32(0.31, 0.17, 0.08)
numbers = st.floats(-3, 3, width=32)
actions = st.builds(action, numbers, numbers, numbers, st.sampled_from([CLOSE, STAY, OPEN]))
points = st.builds(f32, *[st.floats(-0.5, 0.5, width=32)] * 3)


class Straight:
    """A made-up arm: the tip is the first three joints / 100; it solves to ``answer`` if given."""

    arm = ARMS["so101"]

    def __init__(self, *answers: F32) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[F32, F32]] = []

    def tip(self, joints: F32) -> F32:
        return (joints[:3] / 100).astype(np.float32)

    def solve(self, joints: F32, target: F32, iterations: int = 2) -> F32:  # noqa: ARG002
        self.asked.append((joints, target))
        if self.answers:
            return self.answers.pop(0)
        return np.concatenate((target * 100, joints[3:])).astype(np.float32)


def at(tip: F32, with_goal: F32, gripper: float = 40.0) -> Command:
    """A command of the straight arm that stands at ``tip`` and is to go to ``with_goal``."""
    stand = np.concatenate((tip * 100, f32(4, 5, gripper)))
    return replace(command(), before=Goal(tip, stand), goal=Goal(with_goal, stand))


# intervention


@pytest.mark.parametrize(("intervening", "executed"), [(True, 0.5), (False, -0.25)])
def test_the_operators_action_counts_only_while_intervening(
    intervening: bool, executed: float
) -> None:
    asked = command(action(x=-0.25), action=action(x=0.5), intervening=intervening)
    done = intervention(lambda _: NEUTRAL)(asked)
    assert done.action[0] == executed
    assert done.policy_action[0] == -0.25  # what the policy wanted is still known


# end-effector target


@bounded
@given(st.lists(actions, min_size=1, max_size=15))
def test_targets_accumulate_on_the_target_in_force_whatever_is_measured(moves: list[F32]) -> None:
    step = end_effector_target(STEP)
    first = command()
    elsewhere = replace(first, reading=replace(first.reading, joints=joints() * 9))
    deltas = np.cumsum([np.clip(move[:3], -1, 1) * STEP for move in moves], axis=0)
    for start in (first, elsewhere):
        tips = [done.goal.tip for done in follow(step, start, moves)]
        np.testing.assert_allclose(tips, first.goal.tip + deltas, atol=1e-6)


def test_a_full_action_is_one_step_along_its_own_axis() -> None:
    tip = f32(0.2, 0.01, 0.05)
    for axis in range(3):
        for size in (1.0, 7.0):  # more than a full action is a full action
            move = action()
            move[axis] = size
            done = end_effector_target(STEP)(command(move, tip=tip))
            np.testing.assert_allclose(done.goal.tip - tip, np.eye(3)[axis] * STEP, atol=1e-7)
    assert done.goal.joints is done.before.joints  # the other half of the goal is untouched


# workspace bounds


@bounded
@given(points, points)
def test_bounds_keep_or_lead_back_without_a_jump(before: F32, with_goal: F32) -> None:
    asked = replace(command(), before=Goal(before, joints()), goal=Goal(with_goal, joints()))
    tip = workspace_bounds(LOW, HIGH, STEP)(asked).goal.tip
    assert (np.abs(tip - before) <= STEP + 1e-6).all()
    for axis in range(3):
        if LOW[axis] <= before[axis] <= HIGH[axis]:
            assert LOW[axis] - 1e-6 <= tip[axis] <= HIGH[axis] + 1e-6
        else:  # back towards the box, never further out
            nearest = np.clip(before[axis], LOW[axis], HIGH[axis])
            assert abs(tip[axis] - nearest) < abs(before[axis] - nearest) or (
                LOW[axis] <= tip[axis] <= HIGH[axis]
            )


@bounded
@given(points, actions)
def test_any_held_action_ends_inside_the_box(start: F32, move: F32) -> None:
    with_goal, box = end_effector_target(STEP), workspace_bounds(LOW, HIGH, STEP)
    ticks = 1 + int(np.ceil(1.0 / STEP.min()))
    last = follow(lambda c: box(with_goal(c)), command(tip=start), [move] * ticks)[-1]
    assert (last.goal.tip >= LOW - 1e-5).all()
    assert (last.goal.tip <= HIGH + 1e-5).all()


def test_bounds_let_a_target_inside_pass() -> None:
    asked = end_effector_target(STEP)(command(action(1, -1, 1), tip=f32(0.2, 0, 0.05)))
    done = workspace_bounds(LOW, HIGH, STEP)(asked)
    np.testing.assert_allclose(done.goal.tip, [0.22, -0.01, 0.055], atol=1e-7)


# gripper


@pytest.mark.parametrize(("closed", "open"), [(5.0, 60.0), (60.0, 5.0)], ids=["usual", "reversed"])
def test_the_gripper_closes_stays_and_opens(closed: float, open: float) -> None:
    step = gripper(GRIPPER, closed, open, max_step=100.0)
    for asked, reached in ((CLOSE, closed), (STAY, 33.0), (OPEN, open)):
        done = step(command(action(grip=asked), commanded=33.0))
        assert gripper_of(done) == reached
        np.testing.assert_array_equal(done.goal.joints[:GRIPPER], joints()[:GRIPPER])


def test_stay_holds_the_commanded_position_not_the_measured_one() -> None:
    """Trap 19: a cube keeps the jaws at 30 % though 0 % is commanded; staying must squeeze on."""
    step = gripper(GRIPPER, 0.0, 45.0, max_step=100.0)
    squeezing = step(command(action(grip=CLOSE), commanded=30.0, measured=30.0))
    assert gripper_of(squeezing) == 0.0
    later = command(action(grip=STAY), commanded=gripper_of(squeezing), measured=30.0)
    assert gripper_of(step(later)) == 0.0


@pytest.mark.parametrize(("closed", "open"), [(0.0, 45.0), (45.0, 0.0)], ids=["usual", "reversed"])
def test_the_gripper_takes_at_most_max_step_a_tick_and_stops_at_its_end(
    closed: float, open: float
) -> None:
    step = gripper(GRIPPER, closed, open, max_step=20.0)
    moves = [action(grip=OPEN)] * 4 + [action(grip=STAY)] + [action(grip=CLOSE)] * 2
    deltas = [
        abs(gripper_of(done) - closed) for done in follow(step, command(commanded=closed), moves)
    ]
    assert deltas == [20, 40, 45, 45, 45, 25, 5]


# inverse kinematics


def test_a_reachable_target_is_solved_from_the_joints_in_force() -> None:
    arm = Straight()
    asked = at(f32(0.2, 0, 0.05), f32(0.21, 0.01, 0.04), gripper=77.0)
    done = inverse_kinematics(arm, max_joint_step=35, max_error=0.005)(asked)
    np.testing.assert_allclose(done.goal.joints, [21, 1, 4, 4, 5, 77], atol=1e-5)
    np.testing.assert_array_equal(arm.asked[0][0], asked.before.joints)


def test_the_gripper_is_left_as_its_own_step_set_it() -> None:
    asked = at(f32(0.2, 0, 0.05), f32(0.21, 0, 0.05))
    opened = gripper(GRIPPER, 0, 45, 100)(replace(asked, action=action(grip=OPEN)))
    done = inverse_kinematics(Straight(), max_joint_step=35, max_error=0.005)(opened)
    assert gripper_of(done) == 45.0


def test_a_solution_that_misses_holds_target_and_body_but_moves_the_gripper() -> None:
    wrong = f32(50, 50, 50, 0, 0, 0)
    asked = at(f32(0.2, 0, 0.05), f32(0.21, 0, 0.05))
    asked = gripper(GRIPPER, 0, 45, 100)(replace(asked, action=action(grip=CLOSE)))
    done = inverse_kinematics(Straight(wrong, wrong), 1000, max_error=0.005)(asked)
    np.testing.assert_array_equal(done.goal.tip, asked.before.tip)
    np.testing.assert_array_equal(done.goal.joints, [20, 0, 5, 4, 5, 0])


@pytest.mark.parametrize(("limit", "reached"), [(2.1, 0.22), (1.9, 0.20)])
def test_a_solution_that_moves_a_joint_too_far_is_refused(limit: float, reached: float) -> None:
    asked = at(f32(0.2, 0, 0.05), f32(0.22, 0, 0.05))  # two degrees of the first joint
    done = inverse_kinematics(Straight(), limit, max_error=1e-4)(asked)
    np.testing.assert_allclose(done.goal.tip[0], reached, atol=1e-6)


def test_a_second_try_clamped_to_the_joint_step_is_taken_if_it_is_near_enough() -> None:
    asked = at(f32(0.2, 0, 0.05), f32(0.22, 0, 0.05))
    done = inverse_kinematics(Straight(), 1.9, max_error=0.0011)(asked)  # 0.1 deg are 1 mm
    np.testing.assert_allclose(done.goal.joints[:3], [21.9, 0, 5], atol=1e-5)
    np.testing.assert_allclose(done.goal.tip, [0.22, 0, 0.05], atol=1e-6)


# all


@pytest.mark.parametrize(
    "step",
    [
        intervention,
        end_effector_target(STEP),
        workspace_bounds(LOW, HIGH, STEP),
        gripper(GRIPPER, 0, 45, 10),
        inverse_kinematics(Straight(), 35, 0.005),
        inverse_kinematics(Straight(f32(9, 9, 9, 9, 9, 9), f32(9, 9, 9, 9, 9, 9)), 35, 0.005),
    ],
)
def test_no_action_step_writes_into_its_input(step: Step[Command]) -> None:
    asked = command(action(9, -1, 0.5, CLOSE), action=action(0.3, 0.2, 0.1, OPEN), intervening=True)
    for array in (asked.action, asked.before.tip, asked.before.joints, asked.sample.action):
        array.setflags(write=False)
    assert_leaves_its_input_alone(step, asked)
