"""``hil-app gamepad layout``: what every control does under a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.load import ConfigError, Parser, load
from configs.manual import ManualConfig
from configs.run import RunConfig
from configs.text.paths import expanded
from configs.text.writing import write_whole
from teleop.words import by_control

DESCRIPTION = """\
Print what every control of the gamepad or the keyboard does in a run with these options; --svg
draws it.

examples:
  hil-app gamepad layout --teleop.controls.success=dpup
  hil-app gamepad layout --config_path mine.yaml --svg mine.svg
"""
PRESET = "sim_teleoperate"  # with a gamepad
MAIN = (
    "teleop.type",
    "teleop.pad",
    "teleop.take_over",
    "teleop.controls",
    "teleop.speed",
    "teleop.slow_speed",
    "teleop.dead_zone",
    "processor.wrist",
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app gamepad layout", DESCRIPTION)
    parser.add_argument("--svg", type=expanded, metavar="FILE", help="draw the pad there, as SVG")
    config, options = load(parser, argv, PRESET, main=MAIN)
    teleop, wrist = manual(config), config.processor.wrist is not None
    if options.svg is not None:
        _draw(teleop, wrist, options.svg)
        return 0
    from hil_app.cli.gamepad.view import layout_table
    from hil_app.support.tables import print_table

    does = by_control(teleop, wrist=wrist)
    print_table(layout_table(does, pad=teleop.sticks is not None))
    return 0


def manual(config: RunConfig) -> ManualConfig:
    """The config's gamepad or keyboard; ConfigError if the operator uses another device."""
    if config.manual is not None:
        return config.manual
    kind = "null" if config.teleop is None else config.teleop.type
    raise ConfigError(
        f"teleop.type: {kind} has neither sticks nor keys; gamepad, gamepad_hid and keyboard have: "
        "choose one with --teleop.type=gamepad"
    )


def _draw(teleop: ManualConfig, wrist: bool, path: Path) -> None:
    from hil_app.setup.pad_drawing import drawing

    if teleop.sticks is None:
        raise ConfigError(
            "--svg: only a gamepad can be drawn; without it a keyboard's keys are listed"
        )
    try:
        write_whole(path, drawing(teleop.sticks, wrist=wrist).encode())
    except OSError as error:
        raise ConfigError(f"--svg: cannot write {path}: {error.strerror}") from None
    print(f"Drawn: {path}")
