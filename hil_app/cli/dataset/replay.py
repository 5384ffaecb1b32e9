"""``hil-app dataset replay``: have the arm do an episode again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from configs.load import Base, ConfigError, Parser, load, merge, read
from hil_app.cli.dataset.options import add_root
from hil_app.recording.format.layout import Info
from hil_app.recording.format.spec import motion_of
from hil_app.runs.folder import config_beside, dataset_of

DESCRIPTION = """\
Have the arm, or the simulated one, do a recorded episode again, at the recorded rate and within all
its limits. The arm first goes to where the episode began. Nobody can take over meanwhile, but a
pause, a stop and an emergency stop count as ever. At the end it says how far targets and joints
were from the recorded ones. Start and length are the episode's, whatever the config says, and
cameras are opened for --window=true alone.

A dataset knows how its actions moved the arm, at what rate, and in which scene each episode was;
what earlier versions recorded says less, and is done with the config of the run that it lies in, or
that you name. An arm needs its config: name the one you use. Actions that would be another motion
are refused. --what joints sends the recorded joint targets instead, whatever led to them.

  hil-app dataset replay runs/2026-01-31_12-00-00_train --episode 3
  hil-app dataset replay data/lift --episode 0 --what joints
  hil-app dataset replay data/lift --episode 0 --config_path so101_pick_lift \\
      --robot.port=/dev/ttyACM0 --teleop.type=gamepad
"""
PACED = "--env.paced"
MAIN = (
    "robot.type",
    "robot.port",
    "robot.id",
    "teleop.type",
    "window",
    "output_dir",
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app dataset replay", DESCRIPTION)
    add_root(parser)
    parser.add_argument("--episode", type=int, required=True, metavar="K", help="which, from 0 on")
    parser.add_argument(
        "--what",
        choices=("actions", "joints"),
        default="actions",
        help="the actions, through all steps, or the joint targets that were sent "
        "(default: actions)",
    )
    config, options = load(parser, argv, _base, "the run's, or what the dataset says", MAIN)
    if not any(argument.partition("=")[0] == PACED for argument in argv):
        config = config.model_copy(update={"env": config.env.model_copy(update={"paced": True})})
    from hil_app.recording.dataset import Dataset
    from hil_app.runs.replaying.recorded_episode import fitted, read_recorded

    recorded = read_recorded(Dataset(dataset_of(options.root)), options.episode)
    config = fitted(config, recorded)
    from hil_app.cli.run_command import replay  # loads torch: only once all is good

    return replay(config, recorded, options.what)


def _base(options: argparse.Namespace) -> Base:
    """The config that is named, or the run's, or what the dataset says: it knows its motion."""
    root = dataset_of(options.root)
    info = Info.read(root)  # that it is a dataset comes first
    motion = motion_of(info)
    named = options.config_path or config_beside(root)
    if named is not None:
        base = Base(str(named), read(str(named)))
    elif "task" in motion.get("robot", {}):
        base = Base(str(root), {"robot": {"type": info.robot_type}})
    else:
        raise ConfigError(
            f"--config_path: {root} is not in the folder of the run that recorded it: name that "
            "run's config.yaml, or the preset"
        )
    robot = base.content.get("robot")
    if not isinstance(robot, dict) or robot.get("type") != info.robot_type:
        motion.pop("robot", None)  # another one, which may know no such task
    return base._replace(content=merge(base.content, {**motion, "env": {"fps": info.fps}}))
