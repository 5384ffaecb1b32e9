"""Env steps that decide how a tick is rewarded and whether it is the episode's last."""

from __future__ import annotations

from dataclasses import replace

from configs.base import ConfigError
from configs.env import EnvConfig
from configs.reward import RewardConfig
from processors.base import Step, Transition
from robots.base import RobotSpec, TruthSource


def simulated_success(truth: TruthSource) -> Step[Transition]:
    """Success as the simulated world itself sees it."""

    def step(transition: Transition) -> Transition:
        if transition.command.tick > 0 and truth().success:
            return replace(transition, success=True)
        return transition

    return step


def end_of_world(truth: TruthSource) -> Step[Transition]:
    """The episode ends where the simulated world says that its own does, success or not."""

    def step(transition: Transition) -> Transition:
        now = truth()
        if not (now.terminated or now.truncated):
            return transition
        return replace(
            transition,
            terminated=transition.terminated or now.terminated,
            truncated=transition.truncated or now.truncated,
        )

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


def environment(
    config: RewardConfig,
    *,
    spec: RobotSpec,
    truth: TruthSource | None,
    env: EnvConfig,
    **_: object,
) -> Step[Transition]:
    """What the robot's world gives; a success ends the episode as configured.

    Raises ConfigError for a robot whose world gives nothing.
    """
    if truth is None or not spec.rewards:
        raise ConfigError(
            f"processor.reward.type: {config.type} is the reward of a gymnasium environment, and "
            "this robot is none: set sparse"
        )

    def step(transition: Transition) -> Transition:
        reward = truth().reward if transition.command.tick else 0.0
        ends = transition.success and env.terminate_on_success
        return replace(transition, reward=reward, terminated=transition.terminated or ends)

    return step


def time_limit(ticks: int) -> Step[Transition]:
    """Cut an episode after exactly ``ticks`` ticks; the reset is not one of them."""

    def step(transition: Transition) -> Transition:
        if transition.command.tick < ticks or transition.terminated:
            return transition
        return replace(transition, truncated=True)

    return step
