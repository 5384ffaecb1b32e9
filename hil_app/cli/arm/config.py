"""A run's configuration for the tools that look at its arm."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from configs.load import Parser, load
from configs.robot import ROBOTS
from configs.run import RunConfig

# The preset of the other arm: a changed robot.type drops what it says of its own arm, and what it
# says of the rest of a run fits any real arm; its cameras are left out.
_BARE = {"so100": "so101_pick_lift", "so101": "so100_pick_lift"}


def load_arm(
    parser: Parser, argv: Sequence[str], without: str, main: Sequence[str]
) -> tuple[RunConfig, argparse.Namespace]:
    """Like ``configs.load.load``; without --config_path, the arm that --robot.type names alone.

    ``without`` is the preset where that is not given either, ``main`` what the help shows.
    """

    def default(options: argparse.Namespace) -> str:
        kind = getattr(options, "robot.type", None) or ""
        return _BARE.get(ROBOTS.spelled(kind), without)

    named = f"the arm that --robot.type names, or {without}"
    bare = (
        not _given(argv, "--config_path") and ROBOTS.spelled(_given(argv, "--robot.type")) in _BARE
    )
    return load(parser, ["--robot.cameras={}", *argv] if bare else argv, default, named, main)


def _given(argv: Sequence[str], option: str) -> str:
    """What ``argv`` says of ``option``, "" if nothing."""
    for index, word in enumerate(argv, 1):
        name, _, value = word.partition("=")
        if name == option:
            return value or "".join(argv[index : index + 1])
    return ""
