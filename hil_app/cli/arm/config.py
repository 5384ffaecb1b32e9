"""A run's configuration where --robot.type names a robot and no file describes it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from configs.load import Base, presets, read
from configs.robot import ROBOTS

# What such a preset says of the rest of a run fits any real arm; cameras are everybody's own.
_PRESETS = {"so100": "so100_pick_lift", "so101": "so101_pick_lift"}


def arm_or(
    otherwise: str | Callable[[argparse.Namespace], str],
) -> Callable[[argparse.Namespace], str | Base]:
    """For ``configs.load.load``: the arm that --robot.type names alone, without --config_path.

    Where it names none, and on top of a file, it is the preset or file that is taken ``otherwise``,
    for :func:`any_robot`.
    """

    def default(options: argparse.Namespace) -> str | Base:
        name = otherwise if isinstance(otherwise, str) else otherwise(options)
        kind = _kind(options)
        if options.config_path is not None or name not in presets():
            return name
        if kind in _PRESETS:
            return Base(_PRESETS[kind], {**read(_PRESETS[kind]), "robot": {"type": kind}})
        return any_robot(name)(options)

    return default


def any_robot(preset: str) -> Callable[[argparse.Namespace], str | Base]:
    """For ``configs.load.load``: the preset, without an arm's processor for a robot that is none.

    Such a robot says itself what there is to observe.
    """

    def default(options: argparse.Namespace) -> str | Base:
        kind = _kind(options)
        arm = kind not in ROBOTS or not ROBOTS[kind].config.observes
        if options.config_path is not None or arm:
            return preset
        rest = {block: said for block, said in read(preset).items() if block != "processor"}
        return Base(preset, {**rest, "robot": {"type": kind}})

    return default


def _kind(options: argparse.Namespace) -> str:
    return ROBOTS.spelled(getattr(options, "robot.type", None) or "")


def named(otherwise: str) -> str:
    """What the help says of that."""
    return f"the arm that --robot.type names, or {otherwise}"
