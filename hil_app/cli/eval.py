"""``hil-app eval``: evaluate a trained policy without interventions."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from configs.load import Parser, load
from configs.text.paths import expanded
from hil_app.runs.folder import WHICH, config_of, find_checkpoint, updates_of
from hil_app.support.words import plural

DESCRIPTION = """\
Let a trained policy act on its own and count its successes. The run's saved config is used, with
your options on top: `hil-app eval runs/first --eval.episodes=100`. A report and a video go into
the folder evaluations/ of the run, or into a folder that you name by --output_dir.
"""
MAIN = (
    "eval.episodes",
    "eval.deterministic",
    "eval.video",
    "robot.port",
    "robot.cameras",
    "env.paced",
    "env.reset_time_s",
    "seed",
    "window",
    "output_dir",
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app eval", DESCRIPTION)
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
    config, options = load(
        parser,
        argv,
        lambda given: str(config_of(_checkpoint(given))),
        named="the run's own",
        main=MAIN,
    )
    from hil_app.cli.run_command import evaluate  # loads torch: only once the options are good
    from hil_app.cli.trained import policy_of

    checkpoint = _checkpoint(options)
    policy = policy_of(config, checkpoint)
    print(_what(checkpoint), flush=True)
    return evaluate(config, policy, checkpoint)


def _checkpoint(options: Namespace) -> Path:
    """The checkpoint to evaluate."""
    return find_checkpoint(options.run, options.which, learned=True)


def _what(checkpoint: Path) -> str:
    """Which policy is evaluated, and how much it has learned."""
    updates = updates_of(checkpoint)
    if updates is None:
        return f"evaluating {checkpoint}"
    learned = plural(updates, "update") if updates else "it has never learned"
    return f"evaluating {checkpoint}: {learned}"
