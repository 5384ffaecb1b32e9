"""Success by a classifier: so many ticks in a row, and never before the operator's verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sample_ticks import assert_leaves_its_input_alone, command, f32, joints, transition

from processors.base import Command, Observation, Pipeline, Step, Transition
from processors.classifier import ClassifiedSuccess
from processors.events import operator_events, sparse_reward
from robots.base import Reading


def seen(probability: float, tick: int, **facts: Any) -> Transition:
    """A tick whose features are what the judge is to say."""
    before = replace(command(tick=tick), **facts)
    return transition(before, observation={"said": f32(probability)})


def success_probability(observation: Observation) -> float:
    return float(observation["said"][0])


def verdicts(step: Step[Transition], probabilities: list[float], first: int = 1) -> list[bool]:
    return [step(seen(p, tick)).success for tick, p in enumerate(probabilities, first)]


@pytest.mark.parametrize(
    ("ticks", "wanted"),
    [
        (1, [0, 1, 0, 1, 1, 0, 1, 1, 1, 1]),
        (2, [0, 0, 0, 0, 1, 0, 0, 1, 1, 1]),
        (3, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
        (5, [0] * 10),
    ],
)
def test_success_takes_so_many_positive_ticks_in_a_row(ticks: int, wanted: list[int]) -> None:
    said = [0.1, 0.9, 0.2, 0.7, 0.8, 0.0, 0.7, 0.9, 0.9, 1.0]
    found = verdicts(ClassifiedSuccess(success_probability, 0.65, ticks), said)
    assert found == [bool(each) for each in wanted]


def test_the_threshold_itself_is_positive() -> None:
    step = ClassifiedSuccess(success_probability, 0.5, 1)
    assert verdicts(step, [0.4999, 0.5, 0.5001]) == [False, True, True]


def test_a_row_does_not_reach_from_one_episode_into_the_next() -> None:
    step = ClassifiedSuccess(success_probability, 0.5, 2)
    assert verdicts(step, [0.1, 0.9]) == [False, False]
    assert verdicts(step, [0.9, 0.9, 0.9], first=0) == [False, False, True]


def test_the_reset_is_never_a_success_and_is_not_even_judged() -> None:
    def unasked(observation: Observation) -> float:
        raise AssertionError(observation)

    reset = Command.at_reset(Reading(joints(), stamp=1.0), f32(0.2, 0, 0.05))
    assert not ClassifiedSuccess(unasked, 0.5, 1)(transition(reset)).success


def test_a_pause_begins_a_row_anew() -> None:
    """The world may have been changed by hand, and the pause looks at the last tick once more."""
    step = ClassifiedSuccess(success_probability, 0.5, 2)
    assert verdicts(step, [0.9]) == [False]
    assert not step(seen(0.9, 1)).success  # the look at the end of the pause
    assert not step(seen(0.9, 2, after_pause=True)).success
    assert step(seen(0.9, 3)).success


def test_what_is_looked_at_again_is_judged_once() -> None:
    asked: Iterator[float] = iter([0.9, 0.9])
    step = ClassifiedSuccess(lambda _: next(asked), 0.5, 2)
    found = [step(seen(0, tick)).success for tick in (1, 1, 1, 2)]
    assert found == [False, False, False, True]


@pytest.mark.parametrize(
    ("said", "operator", "outcome"),  # outcome: reward, success, terminated
    [
        (0.9, {}, (1, True, True)),
        (0.1, {}, (0, False, False)),
        (0.9, {"failure": True}, (0, False, True)),
        (0.1, {"success": True}, (1, True, True)),
        (0.1, {"failure": True}, (0, False, True)),
        (0.9, {"success": True}, (1, True, True)),
    ],
)
def test_the_operator_s_verdict_wins(
    said: float, operator: dict[str, bool], outcome: tuple[Any, ...]
) -> None:
    steps: dict[str, Step[Transition]] = {
        "success classifier": ClassifiedSuccess(success_probability, 0.5, 1),
        "operator events": operator_events,
        "reward": sparse_reward(True),
    }
    tick = transition(command(**operator), observation={"said": f32(said)})
    done = Pipeline("env", steps)(tick)
    assert (done.reward, done.success, done.terminated) == outcome


def test_the_tick_that_it_judges_stays_as_it_was() -> None:
    assert_leaves_its_input_alone(ClassifiedSuccess(success_probability, 0.5, 1), seen(0.9, 1))
