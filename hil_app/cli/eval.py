"""``hil-app eval``: judge a trained policy on its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.load import ConfigError, Parser, load
from configs.policy import GaussianActorConfig
from configs.run import RunConfig
from hil_app.run_folder import WHICH, config_of, find_checkpoint

DESCRIPTION = """\
Let a trained policy act on its own and count its successes. The run's saved config is used, with
your options on top: `hil-app eval --checkpoint runs/… --eval.episodes=100`.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser(prog="hil-app eval", description=DESCRIPTION)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="PATH",
        help="a run's folder, or one of its checkpoints/tick_… (default: the newest in runs/)",
    )
    parser.add_argument(
        "--which", choices=WHICH, default="last", help="of a run's checkpoints (default: last)"
    )
    config, options = load(
        parser,
        argv,
        lambda given: str(config_of(find_checkpoint(given.checkpoint, given.which))),
        named="the run's own",
    )
    return _evaluate(config, find_checkpoint(options.checkpoint, options.which))


def _evaluate(config: RunConfig, checkpoint: Path) -> int:
    from hil_app import build  # loads torch: only once the options are known to be good
    from hil_app.cli.conduct import evaluate
    from hil_app.learning.checkpoint import load_policy

    policy = load_policy(checkpoint, seed=build.seed_of(config, "sampling"))
    _check_fit(policy.config, build.policy_config(config, build.robot(config)))
    return evaluate(config, policy)


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
