"""``hil-app eval``: judge a trained policy on its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from configs.load import ConfigError, Parser, load
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
    with Session(config, "eval") as session:
        return conduct(session, console, lambda: judge(session, console, policy))


def _saved_config(options: argparse.Namespace) -> str:
    return str(_run(options) / CONFIG)


def _run(options: argparse.Namespace) -> Path:
    if options.checkpoint is not None:
        chosen: Path = options.checkpoint
        return chosen.parent if chosen.name == CHECKPOINT else chosen
    trained = sorted(Path("runs").glob(f"*/{CHECKPOINT}"), key=lambda path: path.stat().st_mtime)
    if not trained:
        raise ConfigError("--checkpoint: no trained run in runs/; run `hil-app train` or name one")
    return trained[-1].parent
