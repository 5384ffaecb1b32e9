"""From the columns of an episode back to its frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any

import numpy as np

from configs.names import ACTION, DONE, REWARD, TRUNCATED
from hil_app.recording.format.columns import SENSED
from hil_app.recording.format.layout import (
    AFTER_PAUSE,
    AGE,
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
from hil_app.recording.format.rows import Numbers
from hil_app.recording.frames import Frame
from processors.base import Observation
from robots.base import Reading

Instant = tuple[Observation, Reading]  # what was seen, and all that was sensed
NOTHING = np.empty(0, np.float32)  # where nobody measured


def completed(columns: Numbers) -> Numbers:
    """The columns that :func:`frame_of` needs, with defaults for those that are missing."""
    length = len(columns[ACTION])
    nothing = np.zeros(length, np.float32)
    no, yes = np.zeros(length, bool), np.ones(length, bool)
    reward, done = columns.get(REWARD, nothing), columns.get(DONE, no)
    if TRUNCATED not in columns:  # other tools call the time limit done, too
        done = done & (reward > 0)
    ends = np.arange(length) == length - 1
    defaults = {
        ACTION: columns[ACTION],
        POLICY_ACTION: columns[ACTION],
        SENT: np.empty((length, 0), np.float32),
        REWARD: reward,
        TRUNCATED: ends & ~done,
        SUCCESS: done & (reward > 0),
        PENALTY: nothing,
        INTERVENTION: columns.get(INTERVENTION_TOO, yes),
        VERSION_OF_WEIGHTS: np.zeros(length, np.int64),
        AFTER_PAUSE: no,
    }
    found = {key: columns.get(key, default) for key, default in defaults.items()}
    seed = {SEED: columns[SEED]} if SEED in columns else {}
    return {**found, **seed, DONE: done}


def readings(columns: Numbers, final: Numbers | None) -> Iterator[Reading]:
    """What the robot sensed in an episode, in order, at its end too if that is recorded.

    Where it is not known when, a stamp is that of the frame's place, and at the end nan.
    """
    length = len(columns[ACTION])
    stamps = columns.get(STAMP, columns.get("timestamp", np.zeros(length)))
    sensed = {"joints": repeat(NOTHING, length), **_sensed(columns)}
    ages = {key.removeprefix(AGE): columns[key].tolist() for key in columns if key.startswith(AGE)}
    for stamp, now, age in zip(stamps.tolist(), _rows(sensed), _rows(ages), strict=False):
        yield Reading(**now, stamp=stamp, ages=age)
    if final is not None:
        yield Reading(**{"joints": NOTHING, **_sensed(final)}, stamp=np.nan)


def _sensed(columns: Numbers) -> dict[str, Any]:
    """The columns of what was sensed, by a Reading's names."""
    return {key.removeprefix(MEASURED): columns[key] for key in columns if key in SENSED}


def _rows(columns: Mapping[str, Iterable[Any]]) -> Iterator[dict[str, Any]]:
    """The rows of columns, for ever if there is none."""
    if not columns:
        return repeat({})
    names = list(columns)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def frame_of(number: int, now: Instant, later: Instant, facts: Numbers) -> Frame:
    """The frame between two instants, from what is ``completed``."""
    at = {key: values[number] for key, values in facts.items()}
    return Frame(
        tick=number + 1,
        observation=now[0],
        action=at[ACTION],
        policy_action=at[POLICY_ACTION],
        sent=at[SENT],
        next_observation=later[0],
        reading=now[1],
        next_reading=later[1],
        reward=float(at[REWARD]),
        discrete_penalty=float(at[PENALTY]),
        success=bool(at[SUCCESS]),
        terminated=bool(at[DONE]),
        truncated=bool(at[TRUNCATED]),
        is_intervention=bool(at[INTERVENTION]),
        rerecord=False,
        weights_version=int(at[VERSION_OF_WEIGHTS]),
        after_pause=bool(at[AFTER_PAUSE]),
        seed=int(at[SEED]) if SEED in at else None,
    )
