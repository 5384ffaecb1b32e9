"""Pitch and roll in the action: what is met, what is held, and what stays as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_ticks import (
    STAY,
    action,
    assert_leaves_its_input_alone,
    bounded,
    f32,
    flat,
    follow,
)
from sample_wrist import (
    KINEMATICS,
    RESET,
    ROLL,
    at,
    config,
    each_arm,
    move,
    pipeline,
    pose,
    run,
    wanted,
)

from configs.processor import ProcessorConfig
from hil_app.build.actions import action_steps
from processors.action import inverse_kinematics
from processors.base import Command, Goal, Pipeline
from robots.arm import ARMS
from robots.base import F32, GRIPPER
from robots.kinematics import Kinematics

EVERYWHERE = {"min": (-1.0, -1.0, -1.0), "max": (1.0, 1.0, 1.0)}
HALF = 0.5e-3  # [m]
STEPS = f32(0.02, 0.02, 0.02, 5.0, 10.0)  # of a full action [m, deg]


def walk(seed: int, ticks: int) -> list[F32]:
    """Random pushes on all five motions, each held for up to nine ticks."""
    rng, moves = np.random.default_rng(seed), []
    while len(moves) < ticks:
        moves += [np.append(rng.choice([-1, 0, 1], 5), STAY).astype(np.float32)] * int(
            rng.integers(1, 10)
        )
    return moves[:ticks]


# Without a wrist everything is as it was.


def as_it_was(solver: Kinematics, max_joint_step: float, max_error: float, asked: Command) -> Goal:
    """The inverse kinematics before there was a wrist."""
    start, target = asked.before.joints, asked.goal.tip

    def off(joints: F32) -> float:
        return float(np.linalg.norm(solver.tip(joints) - target))

    quick = solver.solve(start, target)
    within = bool(np.abs(quick - start)[:GRIPPER].max() <= max_joint_step)
    delta = solver.solve(start, target, iterations=10) - start
    careful = start + np.clip(delta, -max_joint_step, max_joint_step)
    tip, joints = asked.before.tip, start.copy()
    if within and off(quick) <= max_error:
        tip, joints = target, quick
    elif off(careful) <= max_error:
        tip, joints = target, careful
    joints[GRIPPER] = asked.goal.joints[GRIPPER]
    return Goal(tip, joints)


@each_arm
@settings(bounded, max_examples=150)
@given(
    st.tuples(*[st.floats(0, 1, width=32)] * 6),
    st.tuples(*[st.floats(-0.5, 0.5, width=32)] * 3),
    st.sampled_from([3.0, 35.0]),
    st.booleans(),
)
def test_without_a_wrist_goals_are_what_they_were_bit_for_bit(
    arm: str, shares: tuple[float, ...], point: tuple[float, ...], limit: float, near: bool
) -> None:
    low, high = ARMS[arm].limits.T
    first = at(arm, (low + f32(*shares) * (high - low)).astype(np.float32))
    target = first.goal.tip + f32(*point) / 25 if near else f32(*point)
    joints = first.goal.joints.copy()
    joints[GRIPPER] = 12.5
    asked = replace(first, goal=Goal(target, joints))
    done = inverse_kinematics(KINEMATICS[arm], limit, 0.005)(asked)
    assert flat(done.goal) == flat(as_it_was(KINEMATICS[arm], limit, 0.005, asked))


def test_without_a_wrist_there_is_no_pitch_and_no_step_for_it() -> None:
    usual = action_steps(ProcessorConfig(), KINEMATICS["so101"])
    assert not {"wrist", "whole action"} & set(usual)
    done = follow(Pipeline("action", usual), at("so101", RESET["so101"]), [action(1, 1, -1)] * 5)
    assert all(tick.goal.pitch is None for tick in done)
    assert all(tick.action.shape == (4,) for tick in done)


# Where the steps are, and what they leave alone.


def test_the_wrist_s_steps_have_their_places() -> None:
    assert list(action_steps(config(), KINEMATICS["so101"])) == [
        "intervention",
        "whole action",
        "hand-over",
        "end-effector target",
        "workspace bounds",
        "wrist",
        "gripper",
        "inverse kinematics",
    ]


@each_arm
def test_the_steps_leave_what_they_are_given_alone(arm: str) -> None:
    asked = replace(at(arm, RESET[arm]), policy_action=move(1, -1, 0, 1, -1))
    for step in action_steps(config(), KINEMATICS[arm]).values():
        assert_leaves_its_input_alone(step, asked)
        asked = step(asked)


# What is met.


@each_arm
def test_a_full_action_raises_the_fingers_and_turns_them_by_its_steps(arm: str) -> None:
    own = config({"pitch_step": 3.0, "roll_step": 7.0})
    first, *_, last = run(arm, [move(pitch=1, roll=1)] * 4, own)
    start = pose(arm, first.before)
    np.testing.assert_allclose(pose(arm, last.goal)[:3], start[:3], atol=HALF)
    np.testing.assert_allclose(wanted(arm, last.goal)[3:] - start[3:], [12, 28], atol=1e-3)
    np.testing.assert_allclose(pose(arm, last.goal)[3:] - start[3:], [12, 28], atol=0.1)
    assert last.goal.joints[ROLL] == 28 * KINEMATICS[arm].clockwise  # exactly


@each_arm
def test_an_action_beyond_a_full_one_is_a_full_one(arm: str) -> None:
    (beyond,), (full,) = run(arm, [move(pitch=3, roll=-9)]), run(arm, [move(pitch=1, roll=-1)])
    assert flat(beyond.goal) == flat(full.goal)


@each_arm
def test_the_tip_stays_while_pitch_and_roll_sweep(arm: str) -> None:
    sweep = [1] * 8 + [-1] * 9 + [1] * 2
    turns = [1] * 5 + [-1] * 10 + [1] * 4
    moves = [move(pitch=p, roll=r) for p, r in zip(sweep, turns, strict=True)]
    for tick in run(arm, moves):
        np.testing.assert_array_equal(tick.goal.tip, tick.start)
        assert np.linalg.norm(pose(arm, tick.goal)[:3] - tick.start) < HALF
        assert abs(pose(arm, tick.goal)[3] - wanted(arm, tick.goal)[3]) < 0.1
    assert wanted(arm, tick.goal)[3] == pytest.approx(pose(arm, at(arm, RESET[arm]).goal)[3] + 5)


def allowed(tick: Command, settings: ProcessorConfig, arm: str) -> F32:
    """Where the action leads, kept in the box and the ranges."""
    before = wanted(arm, tick.before)
    asked = before + np.clip(tick.action[:5], -1, 1) * STEPS
    asked[:3] = np.clip(asked[:3], settings.bounds.min, settings.bounds.max)
    asked[3] = np.clip(asked[3], *settings.wrist.pitch)
    asked[4] = np.clip(asked[4], *np.sort(KINEMATICS[arm].clockwise * ARMS[arm].limits[ROLL]))
    return asked


def can_be_met(arm: str, tick: Command, asked: F32) -> bool:
    """Whether it is in reach, with no joint further than in one tick, however long it takes."""
    kinematics, start = KINEMATICS[arm], tick.before.joints.copy()
    start[ROLL] = kinematics.clockwise * asked[4]
    joints = kinematics.solve(start, asked[:3], 40, pitch=float(asked[3]))
    return bool(
        np.abs(joints - start).max() < 34.0
        and np.linalg.norm(kinematics.tip(joints) - asked[:3]) < 0.1e-3
        and abs(kinematics.pitch(joints) - asked[3]) < 0.1
    )


@each_arm
def test_what_can_be_met_is_met_on_random_walks(arm: str) -> None:
    """All over the default box and the default range of pitch, with all five motions at once."""
    usual, met, ticks, off = config(), 0, 0, []
    for seed in range(30):
        for tick in run(arm, walk(seed, 60), usual):
            asked, commanded, real = (
                allowed(tick, usual, arm),
                wanted(arm, tick.goal),
                pose(arm, tick.goal),
            )
            ticks += 1
            if can_be_met(arm, tick, asked):
                met += 1
                np.testing.assert_allclose(commanded[:3], asked[:3], atol=1e-6)
                np.testing.assert_allclose(commanded[3:], asked[3:], atol=1e-3)
                assert np.linalg.norm(real[:3] - asked[:3]) < HALF
                assert abs(real[3] - asked[3]) < 1.0
            assert abs(real[3] - commanded[3]) <= 1.0
            off.append(np.linalg.norm(real[:3] - commanded[:3]))
    assert met > 0.7 * ticks
    assert np.median(off) < 0.01e-3
    assert np.mean(np.array(off) > HALF) < 0.04  # near and high, and folded up: as without a wrist
    assert max(off) <= usual.inverse_kinematics.max_error


# What cannot be met.


# To where the gripper cannot point straight down any more, and then up a bit.
STRETCHED = [move(x=1)] * 8 + [move(pitch=1)] * 2


@each_arm
def test_the_pitch_gives_way_so_that_the_tip_gets_everywhere(arm: str) -> None:
    last = run(arm, [move(x=1, y=1)] * 10)[-1]
    np.testing.assert_allclose(last.goal.tip, [0.31, 0.17, last.start[2]], atol=1e-6)
    assert np.linalg.norm(pose(arm, last.goal)[:3] - last.goal.tip) < HALF
    assert pose(arm, last.goal)[3] > 5
    assert last.goal.pitch == pytest.approx(float(pose(arm, last.goal)[3]), abs=1.0)


@each_arm
def test_a_pitch_that_cannot_be_met_is_held_and_goes_back_at_once(arm: str) -> None:
    moves = STRETCHED
    held = run(arm, [*moves, *[move(pitch=-1)] * 12])
    for tick in held[len(moves) :]:
        np.testing.assert_array_equal(tick.goal.tip, held[len(moves)].goal.tip)
        change = wanted(arm, tick.goal)[3] - wanted(arm, tick.before)[3]
        assert change == pytest.approx(-5) or change == 0
        assert np.linalg.norm(pose(arm, tick.goal)[:3] - tick.goal.tip) < HALF
    assert wanted(arm, held[-1].goal)[3] > -20 + 5  # short of its range
    assert wanted(arm, held[-1].goal)[3] == wanted(arm, held[-5].goal)[3]
    assert np.abs(held[-1].goal.joints - held[-2].goal.joints).max() < 0.2
    back = run(arm, [*moves, *[move(pitch=-1)] * 12, move(pitch=1)])[-1]
    risen = pose(arm, back.goal)[3] - pose(arm, back.before)[3]
    assert risen == pytest.approx(5, abs=1.0)


@each_arm
def test_position_and_roll_go_on_where_the_pitch_cannot(arm: str) -> None:
    moves = [*STRETCHED, *[move(pitch=-1)] * 12]
    tick = run(arm, [*moves, move(y=1, pitch=-1, roll=1)])[-1]
    assert tick.goal.tip[1] - tick.before.tip[1] == pytest.approx(0.02, abs=1e-6)
    before, after = wanted(arm, tick.before), wanted(arm, tick.goal)
    assert after[4] - before[4] == 10
    assert after[3] >= before[3]  # held, or a little higher to get there


@each_arm
def test_pitch_and_roll_go_on_where_the_position_cannot(arm: str) -> None:
    """Out of reach, with no box in the way."""
    far = config(bounds=EVERYWHERE)
    end = [move(x=1)] * 20
    tick = run(arm, [*end, move(x=1, roll=-1)], far)[-1]
    np.testing.assert_array_equal(tick.goal.tip, tick.before.tip)
    assert wanted(arm, tick.goal)[4] - wanted(arm, tick.before)[4] == -10


@each_arm
def test_pitch_stays_in_its_range_and_roll_within_the_joint_s_limits(arm: str) -> None:
    narrow = config({"pitch": (-5.0, 12.0)})
    for sign, end in ((1, 12.0), (-1, -5.0)):
        ticks = run(arm, [move(pitch=sign, roll=sign)] * 25, narrow)
        assert wanted(arm, ticks[-1].goal)[3] == pytest.approx(end, abs=1e-4)
        assert (
            np.abs([wanted(arm, tick.goal)[3] for tick in ticks] - np.float32(3.5)) < 8.51
        ).all()
        limits = np.sort(KINEMATICS[arm].clockwise * ARMS[arm].limits[ROLL])
        assert wanted(arm, ticks[-1].goal)[4] == limits[int(sign > 0)]


@each_arm
def test_a_pitch_that_gives_way_stays_in_its_range_too(arm: str) -> None:
    narrow = config({"pitch": (-5.0, 6.0)})
    last = run(arm, [move(x=1, y=1)] * 12, narrow)[-1]
    assert pose(arm, last.goal)[3] <= 6.0 + 1.0
    assert last.goal.tip[0] < 0.31 - 1e-3  # where it would have to point up more


@each_arm
def test_a_wrist_outside_its_range_is_led_back_without_a_jump(arm: str) -> None:
    start = KINEMATICS[arm].solve(RESET[arm], f32(0.25, 0, 0.06), 40, pitch=40.0)
    steps = pipeline(arm, config({"pitch": (-20.0, 10.0)}))
    ticks = follow(steps, at(arm, start), [move()] * 10)
    pitches = [wanted(arm, tick.goal)[3] for tick in ticks]
    np.testing.assert_allclose(pitches[:6], [35, 30, 25, 20, 15, 10], atol=0.1)
    np.testing.assert_allclose(pitches[6:], 10, atol=1e-4)


# Nothing jumps, wherever the arm is and whatever is asked.

pushes = st.lists(st.tuples(*[st.sampled_from([-1.0, 0.0, 1.0])] * 5), min_size=1, max_size=10)


@each_arm
@settings(bounded, max_examples=150)
@given(
    st.tuples(*[st.floats(0, 1, width=32)] * 6),
    pushes,
    st.sampled_from([10.0, 35.0]),
    st.sampled_from([1.0, 0.2]),
)
def test_goals_are_continuous_and_sound(
    arm: str,
    shares: tuple[float, ...],
    moves: list[tuple[float, ...]],
    limit: float,
    max_error: float,
) -> None:
    settings = config(
        {"max_error": max_error}, bounds=EVERYWHERE, inverse_kinematics={"max_joint_step": limit}
    )
    low, high = ARMS[arm].limits.T
    first = at(arm, (low + f32(*shares) * (high - low)).astype(np.float32))
    for tick in follow(pipeline(arm, settings), first, [move(*m) for m in moves]):
        before, commanded, real = (
            wanted(arm, tick.before),
            wanted(arm, tick.goal),
            pose(arm, tick.goal),
        )
        moved = np.abs(tick.goal.joints - tick.before.joints)[:GRIPPER]
        assert moved.max() <= limit + 1e-4
        assert (tick.goal.joints >= np.minimum(low, tick.before.joints) - 0.01).all()
        assert (tick.goal.joints <= np.maximum(high, tick.before.joints) + 0.01).all()
        assert (np.abs(commanded - before)[[0, 1, 2, 4]] <= STEPS[[0, 1, 2, 4]] + 1e-5).all()
        outside = [abs(p - np.clip(p, *settings.wrist.pitch)) for p in (before[3], commanded[3])]
        assert outside[1] <= outside[0] + 1e-3
        if moved.any():
            assert abs(commanded[3] - real[3]) <= max_error + 1e-4
            assert np.linalg.norm(commanded[:3] - real[:3]) <= settings.inverse_kinematics.max_error
            gave_way = abs(commanded[3] - real[3]) < 1e-4
            assert gave_way or abs(commanded[3] - before[3]) <= 5.0 + 1e-3
            assert gave_way or np.linalg.norm(commanded[:3] - real[:3]) <= HALF
