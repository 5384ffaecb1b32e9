"""How a tick is rewarded, whether it is the last, and what a flip of the gripper costs."""

from dataclasses import replace
from typing import Any

import pytest
from sample_ticks import (
    CLOSE,
    OPEN,
    STAY,
    action,
    assert_leaves_its_input_alone,
    command,
    f32,
    joints,
    transition,
)

from processors.base import Command, Pipeline, Step, Transition
from processors.events import operator_events, simulated_success, sparse_reward, time_limit
from processors.gripper_penalty import gripper_penalty
from robots.base import GRIPPER, Reading, Truth


def world(success: bool) -> Any:
    truth = Truth(1, 5, f32(0.2, 0, 0.1), 30.0, {"object": f32(0.2, 0, 0.1)}, success)
    return lambda: truth


def evaluated(
    simulated: bool = False, terminate_on_success: bool = True, **sample: bool
) -> tuple[float, bool, bool, bool]:
    """(reward, success, terminated, truncated) of a tick with these events, by all the steps."""
    steps: dict[str, Step[Transition]] = {
        "simulated success": simulated_success(world(simulated)),
        "operator events": operator_events,
        "reward": sparse_reward(terminate_on_success),
    }
    done = Pipeline("env", steps)(transition(command(**sample)))
    assert done.done == (done.terminated or done.truncated)
    return done.reward, done.success, done.terminated, done.truncated


@pytest.mark.parametrize(
    ("events", "outcome"),  # outcome: reward, success, terminated, truncated
    [
        ({}, (0, False, False, False)),
        ({"simulated": True}, (1, True, True, False)),
        ({"success": True}, (1, True, True, False)),
        ({"simulated": True, "success": True}, (1, True, True, False)),
        ({"failure": True}, (0, False, True, False)),
        ({"rerecord": True}, (0, False, False, True)),
        ({"stop": True}, (0, False, False, True)),
        # the operator's failure wins over everything
        ({"simulated": True, "failure": True}, (0, False, True, False)),
        ({"success": True, "failure": True}, (0, False, True, False)),
        # an episode that goes on after success still pays it, and still ends at the rest
        ({"simulated": True, "terminate_on_success": False}, (1, True, False, False)),
        ({"success": True, "terminate_on_success": False}, (1, True, False, False)),
        ({"failure": True, "terminate_on_success": False}, (0, False, True, False)),
        (
            {"simulated": True, "failure": True, "terminate_on_success": False},
            (0, False, True, False),
        ),
        ({"success": True, "stop": True, "terminate_on_success": False}, (1, True, False, True)),
    ],
)
def test_what_each_event_does(events: dict[str, bool], outcome: tuple[Any, ...]) -> None:
    assert evaluated(**events) == outcome


def test_the_reset_is_never_a_success() -> None:
    step = simulated_success(world(True))
    reset = Command.at_reset(Reading(joints(), stamp=1.0), f32(0.2, 0, 0.05))
    assert not step(transition(reset)).success
    assert step(transition(command(tick=1))).success


# the gripper penalty

REVERSED = {"closed": 50.0, "open": 10.0}
USUAL = {"closed": 10.0, "open": 50.0}


def charged(ends: dict[str, float], opening: float, asked: int) -> float:
    """The penalty when the gripper was ``opening`` of its way open before the action."""
    measured = ends["closed"] + opening * (ends["open"] - ends["closed"])
    before = command(action(grip=asked), measured=measured)
    return gripper_penalty(GRIPPER, -0.5, **ends)(transition(before)).discrete_penalty


