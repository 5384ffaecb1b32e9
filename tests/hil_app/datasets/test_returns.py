"""n-step rows, against rewards that spell out which ticks were summed, and against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_app.learning import (
    ACTION,
    FeatureType,
    GaussianActorConfig,
    GaussianActorPolicy,
    PolicyFeature,
    ReplayBuffer,
)
from hil_app.learning.buffer.returns import NStepReturns, Row
from hil_app.recording.frames import Frame
from robots.base import Reading

SEEN = "observation.state"
bounded = settings(max_examples=60, deadline=None, derandomize=True)


def frame(number: int, **facts: Any) -> Frame:
    """Frame ``number`` of a run goes from state ``number`` to state ``number + 1``."""
    usual: dict[str, Any] = {
        "tick": number,
        "observation": {SEEN: np.float32([number])},
        "action": np.full(4, number, np.float32),
        "policy_action": np.full(4, -number, np.float32),
        "sent": np.zeros(6, np.float32),
        "next_observation": {SEEN: np.float32([number + 1])},
        "reward": 0.0,
        "discrete_penalty": 0.0,
        "success": False,
        "terminated": False,
        "truncated": False,
        "is_intervention": False,
        "rerecord": False,
        "weights_version": 0,
        "reading": Reading(np.zeros(6, np.float32), 0.0),
        "next_reading": Reading(np.zeros(6, np.float32), 0.1),
    }
    return Frame(**{**usual, **facts})


def rows(n: int, discount: float, frames: list[Frame]) -> list[Row]:
    returns = NStepReturns(n, discount)
    return [row for each in frames for row in returns.push(each)]


def where(row: Row) -> tuple[float, float]:
    """(first state, state bootstrapped from)."""
    return float(row.state[SEEN][0]), float(row.next_state[SEEN][0])


def episode(first: int, ticks: int, **end: bool) -> list[Frame]:
    """Frames whose rewards are powers of ten: a sum shows which ticks are in it."""
    numbers = range(first, first + ticks)
    frames = [frame(number, reward=10.0 ** (number - first)) for number in numbers]
    end = end or {"terminated": True}
    last = {**end, "reward": 10.0 ** (ticks - 1)}
    return [*frames[:-1], frame(first + ticks - 1, **last)]


def test_one_step_rows_are_the_frames() -> None:
    found = rows(1, 0.5, episode(0, 3))
    assert [row.reward for row in found] == [1, 10, 100]
    assert [where(row) for row in found] == [(0, 1), (1, 2), (2, 3)]
    assert [row.done for row in found] == [False, False, True]
    assert [row.discount for row in found] == [0.5] * 3


def test_three_step_rows_sum_three_rewards_and_less_at_the_end() -> None:
    found = rows(3, 1.0, episode(0, 5))
    assert [row.reward for row in found] == [111, 1110, 11100, 11000, 10000]
    assert [where(row) for row in found] == [(0, 3), (1, 4), (2, 5), (3, 5), (4, 5)]
    assert [row.done for row in found] == [False, False, True, True, True]


def test_rewards_penalties_and_the_bootstrap_are_discounted() -> None:
    frames = [
        frame(0, reward=1.0, discrete_penalty=-4.0),
        frame(1, reward=10.0, discrete_penalty=-40.0),
        frame(2, reward=100.0, discrete_penalty=-400.0),
        frame(3, reward=1000.0, truncated=True),
    ]
    first, second, third, fourth = rows(3, 0.5, frames)
    assert first.reward == 1 + 0.5 * 10 + 0.25 * 100
    assert first.discrete_penalty == -(4 + 0.5 * 40 + 0.25 * 400)
    assert second.reward == 10 + 0.5 * 100 + 0.25 * 1000
    assert [row.discount for row in (first, second, third, fourth)] == [0.125, 0.125, 0.25, 0.5]


def test_terminated_stops_the_bootstrap_and_truncated_does_not() -> None:
    for end in ("terminated", "truncated"):
        found = rows(3, 0.9, episode(0, 4, **{end: True}))
        assert [row.done for row in found] == [False] + [end == "terminated"] * 3
        assert [row.truncated for row in found] == [False] + [end == "truncated"] * 3


def test_a_row_has_the_action_and_the_flag_of_its_first_tick() -> None:
    is_intervention = {1, 2}
    frames = [frame(i, is_intervention=i in is_intervention, terminated=i == 4) for i in range(5)]
    found = rows(3, 0.9, frames)
    assert [row.is_intervention for row in found] == [False, True, True, False, False]
    assert [float(row.action[0]) for row in found] == [0, 1, 2, 3, 4]  # executed, not wanted


def test_trap_02_no_next_state_or_reward_crosses_an_episodes_end() -> None:
    """At a time limit, after success, and for an episode shorter than n."""
    run = episode(0, 4, truncated=True) + episode(100, 1) + episode(200, 2) + episode(300, 5)
    found = rows(3, 1.0, run)
    assert [where(row) for row in found] == [
        *[(0, 3), (1, 4), (2, 4), (3, 4)],
        (100, 101),
        *[(200, 202), (201, 202)],
        *[(300, 303), (301, 304), (302, 305), (303, 305), (304, 305)],
    ]
    assert [row.reward for row in found[4:7]] == [1, 11, 10]


def test_trap_02_skipped_rows_do_not_shift_the_others() -> None:
    """Rows of interventions alone (the offline buffer) still have their own next states."""
    frames = [frame(i, is_intervention=i % 3 == 0, truncated=i == 9) for i in range(10)]
    kept = [row for row in rows(2, 0.9, frames) if row.is_intervention]
    assert [where(row) for row in kept] == [(0, 2), (3, 5), (6, 8), (9, 10)]


def test_a_row_is_given_as_soon_as_it_is_complete() -> None:
    returns = NStepReturns(3, 0.9)
    given = [len(returns.push(each)) for each in episode(0, 5)]
    assert given == [0, 0, 1, 1, 3]


ends = st.sampled_from(["terminated", "truncated", "both"])
episodes = st.lists(st.tuples(st.integers(1, 9), ends), min_size=1, max_size=5)


def reference(frames: list[Frame], first: int, n: int, discount: float) -> tuple[Any, ...]:
    """The row of ``frames[first]`` by the definition."""
    reward = penalty = 0.0
    for k in range(n):
        at = frames[first + k]
        reward += discount**k * at.reward
        penalty += discount**k * at.discrete_penalty
        if at.terminated or at.truncated:
            break
    after = (at.next_observation[SEEN], at.terminated, at.truncated)
    return reward, penalty, after, discount ** (k + 1), frames[first].is_intervention


@bounded
@given(episodes, st.integers(1, 6), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_rows_are_those_of_the_definition(
    shape: list[tuple[int, str]], n: int, discount: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    frames: list[Frame] = []
    for ticks, end in shape:
        for tick in range(ticks):
            last = tick == ticks - 1
            frames.append(
                frame(
                    len(frames),
                    reward=float(draw.normal()),
                    discrete_penalty=-float(draw.random()),
                    is_intervention=bool(draw.random() < 0.5),
                    terminated=last and end in ("terminated", "both"),
                    truncated=last and end in ("truncated", "both"),
                )
            )
    found = rows(n, discount, frames)
    assert [where(row)[0] for row in found] == list(range(len(frames)))  # each exactly once
    for first, row in enumerate(found):
        reward, penalty, after, power, is_intervention = reference(frames, first, n, discount)
        assert row.reward == pytest.approx(reward, abs=1e-9)
        assert row.discrete_penalty == pytest.approx(penalty, abs=1e-9)
        assert (row.next_state[SEEN], row.done, row.truncated) == after
        assert row.discount == pytest.approx(power)
        assert row.is_intervention == is_intervention
        assert row.action is frames[first].action


def test_what_is_kept_of_an_observation_is_made_once_and_shared() -> None:
    made: list[Any] = []

    def keep(seen: Any) -> Any:
        made.append({"kept": seen[SEEN] * 10})
        return made[-1]

    shown = [{SEEN: np.float32([i])} for i in range(5)]
    frames = [
        frame(i, observation=shown[i], next_observation=shown[i + 1], terminated=i == 3)
        for i in range(4)
    ]
    returns = NStepReturns(2, 0.5, keep)
    found = [row for each in frames for row in returns.push(each)]
    assert len(made) == 5
    assert [float(row.state["kept"][0]) for row in found] == [0, 10, 20, 30]
    assert [float(row.next_state["kept"][0]) for row in found] == [20, 30, 40, 40]
    assert found[0].next_state["kept"] is found[2].state["kept"]


CAMERA = "observation.images.front"


@bounded
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5), n=st.integers(1, 4))
def test_frames_become_a_buffer_with_every_value_boundary_and_flag(
    lengths: list[int], n: int
) -> None:
    """Frame i of episode e: number 10 e + i everywhere, its image too."""

    def seen(number: int) -> dict[str, Any]:
        image = np.full((4, 5, 3), number, np.uint8)
        return {SEEN: np.full(2, number, np.float32), CAMERA: image}

    frames = []
    for episode, length in enumerate(lengths):
        shown = [seen(10 * episode + i) for i in range(length + 1)]
        frames += [
            frame(
                10 * episode + i,
                observation=shown[i],
                next_observation=shown[i + 1],
                reward=float(i == length - 1),
                discrete_penalty=-float(i),
                terminated=i == length - 1 and episode % 2 == 0,
                truncated=i == length - 1 and episode % 2 == 1,
                is_intervention=i % 2 == 1,
            )
            for i in range(length)
        ]
    features = {
        SEEN: PolicyFeature(FeatureType.STATE, (2,)),
        CAMERA: PolicyFeature(FeatureType.VISUAL, (3, 4, 5)),
    }
    action = {ACTION: PolicyFeature(FeatureType.ACTION, (4,))}
    config = GaussianActorConfig(input_features=features, output_features=action, latent_dim=2)
    policy = GaussianActorPolicy(config)
    buffer = ReplayBuffer.from_frames(frames, policy, 100, n_steps=n, discount=0.5)
    assert len(buffer) == sum(lengths)
    batch = buffer.sample(300)
    for row in range(300):
        number = int(batch["action"][row, 0])
        episode, i = divmod(number, 10)
        steps = min(n, lengths[episode] - i)
        end = i + steps == lengths[episode]
        assert (batch["state"][SEEN][row] == number).all()
        assert (batch["state"][CAMERA][row] == number).all()
        assert (batch["next_state"][SEEN][row] == number + steps).all()
        assert (batch["next_state"][CAMERA][row] == number + steps).all()
        assert batch["reward"][row] == (0.5 ** (steps - 1) if end else 0)
        assert batch["done"][row] == (end and episode % 2 == 0)
        assert batch["truncated"][row] == (end and episode % 2 == 1)
        info = {key: float(value[row]) for key, value in batch["complementary_info"].items()}
        assert info["discount"] == 0.5**steps
        assert info["is_intervention"] == i % 2
        assert info["discrete_penalty"] == -sum(0.5**k * (i + k) for k in range(steps))


def test_nothing_reaches_over_a_pause() -> None:
    """The world may have changed in it: the rows before end at what was seen then."""
    frames = [frame(n, reward=float(10**n)) for n in range(1, 5)]
    frames += [frame(n, reward=float(10**n), after_pause=n == 5) for n in range(5, 8)]
    frames.append(frame(8, truncated=True))
    made = rows(3, 1.0, frames)
    assert [(*where(row), row.reward) for row in made] == [
        (1, 4, 1110),
        (2, 5, 11100),
        (3, 5, 11000),
        (4, 5, 10000),
        (5, 8, 11100000),
        (6, 9, 11000000),
        (7, 9, 10000000),
        (8, 9, 0),
    ]
    assert not any(row.done for row in made)
    assert [row.truncated for row in made] == [False] * 5 + [True] * 3
