"""How long new weights take from the learner to the policy that acts with them."""

from __future__ import annotations

from time import perf_counter

from hil_app.bench import Result
from hil_app.bench.learner import CASES, Case, make_algorithm, make_policy
from hil_app.control.policy import LearnedPolicy
from hil_app.control.rate import milliseconds
from hil_app.learning.mailbox import Mailbox


def swap(rounds: int) -> Result:
    """Time [ms] to copy, publish and take new weights, for the networks of the learner's cases.

    The wait for the next tick is not in it.
    """
    wide, narrow = CASES["state, utd 1"], CASES["state, 128 wide, utd 2"]
    return {"256 wide": _swap(wide, rounds), "128 wide": _swap(narrow, rounds), "rounds": rounds}


def _swap(case: Case, rounds: int) -> Result:
    algorithm, mailbox = make_algorithm(case), Mailbox()
    acting = LearnedPolicy(make_policy(case), mailbox, deterministic=True)
    parts: dict[str, list[float]] = {"copy": [], "publish": [], "take": [], "all": []}
    for version in range(1, rounds + 1):
        started = perf_counter()
        weights = algorithm.get_weights()
        copied = perf_counter()
        mailbox.publish(version, weights)
        published = perf_counter()
        acting.refresh()
        taken = perf_counter()
        spans = (copied - started, published - copied, taken - published, taken - started)
        for seconds, span in zip(parts.values(), spans, strict=True):
            seconds.append(span)
    return {name: milliseconds(seconds) for name, seconds in parts.items()}
