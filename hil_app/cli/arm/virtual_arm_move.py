"""``hil-app virtual-arm move``: move a virtual arm as a hand does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded_text

DESCRIPTION = """\
Take joints of a virtual arm to a place, as a hand does, and hold them there, whatever its motors
do. Values are in degrees, the gripper's in percent.

  hil-app virtual-arm move /tmp/arm shoulder_pan=30 gripper=0
  hil-app virtual-arm move /tmp/arm      # the hand lets go
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    from robots.virtual.client import VirtualArm

    parser = Parser("hil-app virtual-arm move", DESCRIPTION)
    parser.add_argument("port", type=expanded_text, help="port of the virtual arm, or its link")
    parser.add_argument("joint", nargs="*", help="name=value; without any the hand lets go")
    options = parser.parse_args(list(argv))
    joints = dict(_joint(word) for word in options.joint)
    with VirtualArm.at(options.port) as arm:
        if joints:
            arm.take(joints)
        else:
            arm.hand(None)
    return 0


def _joint(word: str) -> tuple[str, float]:
    name, _, value = word.partition("=")
    try:
        place = float(value)
    except ValueError:
        place = math.nan
    if not math.isfinite(place):
        raise ConfigError(f"{word}: joints are spelled name=value, for example shoulder_pan=30")
    return name, place
