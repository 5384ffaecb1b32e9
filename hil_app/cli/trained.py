"""The policy of a checkpoint, for commands that act with it."""

from __future__ import annotations

from pathlib import Path

from configs.learning.policy import GaussianActorConfig
from configs.load import ConfigError
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.control.policy import LearnedPolicy
from hil_app.learning.checkpoint import load_policy, load_state
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.runs.state import RunState


def policy_of(config: RunConfig, checkpoint: Path) -> GaussianActorPolicy:
    """The policy of a checkpoint, to act as ``config`` says.

    Raises ConfigError if it would see or do something else than it was trained for, and
    CheckpointError if it cannot be read.
    """
    parts = Assembly(config)
    policy = load_policy(checkpoint, seed=parts.seed("sampling"))
    _check_fit(policy.config, parts.policy_config)
    return policy


def learned_policy(config: RunConfig, checkpoint: Path) -> LearnedPolicy:
    """The same, ready for the loop: every frame will have the version of its weights."""
    deterministic = config.eval.deterministic
    policy = LearnedPolicy(policy_of(config, checkpoint), deterministic=deterministic)
    policy.version = RunState.parse(load_state(checkpoint)).updates
    return policy


def _check_fit(trained: GaussianActorConfig, given: GaussianActorConfig) -> None:
    """Refuse to show a policy something else than what it was trained on."""
    if trained.output_features != given.output_features:
        raise ConfigError(
            f"processor.wrist: the policy was trained to give {trained.continuous_dims} motions, "
            f"this config has {given.continuous_dims}; leave the wrist as the run had it"
        )
    if trained.input_features != given.input_features:
        raise ConfigError(
            f"processor.observation: the policy was trained on {_shapes(trained)}, this config "
            f"gives it {_shapes(given)}"
        )
    if trained.dataset_stats != given.dataset_stats:
        raise ConfigError(
            "processor: the policy was trained with other workspace bounds, step sizes, gripper "
            "positions or ranges of the wrist; leave them as the run had them"
        )


def _shapes(config: GaussianActorConfig) -> str:
    return ", ".join(f"{key} {f.shape}" for key, f in config.input_features.items())
