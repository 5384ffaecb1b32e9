"""What teleoperators tell of: see :mod:`configs.events`."""

from __future__ import annotations

from configs.events import Event, Notice, Problem


class TeleopReady(Event, name="hands_ready"):
    """The operator's device is there."""

    device: str  # its name


class TeleopLost(Problem, name="hands_lost"):
    """The operator's device is gone, for now."""


class TeleopBack(Notice, name="hands_back"):
    """The operator's device is back, or another takes its place."""


class Paused(Notice):
    """The operator has paused the run."""


class Unpaused(Notice, name="resumed"):
    """The operator lets the run go on."""


class LeaderReady(Notice):
    """The leader arm goes where the follower goes."""


class LeaderLost(Problem):
    """The leader does not answer, for now."""


class LeaderBack(Notice):
    """The leader answers again."""


class TakenOver(Notice):
    """The operator leads."""


class HandedBack(Notice):
    """The operator has handed back to the policy."""


class NotSwitched(Problem):
    """Who leads could not be changed."""
