"""Who has the arm, what a run is at, and for how long things go on, as every view says it."""

from __future__ import annotations

import time
from typing import Literal

from hil_app.control.monitor import Stage
from hil_app.control.outcomes import DEMONSTRATE, EVALUATE, RECORD, REPLAY, TELEOPERATE, TRAIN
from teleop.window.shown import Mood

Who = Literal["POLICY", "YOU", "RESET", "READY", "HOLDING", "PAUSED", "STOPPED"]
TITLES = {
    DEMONSTRATE: "The operator demonstrates",
    TRAIN: "The policy acts and learns; the operator takes over when it errs",
    EVALUATE: "The policy on its own",
    TELEOPERATE: "The operator moves the arm",
    RECORD: "Episodes go into the dataset",
    REPLAY: "The arm does a recorded episode again",
}
_MOODS: dict[Who, Mood] = {"POLICY": "policy", "YOU": "you", "STOPPED": "alarm"}
_WORDS: dict[Who, str] = {"READY": "READY?", "HOLDING": "HOLDS"}


def who(stage: Stage) -> tuple[Who, Mood]:
    """Who has the arm."""
    found = _who(stage)
    return found, _MOODS.get(found, "paused")


def holder(stage: Stage) -> tuple[str, Mood]:
    """The same in a word or two."""
    found, mood = who(stage)
    left = reset_left(stage) if found == "RESET" else None
    return _WORDS.get(found, found) + ("" if left is None else f", {left:.0f} s left"), mood


def _who(stage: Stage) -> Who:
    newest, phase = stage.loop.newest, stage.loop.phase
    if newest is not None and newest.command.sample.emergency_stop:
        return "STOPPED"
    if phase == "ready":
        return "READY"
    if newest is None or phase != "acting":
        return "PAUSED" if phase == "paused" else "RESET"
    if newest.command.sample.intervening:
        return "YOU"
    return "HOLDING" if stage.name == TELEOPERATE else "POLICY"


def reset_left(stage: Stage) -> float | None:
    """How long the reset takes at least [s], if that is worth a word."""
    left = stage.loop.reset_until - time.monotonic()
    return left if left >= 0.5 else None


def left(stage: Stage) -> float | None:
    """How long a stage may go on yet [s], if that can be known."""
    if stage.endless or not stage.done:
        return None
    return stage.seconds * max(0, stage.goal - stage.done) / stage.done


def duration(stage: Stage) -> str:
    """How long a stage has gone on, and may go on yet."""
    yet = left(stage)
    return _clock(stage.seconds) + ("" if yet is None else f", about {_clock(yet)} left")


def _clock(seconds: float) -> str:
    """3:07, or 1:03:07."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
