"""Env steps that decide how a tick is rewarded and whether it is the episode's last."""

from __future__ import annotations

from dataclasses import replace

from configs.env import EnvConfig
from configs.reward import RewardConfig
from processors.base import Step, Transition
from robots.base import TruthSource


def simulated_success(truth: TruthSource) -> Step[Transition]:
    """Success as the simulated world itself sees it."""

    def step(transition: Transition) -> Transition:
        if transition.command.tick > 0 and truth().success:
            return replace(transition, success=True)
        return transition

    return step


def operator_events(transition: Transition) -> Transition:
    """The operator's verdict, which always wins: success, failure, re-record, stop.

    Failure ends the episode with no reward; re-record and stop cut it short.
    """
    sample = transition.command.sample
    return replace(
        transition,
        success=(transition.success or sample.success) and not sample.failure,
        terminated=transition.terminated or sample.failure,
        truncated=transition.truncated or sample.rerecord or sample.stop,
    )


def sparse(config: RewardConfig, *, env: EnvConfig, **_: object) -> Step[Transition]:  # noqa: ARG001
    """The sparse reward of a run's config."""
    return sparse_reward(env.terminate_on_success)


def sparse_reward(terminate_on_success: bool) -> Step[Transition]:
    """Reward 1 at success, which ends the episode if ``terminate_on_success``; else 0."""

    def step(transition: Transition) -> Transition:
        if not transition.success:
            return transition
        terminated = transition.terminated or terminate_on_success
        return replace(transition, reward=1.0, terminated=terminated)

    return step


def time_limit(ticks: int) -> Step[Transition]:
    """Cut an episode after exactly ``ticks`` ticks; the reset is not one of them."""

    def step(transition: Transition) -> Transition:
        if transition.command.tick < ticks or transition.terminated:
            return transition
        return replace(transition, truncated=True)

    return step
