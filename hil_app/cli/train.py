"""``hil-app train``: demonstrate, learn with interventions, evaluate without."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from configs.load import DEFAULT_PRESET, ConfigError, Parser, load
from configs.options.parser import OPEN
from configs.text.paths import expanded, real
from hil_app.cli.arm.config import arm_or, named
from hil_app.runs.folder import config_of, find_checkpoint

DESCRIPTION = """\
Train a policy. The operator demonstrates the task, then the policy acts and learns in a background
thread while the operator takes over whenever it errs; at the end it is evaluated alone.
A run that was cut off, or is to be longer, goes on with
`hil-app train --resume runs/first --train.ticks=8000`.
"""
MAIN = (
    "robot.type",
    "robot.port",
    "robot.cameras",
    "teleop.type",
    "env.paced",
    "env.reset_time_s",
    "train.demonstrations",
    "train.ticks",
    "train.eval_every",
    "eval.episodes",
    "seed",
    "window",
    "output_dir",
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app train", DESCRIPTION)
    parser.add_argument(
        "--resume",
        nargs="?",
        metavar="RUN",
        const="true",
        default="false",
        help="go on with a run, or from one of its checkpoints/tick_…; true is the run in "
        "output_dir, or the newest one (default: false)",
    )
    parser.add_argument(
        "--checkpoint", type=expanded, metavar="RUN", help="with --resume=true: the same"
    )
    parser.add_config_flag(*OPEN)
    config, options = load(parser, argv, arm_or(_base), named(DEFAULT_PRESET), MAIN)
    from hil_app.cli.run_command import resume, train  # torch: only once the options are good

    if options.resume == "false":
        return train(config, "train")
    return resume(config, _checkpoint(options))


def _base(options: Namespace) -> str:
    """The preset or file that the options go on top of."""
    if options.resume != "false":
        if options.config_path is not None:
            raise ConfigError("--resume takes the run's own config: leave out --config_path")
        return str(config_of(_checkpoint(options)))
    if options.checkpoint is not None:
        raise ConfigError("--checkpoint is what --resume=true goes on from: add that, or leave it")
    return DEFAULT_PRESET


def _checkpoint(options: Namespace) -> Path:
    """The checkpoint to go on from."""
    given = getattr(options, "output_dir", None)
    named = options.checkpoint
    if options.resume != "true":
        if named is not None:
            raise ConfigError(f"--checkpoint: --resume names {options.resume}; leave one out")
        named = expanded(options.resume)
    if named is None:
        return find_checkpoint(None if given is None else expanded(given))
    found = find_checkpoint(named)
    if given is not None and real(config_of(found).parent) != real(expanded(given)):
        raise ConfigError(f"--checkpoint: {found} is not of the run in {given}; leave one out")
    return found
