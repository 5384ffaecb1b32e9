"""Counting right and wrong, and where the line is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from sample_classifiers import IMAGE

from hil_app.rewards.examples import Examples
from hil_app.rewards.scores import Counts, choose_threshold, verdicts


def bools(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def test_the_table_and_its_figures() -> None:
    counts = Counts.of(bools("1110000000"), bools("1101110000"))
    assert counts == Counts(2, 1, 3, 4)
    assert (counts.total, counts.accuracy) == (10, 0.6)
    assert counts.precision == pytest.approx(2 / 3)
    assert counts.recall == pytest.approx(2 / 5)
    assert counts.f_measure(1) == pytest.approx(2 * (2 / 3) * 0.4 / (2 / 3 + 0.4))
    assert counts.f_measure(0.5) == pytest.approx(1.25 * (2 / 3) * 0.4 / (0.25 * (2 / 3) + 0.4))


def test_figures_of_nothing() -> None:
    nothing = Counts.of(bools("000"), bools("000"))
    assert (nothing.precision, nothing.recall, nothing.f_measure(0.5)) == (1, 1, 0)


def test_frames_that_can_be_distinguished_are() -> None:
    """The line is in the middle, on the scale of logits, between the two kinds."""
    probability = np.array([0.001, 0.01, 0.02, 0.2, 0.3]).repeat(100)
    threshold = choose_threshold(probability, bools("00011").repeat(100))
    odds = [p / (1 - p) for p in (0.02, 0.2, threshold)]
    assert odds[2] == pytest.approx((odds[0] * odds[1]) ** 0.5)


def test_where_one_half_does_it_one_half_it_is() -> None:
    assert choose_threshold(np.array([0.1, 0.2, 0.6, 0.9]), bools("0011")) == 0.5


def test_a_few_odd_frames_do_not_push_it_to_an_end() -> None:
    """Two high ones of 200 that are no success must not cost half of the successes."""
    random = np.random.default_rng(0)
    probability = np.concatenate(
        [random.uniform(0, 0.2, 98), [0.96, 0.97], random.uniform(0.8, 0.99, 100)]
    )
    success = np.arange(200) >= 100
    threshold = choose_threshold(probability, success)
    assert 0.2 < threshold < 0.82
    assert Counts.of(probability >= threshold, success).recall > 0.95


def test_a_false_success_weighs_more_than_a_missed_one() -> None:
    """Half of the frames between 0.4 and 0.7 are successes, by turns."""
    between = np.linspace(0.4, 0.7, 100)
    probability = np.concatenate([np.full(300, 0.05), between, np.full(300, 0.95)])
    success = np.concatenate([np.zeros(300), np.arange(100) % 2, np.ones(300)]).astype(bool)
    threshold = choose_threshold(probability, success)
    positive = Counts.of(probability >= threshold, success)
    assert positive.false_positive < positive.false_negative


def test_one_probability_for_all_leaves_the_middle() -> None:
    assert choose_threshold(np.full(4, 0.3), bools("0011")) == 0.5


def test_it_never_reaches_an_end_of_the_scale() -> None:
    assert choose_threshold(np.array([0.9999, 0.99999]), bools("01")) == 0.99
    assert choose_threshold(np.array([1e-6, 1e-5]), bools("01")) == 0.01


def examples(episode: list[int], tick: list[int], success: str) -> Examples:
    return Examples(
        {}, bools(success), np.array(episode), np.array(tick), list("abc"), {"front": IMAGE}
    )


def test_what_a_run_would_have_made_of_each_episode() -> None:
    """Success begins at tick 3 of a; b has none; c has it at its last tick."""
    made = examples(
        [0] * 5 + [1] * 4 + [2] * 3, [1, 2, 3, 4, 5, 1, 2, 3, 4, 1, 2, 3], "001110000001"
    )
    probability = np.array([0, 0, 0.9, 0.9, 0.9, 0.9, 0.9, 0, 0.9, 0, 0, 0.9])
    rows = np.arange(12)
    twice = {v.name: v for v in verdicts(made, rows, probability, 0.5, 2)}
    assert [(v.ticks, v.success, v.fires) for v in twice.values()] == [
        (5, 3, 4),
        (4, None, 2),
        (3, 3, None),
    ]
    assert [v.agrees for v in twice.values()] == [True, False, False]
    once = {v.name: v for v in verdicts(made, rows, probability, 0.5, 1)}
    assert [(v.fires, v.agrees) for v in once.values()] == [(3, True), (1, False), (3, True)]


def test_saying_it_before_it_is_so_is_wrong_and_missing_nothing_is_right() -> None:
    made = examples([0, 0, 0, 1, 1, 1], [1, 2, 3, 1, 2, 3], "001000")
    early, quiet = verdicts(made, np.arange(6), np.array([0.9, 0, 0.9, 0, 0, 0]), 0.5, 1)
    assert (early.fires, early.agrees, quiet.agrees) == (1, False, True)


def test_a_row_does_not_reach_over_a_frame_that_is_missing() -> None:
    made = examples([0, 0, 0], [1, 2, 4], "111")
    (found,) = verdicts(made, np.arange(3), np.array([0, 0.9, 0.9]), 0.5, 2)
    assert found.fires is None
