"""The columns of a dataset of ours: what each holds of a frame, and what it belongs to.

Beside these there are the observation's own (``observation.…``), the age of each camera's image
(``age.…``), and the places that the format wants (``timestamp``, ``index``, …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from configs.names import ACTION, DONE, REWARD, TRUNCATED
from hil_app.recording.format.layout import (
    AFTER_PAUSE,
    AGE,
    FINAL,
    INDEX,
    INTERVENTION,
    INTERVENTION_TOO,
    MEASURED,
    PENALTY,
    POLICY_ACTION,
    SEED,
    SENT,
    STAMP,
    SUCCESS,
    VERSION_OF_WEIGHTS,
)
from hil_app.recording.frames import Frame
from robots.base import F32, Reading

Group = Literal["observation", "action", "outcome", "measured", "episode", "other"]


@dataclass(frozen=True)
class DatasetColumn:
    """One number a frame if it has a ``dtype``, else a row of numbers."""

    key: str
    group: Group
    of: Callable[[Frame], Any]  # what it holds; None if that is not known
    dtype: str | None = None


MEASURED_JOINTS = f"{MEASURED}joints"
UNITS, CONFIG = "units", "config"  # what is said of a column: of its numbers; how an action acts
_OF_JOINTS = {  # what is behind a joint's name, and the unit, where {} stands for the joint's own
    SENT: (".pos", "{}"),
    MEASURED_JOINTS: (".pos", "{}"),
    f"{MEASURED}velocities": (".vel", "{}/s"),
    f"{MEASURED}currents": (".current", "mA"),
    f"{MEASURED}loads": (".load", "% of stall torque"),
    f"{MEASURED}temperatures": (".temperature", "deg C"),
}
_OBJECTS = f"{MEASURED}environment_state"
SENSED: dict[str, Callable[[Reading], F32 | None]] = {
    MEASURED_JOINTS: lambda reading: reading.joints,
    f"{MEASURED}velocities": lambda reading: reading.velocities,
    f"{MEASURED}currents": lambda reading: reading.currents,
    f"{MEASURED}loads": lambda reading: reading.loads,
    f"{MEASURED}temperatures": lambda reading: reading.temperatures,
    _OBJECTS: lambda reading: reading.environment_state,
}
"""What a robot senses, beside images: it may sense less than all."""


def _measured(key: str, of: Callable[[Reading], F32 | None]) -> DatasetColumn:
    return DatasetColumn(key, "measured", lambda frame: of(frame.reading))


COLUMNS = (
    DatasetColumn(ACTION, "action", lambda frame: frame.action),
    DatasetColumn(POLICY_ACTION, "action", lambda frame: frame.policy_action),
    DatasetColumn(SENT, "action", lambda frame: frame.sent),
    DatasetColumn(INTERVENTION, "action", lambda frame: frame.is_intervention, "bool"),
    DatasetColumn(INTERVENTION_TOO, "action", lambda frame: frame.is_intervention, "bool"),
    DatasetColumn(VERSION_OF_WEIGHTS, "action", lambda frame: frame.weights_version, "int64"),
    DatasetColumn(REWARD, "outcome", lambda frame: frame.reward, "float32"),
    DatasetColumn(DONE, "outcome", lambda frame: frame.terminated, "bool"),
    DatasetColumn(TRUNCATED, "outcome", lambda frame: frame.truncated, "bool"),
    DatasetColumn(SUCCESS, "outcome", lambda frame: frame.success, "bool"),
    DatasetColumn(PENALTY, "outcome", lambda frame: frame.discrete_penalty, "float32"),
    DatasetColumn(STAMP, "measured", lambda frame: frame.reading.stamp, "float64"),
    *(_measured(key, of) for key, of in SENSED.items()),
    DatasetColumn(AFTER_PAUSE, "episode", lambda frame: frame.after_pause, "bool"),
    DatasetColumn(SEED, "episode", lambda frame: frame.seed, "int64"),
)
_BY_KEY = {column.key: column for column in COLUMNS}
FLAGS = {column.key for column in COLUMNS if column.dtype == "bool"}


def sensed_names(joints: Sequence[str], environment: Sequence[str]) -> dict[str, Sequence[str]]:
    """What the numbers of joint targets and of all that is sensed are called, by column."""
    names = {key: [f"{joint}{what}" for joint in joints] for key, (what, _) in _OF_JOINTS.items()}
    return {**names, _OBJECTS: environment}


def sensed_units(positions: Sequence[str], points: int) -> dict[str, dict[str, Sequence[str]]]:
    """The units of the same, to be said of the columns.

    Of ``positions`` each joint's own; ``points`` is how many numbers are places in space.
    """
    units = {key: [unit.format(own) for own in positions] for key, (_, unit) in _OF_JOINTS.items()}
    if points:
        units[_OBJECTS] = ["m"] * points
    return {key: {UNITS: said} for key, said in units.items()}


def is_known(key: str) -> bool:
    """Whether it is a column whose meaning is known, so that it has to hold numbers."""
    return key in _BY_KEY or key in INDEX


def is_vector(key: str) -> bool:
    """Whether a column has a row of numbers a frame, if only one; all others have one number."""
    return (key in _BY_KEY and _BY_KEY[key].dtype is None) or key.startswith("observation.")


def has_final(key: str) -> bool:
    """Whether it is also kept for what was seen after an episode's last action."""
    return key.startswith("observation.") or key in SENSED


def may_lack(key: str) -> bool:
    """Whether a dataset can be without it that is otherwise whole, as those of before are."""
    key = key.removeprefix(FINAL)
    return key in SENSED or key == SEED


def group_of(key: str) -> Group:
    """What a column belongs to."""
    if key.startswith("observation."):
        return "observation"
    if key.startswith(AGE):
        return "measured"
    if key in INDEX:
        return "episode"
    return _BY_KEY[key].group if key in _BY_KEY else "other"


def grouped(keys: Iterable[str]) -> dict[Group, list[str]]:
    """The columns by what they belong to, without empty groups."""
    order: tuple[Group, ...] = ("observation", "action", "outcome", "measured", "episode", "other")
    found = {group: [key for key in keys if group_of(key) == group] for group in order}
    return {group: members for group, members in found.items() if members}
