"""Who has the arm, and for how long things go on, as the terminal and the window say it."""

from __future__ import annotations

import time

from hil_app.control.monitor import Stage
from hil_app.control.outcomes import TELEOPERATE
from teleop.window.shown import Mood


def holder(stage: Stage) -> tuple[str, Mood]:
    """Who has the arm, in a word."""
    newest, phase = stage.loop.newest, stage.loop.phase
    if newest is not None and newest.command.sample.emergency_stop:
        return "STOPPED", "alarm"
    if phase == "ready":
        return "READY?", "paused"
    if newest is None or phase != "acting":
        return ("PAUSED" if phase == "paused" else f"RESET{_countdown(stage)}"), "paused"
    if newest.command.sample.intervening:
        return "YOU", "you"
    return ("HOLDS", "paused") if stage.name == TELEOPERATE else ("POLICY", "policy")


def duration(stage: Stage) -> str:
    """How long a stage has gone on, and may go on yet if that can be known."""
    if stage.endless or not stage.done:
        return _clock(stage.seconds)
    left = stage.seconds * max(0, stage.goal - stage.done) / stage.done
    return f"{_clock(stage.seconds)}, about {_clock(left)} left"


def _countdown(stage: Stage) -> str:
    left = stage.loop.reset_until - time.monotonic()
    return f", {left:.0f} s left" if left >= 0.5 else ""


def _clock(seconds: float) -> str:
    """3:07, or 1:03:07."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