@pytest.mark.parametrize("ends", [USUAL, REVERSED], ids=["usual", "reversed"])
@pytest.mark.parametrize(
    ("opening", "close", "stay", "open"),
    [
        (-0.10, 0.0, 0.0, -0.5),
        (0.00, 0.0, 0.0, -0.5),
        (0.09, 0.0, 0.0, -0.5),
        (0.11, 0.0, 0.0, 0.0),
        (0.50, 0.0, 0.0, 0.0),
        (0.89, 0.0, 0.0, 0.0),
        (0.91, -0.5, 0.0, 0.0),
        (1.00, -0.5, 0.0, 0.0),
        (1.10, -0.5, 0.0, 0.0),
    ],
)
def test_the_penalty_fires_on_flips_only(
    ends: dict[str, float], opening: float, close: float, stay: float, open: float
) -> None:
    paid = [charged(ends, opening, asked) for asked in (CLOSE, STAY, OPEN)]
    assert paid == [close, stay, open]


def test_the_thresholds_themselves_count() -> None:
    step = gripper_penalty(GRIPPER, -0.5, closed=0.0, open=100.0)
    for measured, asked in ((10.0, OPEN), (90.0, CLOSE)):
        before = command(action(grip=asked), measured=measured)
        assert step(transition(before)).discrete_penalty == -0.5


def test_the_penalty_is_decided_before_the_action_not_after() -> None:
    step = gripper_penalty(GRIPPER, -0.5, **USUAL)
    closing = command(action(grip=CLOSE), measured=50.0)  # it was open and is now closed
    assert step(transition(closing, gripper=10.0)).discrete_penalty == -0.5
    shut = command(action(grip=CLOSE), measured=10.0)  # it was closed already
    assert step(transition(shut, gripper=50.0)).discrete_penalty == 0.0


def test_the_penalty_counts_the_executed_action_and_the_measured_position() -> None:
    step = gripper_penalty(GRIPPER, -0.5, **USUAL)
    is_intervention = command(action(grip=STAY), measured=50.0, commanded=30.0)
    assert step(transition(is_intervention)).discrete_penalty == 0.0
    # the policy asked to close an open gripper, but the operator's "stay" was executed
    overruled = replace(is_intervention, policy_action=action(grip=CLOSE))
    assert step(transition(overruled)).discrete_penalty == 0.0
    executed = replace(is_intervention, action=action(grip=CLOSE))
    assert step(transition(executed)).discrete_penalty == -0.5


def test_the_penalty_is_never_added_to_the_reward() -> None:
    flip = command(action(grip=CLOSE), measured=50.0)
    for reward in (0.0, 1.0):
        done = gripper_penalty(GRIPPER, -0.5, **USUAL)(transition(flip, reward=reward))
        assert (done.reward, done.discrete_penalty) == (reward, -0.5)


@pytest.mark.parametrize("measured", [10.0, 30.0, 50.0])
def test_the_reset_is_never_charged(measured: float) -> None:
    reset = Command.at_reset(Reading(joints(measured), stamp=1.0), f32(0.2, 0, 0.05))
    assert gripper_penalty(GRIPPER, -0.5, **USUAL)(transition(reset)).discrete_penalty == 0.0


# the time limit


def test_an_episode_lasts_exactly_n_ticks() -> None:
    """Trap 17: the reset is tick 0 and takes none of them."""
    step = time_limit(4)
    cut = [step(transition(command(tick=tick))).truncated for tick in range(5)]
    assert cut == [False, False, False, False, True]


def test_an_end_on_the_last_tick_is_no_time_limit() -> None:
    done = time_limit(4)(transition(command(tick=4), terminated=True))
    assert (done.terminated, done.truncated) == (True, False)


@pytest.mark.parametrize(
    "step",
    [
        simulated_success(world(True)),
        operator_events,
        sparse_reward(True),
        sparse_reward(False),
        gripper_penalty(GRIPPER, -0.5, **USUAL),
        time_limit(1),
    ],
)
@pytest.mark.parametrize("success", [True, False])
def test_no_event_step_writes_into_its_input(step: Step[Transition], success: bool) -> None:
    flip = command(action(grip=CLOSE), measured=50.0, success=True, failure=not success)
    assert_leaves_its_input_alone(step, transition(flip, success=success))
