"""The run that a command is about, and which of its checkpoints."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from configs.options.parser import Parser
from configs.text.paths import expanded
from hil_app.runs.folder import WHICH, find_checkpoint, updates_of
from hil_app.support.words import plural


def add_run(parser: Parser) -> None:
    """Have a command take a run that has learned."""
    parser.add_place(
        "run",
        "--checkpoint",
        type=expanded,
        metavar="RUN",
        help="a run's folder, or one of its checkpoints/tick_… (default: the newest in runs/ that "
        "has learned)",
    )
    parser.add_argument(
        "--which", choices=WHICH, default="last", help="of a run's checkpoints (default: last)"
    )


def checkpoint_of(options: Namespace) -> Path:
    """The checkpoint that the options name."""
    return find_checkpoint(options.run, options.which, learned=True)


def described(checkpoint: Path) -> str:
    """A checkpoint, and how much its policy has learned if that is known."""
    updates = updates_of(checkpoint)
    if updates is None:
        return f"{checkpoint}"
    return f"{checkpoint}: {plural(updates, 'update') if updates else 'it has never learned'}"
