"""``hil-app eval``: judge a trained policy on its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from configs.load import ConfigError, Parser, load
from configs.policy import GaussianActorConfig
from hil_app import build
from hil_app.cli.common import conduct, judge
from hil_app.learning.checkpoint import load_policy
from hil_app.session import CHECKPOINT, CONFIG, Session

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
        metavar="RUN",
        help="a run's folder (default: the newest one in runs/ that has a checkpoint)",
    )
    config, options = load(parser, argv, _saved_config)
    console = Console()
    policy = load_policy(_run(options) / CHECKPOINT, seed=build.seed_of(config, "sampling"))
    _check_fit(policy.config, build.policy_config(config, build.robot(config)))
    with Session(config, "eval") as session:
        return conduct(session, console, lambda: judge(session, console, policy))


def _check_fit(trained: GaussianActorConfig, given: GaussianActorConfig) -> None:
    """Refuse to show a policy something else than what it was trained on."""
    if trained.input_features != given.input_features:
        raise ConfigError(
            f"processor.observation: the policy was trained on {_shapes(trained)}, this config "
            f"gives it {_shapes(given)}"
        )
    if trained.dataset_stats != given.dataset_stats:
        raise ConfigError(
            "processor: the policy was trained with other workspace bounds, step sizes or gripper "
            "positions; leave them as the run had them"
        )


def _shapes(config: GaussianActorConfig) -> str:
    return ", ".join(f"{key} {f.shape}" for key, f in config.input_features.items())


def _saved_config(options: argparse.Namespace) -> str:
    return str(_run(options) / CONFIG)


def _run(options: argparse.Namespace) -> Path:
    if options.checkpoint is not None:
        chosen: Path = options.checkpoint
        run = chosen.parent if chosen.name == CHECKPOINT else chosen
        if not (run / CONFIG).is_file():
            raise ConfigError(f"--checkpoint: {chosen} is no run's folder: it has no {CONFIG}")
        return run
    trained = sorted(Path("runs").glob(f"*/{CHECKPOINT}"), key=lambda path: path.stat().st_mtime)
    if not trained:
        raise ConfigError("--checkpoint: no trained run in runs/; run `hil-app train` or name one")
    return trained[-1].parent
