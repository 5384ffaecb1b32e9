"""What all runs of the learning benchmarks have in common, and when one is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

EVERY, EPISODES = 500, 20  # an evaluation: how often [ticks], and how long
REACHED, HELD = 0.95, 0.90  # success rates: T95 is reached, and not lost again
FINAL = 100  # episodes at the end
ALONE = 50  # episodes that the operator does alone


def protocol(seed: int) -> list[str]:
    """The options that make a run one of a benchmark's."""
    return [
        f"--seed={seed}",
        f"--train.eval_every={EVERY}",
        f"--train.eval_episodes={EPISODES}",
        f"--eval.episodes={FINAL}",
        "--eval.deterministic=true",
        "--eval.video=false",
    ]


def reached(success: Sequence[float]) -> int | None:
    """Index of the first of two evaluations in a row that are good enough."""
    good = [rate >= REACHED for rate in success]
    pairs = (i for i, pair in enumerate(pairwise(good)) if all(pair))
    return next(pairs, None)


def held(success: Sequence[float], first: int) -> bool:
    """Whether no success rate from evaluation `first` on is below HELD, up to twice its time."""
    return all(rate >= HELD for rate in success[first : 2 * (first + 1)])
