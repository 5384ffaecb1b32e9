"""What a sweep goes over."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from configs.errors import ConfigError
from hil_app.sweep.over import Over, draws, parse


def test_lists_are_split_at_commas_that_stand_in_no_bracket() -> None:
    assert parse("--policy.hidden_dims=[64,64],[128,128]").values == ("[64,64]", "[128,128]")
    assert parse("learner.batch_size=64,128,64") == Over("learner.batch_size", ("64", "128"))


def test_a_range_of_whole_numbers_has_both_ends_and_no_fractions() -> None:
    rng, over = np.random.default_rng(0), parse("learner.n_steps=1..3")
    assert {over.draw(rng) for _ in range(50)} == {"1", "2", "3"}


def test_a_range_in_the_logarithm_has_as_many_in_each_decade() -> None:
    rng, over = np.random.default_rng(0), parse("algorithm.actor_lr=log:1e-5..1e-3")
    drawn = [float(over.draw(rng)) for _ in range(400)]
    assert 1e-5 <= min(drawn) <= max(drawn) <= 1e-3
    assert 160 < sum(value < 1e-4 for value in drawn) < 240


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learner.batch_size", "must be NAME=VALUES"),
        ("learner.batch_size=64", "one value is nothing to vary"),
        ("algorithm.actor_lr=1e-3..1e-4", "a range goes up"),
        ("algorithm.actor_lr=log:0..1e-4", "above 0"),
        ("algorithm.actor_lr=a..b", "a range is LOW..HIGH"),
        ("algorithm.actor_lr=0..inf", "a range goes up"),
    ],
)
def test_what_says_no_values_is_refused(text: str, said: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        parse(text)


def test_without_samples_a_sweep_is_all_that_the_lists_come_to() -> None:
    over = [parse("a.b=1,2"), parse("c.d=x,y,z")]
    assert draws(over, None, 0) == [(a, b) for a in "12" for b in "xyz"]
    some = draws(over, 4, 0)
    assert len({*some}) == 4
    assert {*some} < {*draws(over, None, 0)}
    assert draws(over, 99, 0) == draws(over, None, 0)


def test_samples_are_the_seeds() -> None:
    over = [parse("a.b=1,2"), parse("c.d=log:1e-4..1")]
    assert draws(over, 5, 3) == draws(over, 5, 3) != draws(over, 5, 4)
    with pytest.raises(ConfigError, match=r"--over c.d: a range has no end .* --samples"):
        draws(over, None, 0)
    with pytest.raises(ConfigError, match="come to 10,000 trials"):
        draws([parse(f"{name}=1,2,3,4,5,6,7,8,9,10") for name in "abcd"], None, 0)
