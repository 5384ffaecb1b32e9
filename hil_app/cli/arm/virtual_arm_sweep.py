"""``hil-app virtual-arm sweep``: take a virtual arm's joints to all of their ends."""

from __future__ import annotations

from collections.abc import Sequence

from configs.options.parser import Parser
from configs.text.paths import expanded_text

DESCRIPTION = """\
Take each joint of a virtual arm to both of its ends, one after the other, as a hand does when
`hil-app calibrate` asks for it, and hold the arm in the middle of its range then. A joint that
turns all the way round stays.
"""
_TURN = 300.0  # [deg]: a joint with as long a way has no ends that a hand feels


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    from robots.arm import ARMS
    from robots.virtual.client import VirtualArm

    parser = Parser("hil-app virtual-arm sweep", DESCRIPTION)
    parser.add_argument("port", type=expanded_text, help="port of the virtual arm, or its link")
    options = parser.parse_args(list(argv))
    with VirtualArm.at(options.port) as arm:
        spec = ARMS[arm.arm].spec()
        ends = dict(zip(spec.names, spec.limits.tolist(), strict=True))
        middle = {name: (low + high) / 2 for name, (low, high) in ends.items()}
        for name, (low, high) in ends.items():
            if high - low < _TURN:
                for value in (low, high, middle[name]):
                    arm.take({**middle, name: value})
    return 0
