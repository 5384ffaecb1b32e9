"""``hil-app virtual-arm sweep``: take a virtual arm's joints to all of their ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from configs.options.parser import Parser
from configs.text.paths import expanded_text

DESCRIPTION = """\
Take each joint of a virtual arm to both of its ends, one after the other, as a hand does when
`hil-app calibrate` asks for it, and hold the arm in the middle of its range then. A joint that
turns all the way round stays. Shoulder and elbow fold meanwhile, so that nothing meets the table.
"""
_TURN = 300.0  # [deg]: a joint with as long a way has no ends that a hand feels
_FOLDED = {"shoulder_lift": "elbow_flex", "elbow_flex": "shoulder_lift"}
_FOLD = 0.95  # of a joint's way, by which the other goes the other way


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    from robots.arm import ARMS
    from robots.virtual.client import VirtualArm

    parser = Parser("hil-app virtual-arm sweep", DESCRIPTION)
    parser.add_argument("port", type=expanded_text, help="port of the virtual arm, or its link")
    options = parser.parse_args(list(argv))
    with VirtualArm.at(options.port) as arm:
        spec = ARMS[arm.arm].spec()
        for joints in swept(dict(zip(spec.names, spec.limits.tolist(), strict=True))):
            arm.take(joints)
    return 0


def swept(limits: Mapping[str, tuple[float, float]]) -> Iterator[dict[str, float]]:
    """Where the hand takes all joints, one after the other, by their ``limits`` [deg, %]."""
    middle = {name: (low + high) / 2 for name, (low, high) in limits.items()}
    for name, (low, high) in limits.items():
        if high - low < _TURN:
            for value in (low, high, middle[name]):
                pose = middle | {name: value}
                if other := _FOLDED.get(name):
                    folded = middle[other] - _FOLD * (value - middle[name])
                    pose[other] = min(max(folded, limits[other][0]), limits[other][1])
                yield pose
