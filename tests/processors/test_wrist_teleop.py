"""Pitch and roll from hands and minds of all kinds, and every option of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sample_ticks import (
    CLOSE,
    OPEN,
    STAY,
    action,
    command,
    f32,
    flat,
    follow,
    gripper_of,
    transition,
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
    wanted,
)

from configs.processor import ProcessorConfig, WristConfig
from configs.teleop import SO100LeaderConfig
from hil_app.build.actions import action_steps, wrist_of
from hil_app.build.steps import with_steps
from processors.base import Command, Goal, Pipeline
from processors.gripper_penalty import gripper_penalty
from robots.arm import ARMS
from robots.base import F32, GRIPPER, Reading
from robots.kinematics import Kinematics
from teleop.base import NEUTRAL, NO_INPUT, TeleopSample

each_mode = pytest.mark.parametrize("control", ["end_effector", "joints"])


# Hands and minds that know of no wrist.


@each_arm
def test_an_action_of_position_and_gripper_has_the_wrist_stay(arm: str) -> None:
    own = replace(
        at(arm, RESET[arm]),
        sample=TeleopSample(action(0.5, -1, 0.25, CLOSE), intervening=True),
        policy_action=NEUTRAL,
        intervening_before=True,
    )
    done = pipeline(arm, config())(own)
    np.testing.assert_array_equal(done.action, f32(0.5, -1, 0.25, 0, 0, CLOSE))
    np.testing.assert_array_equal(done.policy_action, f32(0, 0, 0, 0, 0, STAY))
    assert done.action.dtype == done.policy_action.dtype == np.float32
    assert gripper_of(done) == 0
    np.testing.assert_allclose(wanted(arm, done.goal)[3:], wanted(arm, own.goal)[3:], atol=1e-5)


def test_a_whole_action_passes_as_it_is_and_a_pause_stills_it() -> None:
    asked = replace(at("so101", RESET["so101"]), policy_action=f32(1, 2, 3, 4, 5, OPEN))
    line = pipeline("so101", config())
    np.testing.assert_array_equal(line(asked).action, asked.policy_action)
    still = line(replace(asked, sample=replace(NO_INPUT, paused=True)))
    np.testing.assert_array_equal(still.action, f32(0, 0, 0, 0, 0, STAY))
    np.testing.assert_allclose(still.goal.joints, asked.goal.joints, atol=0.1)


def test_the_gripper_is_the_last_number_for_its_penalty_too() -> None:
    charged = gripper_penalty(GRIPPER, -0.25, closed=0.0, open=45.0)
    for act, cost in ((f32(0, 0, 0, 0, 1, CLOSE), -0.25), (f32(0, 0, 0, 0, 1, OPEN), 0.0)):
        done = charged(transition(command(act, measured=44.0), gripper=44.0))
        assert done.discrete_penalty == cost


@each_arm
@pytest.mark.parametrize("takes_over", [True, False])
def test_a_wrist_far_behind_stops_where_it_is_when_hands_change(arm: str, takes_over: bool) -> None:
    here, commanded = RESET[arm].copy(), RESET[arm].copy()
    commanded[ROLL] += 25
    goal = Goal(KINEMATICS[arm].tip(commanded), commanded)
    asked = replace(
        at(arm, here),
        sample=TeleopSample(NEUTRAL, intervening=takes_over),
        before=goal,
        goal=goal,
        intervening_before=not takes_over,
    )
    done = pipeline(arm, config())(asked)
    assert done.goal.joints[ROLL] == here[ROLL]
    same = pipeline(arm, config())(replace(asked, intervening_before=takes_over))
    assert same.goal.joints[ROLL] == commanded[ROLL]
    commanded[ROLL] = here[ROLL] + 9  # less than a full action: a lag, not worth giving up
    near = Goal(KINEMATICS[arm].tip(commanded), commanded)
    kept = pipeline(arm, config())(replace(asked, before=near, goal=near))
    assert kept.goal.joints[ROLL] == commanded[ROLL]


# A leader arm.


def led(
    arm: str, control: str, leader: F32, ticks: int, settings: ProcessorConfig
) -> list[Command]:
    """Ticks of an arm that is where it was commanded to be, behind a leader that holds still."""
    teleop = SO100LeaderConfig.model_validate({"control": control})
    solver = KINEMATICS[arm]
    wrist = wrist_of(settings, solver)
    context = {"kinematics": solver, "processor": settings, "wrist": wrist}
    steps = with_steps(action_steps(settings, solver), teleop.steps, "action", **context)
    line = Pipeline("action", steps)
    done, goal = [], at(arm, RESET[arm]).goal
    for tick in range(1, ticks + 1):
        asked = replace(
            at(arm, RESET[arm]),
            tick=tick,
            reading=Reading(goal.joints, stamp=0.1 * tick),
            sample=TeleopSample(NEUTRAL, True, joints=leader),
            before=goal,
            goal=goal,
            intervening_before=tick > 1,
        )
        done.append(line(asked))
        goal = done[-1].goal
    return done


@each_arm
@each_mode
def test_the_wrist_follows_a_leader_and_what_is_recorded_is_what_it_does(
    arm: str, control: str
) -> None:
    leader = KINEMATICS[arm].solve(RESET[arm], f32(0.24, 0.05, 0.06), 40, pitch=25.0)
    leader[ROLL] += 50
    done = led(arm, control, leader, 40, config())
    np.testing.assert_allclose(done[-1].goal.joints[:GRIPPER], leader[:GRIPPER], atol=0.2)
    usual = pipeline(arm, config())
    for tick in done:
        assert tick.action.shape == (6,)
        assert (np.abs(tick.action[:5]) <= 1.0).all()
        alone = replace(tick, sample=NO_INPUT, policy_action=tick.action, goal=tick.before)
        replayed = usual(replace(alone, intervening_before=False)).goal
        np.testing.assert_allclose(
            wanted(arm, replayed), wanted(arm, tick.goal), atol=1e-3, err_msg=str(tick.action)
        )
        moved = np.abs(tick.goal.joints - tick.before.joints)[:GRIPPER]
        assert moved.max() <= config().inverse_kinematics.max_joint_step + 1e-4


@each_arm
@each_mode
def test_a_leader_beyond_the_range_of_pitch_is_followed_to_its_edge(arm: str, control: str) -> None:
    leader = KINEMATICS[arm].solve(RESET[arm], f32(0.24, 0.0, 0.06), 40, pitch=40.0)
    last = led(arm, control, leader, 40, config({"pitch": (-20.0, 15.0)}))[-1]
    assert wanted(arm, last.goal)[3] == pytest.approx(15, abs=0.5)
    np.testing.assert_allclose(last.goal.tip, KINEMATICS[arm].tip(leader), atol=2e-3)


# Every option of the wrist does what it says.


class Sloppy(Kinematics):
    """Misses every pitch by 0.7 degrees."""

    def solve(self, *args: Any, pitch: float | None = None, **options: Any) -> F32:
        return super().solve(*args, pitch=None if pitch is None else pitch + 0.7, **options)


def raised(settings: ProcessorConfig) -> Command:
    steps = Pipeline("action", action_steps(settings, Sloppy(ARMS["so101"])))
    return follow(steps, at("so101", RESET["so101"]), [move(pitch=1)])[0]


def test_a_solution_may_miss_its_pitch_by_the_error_allowed_and_no_more() -> None:
    start = pose("so101", at("so101", RESET["so101"]).goal)[3]
    for max_error, risen in ((0.8, 5.7), (0.6, 0.0)):
        done = raised(config({"max_error": max_error}))
        assert pose("so101", done.goal)[3] - start == pytest.approx(risen, abs=0.2)


OPTIONS: dict[str, Any] = {
    "pitch_step": 2.5,
    "roll_step": 3.5,
    "pitch": (-20.0, 9.0),
    "max_error": 0.6,
}


def test_every_option_of_the_wrist_is_in_the_table() -> None:
    assert set(OPTIONS) == set(WristConfig.model_fields)


@pytest.mark.parametrize(("name", "value"), OPTIONS.items())
def test_the_option_changes_what_the_arm_does(name: str, value: Any) -> None:
    def goals(settings: ProcessorConfig) -> Iterator[Any]:
        steps = Pipeline("action", action_steps(settings, Sloppy(ARMS["so101"])))
        moves = [move(pitch=1, roll=1)] * 4
        return (flat(t.goal) for t in follow(steps, at("so101", RESET["so101"]), moves))

    assert list(goals(config({name: value}))) != list(goals(config()))
