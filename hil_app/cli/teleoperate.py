"""``hil-app teleoperate``: move an arm by hand."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import Parser, load
from configs.options.parser import OPEN
from hil_app.cli.arm.config import any_robot

PRESET = "sim_teleoperate"
DESCRIPTION = f"""\
Move an arm with a gamepad, the keyboard, a leader arm or a scripted operator, and see how it does:
rate, lateness, time of each step, joints, gripper, the motors' load and heat.
Without options it is the preset {PRESET}: a simulated SO101 and a gamepad. The arm
moves while take-over (RB) is held.

  hil-app teleoperate --teleop.type=keyboard
  hil-app teleoperate --config_path so101_pick_lift --robot.port=/dev/ttyACM0 --teleop.type=gamepad
"""
MAIN = (
    "robot.type",
    "robot.port",
    "robot.id",
    "robot.cameras",
    "teleop.type",
    "teleop.port",
    "teleop.take_over",
    "env.fps",
    "teleoperate.episodes",
    "teleoperate.record",
    "window",
    "output_dir",
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app teleoperate", DESCRIPTION)
    parser.add_config_flag(*OPEN)
    config, _ = load(parser, argv, any_robot(PRESET), PRESET, MAIN)
    task = {"control_time_s": None, "reset_time_s": 0.0}  # what is for a task, unless it is set
    unset = {name: none for name, none in task.items() if name not in config.env.model_fields_set}
    config = config.model_copy(update={"env": config.env.model_copy(update=unset)})
    from hil_app.cli.run_command import teleoperate  # loads torch: only once the options are good

    return teleoperate(config)
