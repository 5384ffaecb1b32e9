"""``hil-app record``: episodes into a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from configs.load import ConfigError, Parser, load
from configs.options.parser import OPEN
from configs.text.paths import expanded
from hil_app.cli.arm.config import arm_or, named
from hil_app.runs.folder import WHICH, config_of, find_checkpoint

PRESET = "sim_pick_lift_pixels"
DESCRIPTION = f"""\
Record episodes into a dataset, by gamepad, keyboard, leader arm or scripted operator on any robot,
until there are --dataset.num_episodes more. Success, failure and "record again" are controls of the
operator's device; an episode recorded again is thrown away. A dataset that is there already is gone
on with, never overwritten. Without options it is the preset {PRESET}: the scripted
operator lifts the cube, as fast as it can.

With --checkpoint the policy acts and the operator takes over when it errs; without, the operator
always acts. The format is that of LeRobot, version 3.0.

  hil-app record data/lift --dataset.num_episodes=50
  hil-app record --config_path sim_teleoperate --robot.cameras.front.width=320
  hil-app record data/lift --config_path so101_pick_lift \\
      --robot.port=/dev/ttyACM0 \\
      --teleop.type=so101_leader --teleop.port=/dev/ttyACM1 \\
      --dataset.task="Lift the cube"
  hil-app record data/corrections --checkpoint runs/2026-01-31_12-00-00_train
"""
MAIN = (
    "dataset.num_episodes",
    "dataset.task",
    "robot.type",
    "robot.port",
    "robot.cameras",
    "teleop.type",
    "env.reset_time_s",
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app record", DESCRIPTION)
    parser.add_config_word("dataset.root", "ROOT", "the dataset's folder, as --dataset.root has it")
    parser.add_argument(
        "--checkpoint",
        type=expanded,
        metavar="RUN",
        help="a run's folder, or one of its checkpoints/tick_…: its policy acts (default: none)",
    )
    parser.add_argument("--which", choices=WHICH, help="of the run's checkpoints (default: last)")
    default = named(f"{PRESET}, or that of the checkpoint's run")
    parser.add_config_flag(*OPEN)
    config, options = load(parser, argv, arm_or(_base), default, MAIN)
    from hil_app.cli.run_command import record  # what takes a while: once the options are good

    if options.checkpoint is None:
        return record(config)
    from hil_app.cli.trained import learned_policy  # torch takes seconds: only for a policy

    return record(config, learned_policy(config, _checkpoint(options)))


def _base(options: argparse.Namespace) -> str:
    """The preset or file that the options go on top of."""
    if options.checkpoint is not None:
        return str(config_of(_checkpoint(options)))
    if options.which is not None:
        raise ConfigError("--which is one of a run's checkpoints: name the run by --checkpoint")
    return PRESET


def _checkpoint(options: argparse.Namespace) -> Path:
    return find_checkpoint(options.checkpoint, options.which or WHICH[0])
