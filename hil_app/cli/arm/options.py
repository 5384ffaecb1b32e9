"""The options that name one arm on its servo bus, spelled as a run's: --robot.port and so on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.load import ConfigError, faults
from configs.options.parser import Parser
from configs.robot import ROBOTS, ServoArmConfig
from configs.teleop import TELEOPS
from configs.text.paths import option
from robots.feetech import calibration

_HELP = {
    "port": "its serial port; `hil-app find-port` finds it",
    "baud_rate": "speed of its servo bus [bit/s] (default: 1000000)",
    "id": "name of its calibration file; without one the motors alone hold the calibration",
    "calibration_dir": "folder of calibration files (default: where lerobot keeps them)",
}
_FIELDS = tuple(_HELP)
_KINDS = {"robot": "so101|so100", "teleop": "so101_leader|so100_leader"}
_TITLES = {"robot": "the arm that moves", "teleop": "or a leader arm"}


@dataclass(frozen=True)
class ChosenArm:
    """The arm that the options name."""

    block: str  # of a run's config: "robot", or "teleop" for a leader
    kind: str  # "so101", "so100_leader", ...
    cfg: ServoArmConfig

    @property
    def path(self) -> Path | None:
        """Where its calibration's file goes; None without a name for it."""
        return next(iter(calibration.files(self.cfg)), None)

    @property
    def options(self) -> str:
        """The options that name it to a run."""
        values = {name: getattr(self.cfg, name) for name in ("type", *_FIELDS)}
        changed = self.cfg.model_fields_set | {"type", "port"}
        return " ".join(option(f"{self.block}.{k}", v) for k, v in values.items() if k in changed)


def add_arm_options(parser: Parser) -> None:
    """Let ``parser`` take the options."""
    parser.add_argument("port", nargs="?", metavar="PORT", help=_HELP["port"])
    for block, kinds in _KINDS.items():
        group = parser.add_argument_group(_TITLES[block])
        group.add_argument(f"--{block}.type", metavar=kinds, help="which arm")
        for name in _FIELDS:
            group.add_argument(
                f"--{block}.{name}",
                metavar=name.upper(),
                type=int if name == "baud_rate" else str,
                help=_HELP[name],
            )


def chosen_arm(options: argparse.Namespace) -> ChosenArm:
    """The arm that parsed options name; raises ConfigError."""
    given = {
        block: {
            name: value
            for name in ("type", *_FIELDS)
            if (value := getattr(options, f"{block}.{name}")) is not None
        }
        for block in _KINDS
    }
    if options.port is not None:
        content = given["teleop" if given["teleop"] else "robot"]
        if content.setdefault("port", options.port) != options.port:
            raise ConfigError(f"two ports are named, {options.port} and {content['port']}")
    named = [block for block, content in given.items() if content]
    if len(named) != 1:
        fact = "both robot and teleop are named" if named else "no arm is named"
        raise ConfigError(
            f"{fact}: take one at a time, as --robot.type=so101 --robot.port=PORT --robot.id=NAME, "
            "or with teleop in robot's place a leader, --teleop.type=so101_leader"
        )
    (block,) = named
    cfg = servo_arm(block, given[block])
    return ChosenArm(block, cfg.model_dump()["type"], cfg)


def servo_arm(block: str, content: Mapping[str, Any]) -> ServoArmConfig:
    """The arm on its servo bus that a ``block`` of a configuration describes; raises ConfigError.

    Nothing else in the configuration is looked at.
    """
    wrong = [text for place, text in faults({block: content}) if place[:1] == (block,)]
    if wrong:
        raise ConfigError("; ".join(wrong))
    if block == "robot":
        cfg: ServoArmConfig | None = ROBOTS.validate(content).follower
    else:
        cfg = TELEOPS.validate(content).leader
    if cfg is None:
        raise ConfigError(
            f"{block}.type: {content['type']} has no motors, {_KINDS[block].replace('|', ' and ')} "
            "have"
        )
    return cfg
