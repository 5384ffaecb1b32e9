"""Whether the values of columns can be what they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.names import ACTION
from hil_app.recording.format.inside import DatasetError
from hil_app.recording.format.tables import REMEDY, Rows

if TYPE_CHECKING:
    from hil_app.recording.dataset import Dataset

ROUNDING, CHOICE_ROUNDING = 1e-4, 1e-3  # of a motion from -1 to 1; of a choice
ON_TIME = 0.1  # share of a frame that a timestamp may be off
ValueFault = tuple[int, str, str]  # frame, column, what is wrong


@dataclass(frozen=True)
class ActionRange:
    """What an action can be: motions within bounds and then, perhaps, one of some choices."""

    low: NDArray[Any]  # (c,)
    high: NDArray[Any]
    choices: int | None = None  # the gripper's are 3: 0 closes, 1 stays, 2 opens

    @classmethod
    def shares(cls, size: int, choices: int | None) -> ActionRange:
        """Of ``size`` numbers: shares of the largest motions, from -1 to 1, and the choice."""
        ones = np.ones(size - (choices is not None))
        return cls(-ones, ones, choices)


def flags(rows: Rows, key: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Flags (T,) of any kind of number as what they are; DatasetError if one is neither 0 nor 1."""
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        frame = int(wrong[0])
        raise rows.wrong(frame, key, f"is {values[frame]:g}, but flags are 0 or 1")
    return values.astype(bool)


def check_times(rows: Rows, times: NDArray[Any], fps: float) -> None:
    """DatasetError if a frame has another time than its place in the episode."""
    due = np.arange(len(times)) / fps
    wrong = np.flatnonzero(~(np.abs(times - due) * fps <= ON_TIME + 1e-6 * np.arange(len(times))))
    if len(wrong):
        frame = int(wrong[0])
        what = f"is {times[frame]:g} s, but at {fps:g} frames a second it is {due[frame]:g} s"
        raise rows.wrong(frame, "timestamp", what)


def check_values(
    dataset: Dataset, episode: int, keys: Sequence[str], actions: ActionRange | None = None
) -> None:
    """DatasetError names the first frame and column of an episode that cannot be learned from.

    All numbers in ``keys`` are to be finite and there, also in what was seen last if that is known,
    and actions what they can be.
    """
    columns, final = dataset.columns(episode), dataset.final(episode) or {}
    length = dataset.episodes[episode].length
    faults: list[ValueFault] = []
    for key in keys:
        if key in columns:
            faults += _not_finite(dataset, key, columns[key], 0)
        if key in final:
            faults += _not_finite(dataset, key, final[key][None], length)
        elif final and key in columns and key.startswith("observation."):
            faults.append((length, key, "is missing"))
    if actions is not None and ACTION in columns:
        faults += _no_actions(dataset, columns[ACTION], actions)
    if faults:
        frame, key, what = min(faults, key=lambda fault: fault[0])
        raise DatasetError(
            f"{dataset.root}: episode {episode}, frame {frame}: {key} {what}: {REMEDY}"
        )


def _not_finite(
    dataset: Dataset, key: str, values: NDArray[Any], first: int
) -> Iterator[ValueFault]:
    for place in np.argwhere(~np.isfinite(values))[:1]:
        value = values[tuple(place)]
        yield first + int(place[0]), _named(dataset, key, place[1:]), f"is {value:g}"


def _no_actions(
    dataset: Dataset, values: NDArray[Any], actions: ActionRange
) -> Iterator[ValueFault]:
    count = len(actions.low)
    moves, slack = values[:, :count], ROUNDING * (actions.high - actions.low) / 2
    outside = (moves < actions.low - slack) | (moves > actions.high + slack)
    for frame, place in np.argwhere(outside)[:1]:
        low, high = actions.low[place], actions.high[place]
        what = f"is {moves[frame, place]:g}, outside {low:g} to {high:g}"
        yield int(frame), _named(dataset, ACTION, [place]), what
    if actions.choices is None or values.shape[1] <= count:
        return
    choice = values[:, count]
    whole = np.abs(choice - np.round(choice)) <= CHOICE_ROUNDING
    right = whole & (choice > -0.5) & (choice < actions.choices - 0.5)
    for frame in np.flatnonzero(~right)[:1]:
        meaning = "0 closes the gripper, 1 leaves it and 2 opens it"
        if actions.choices != 3:
            meaning = f"it is one of 0 to {actions.choices - 1}"
        what = f"is {choice[frame]:g}, but {meaning}"
        yield int(frame), _named(dataset, ACTION, [count]), what


def _named(dataset: Dataset, key: str, place: Sequence[int] | NDArray[Any]) -> str:
    """A column, or which of its numbers, by name if it has one."""
    if not len(place):
        return key
    number, names = int(place[0]), dataset.features[key].names
    return f"{key}[{number}]{f' ({names[number]})' if names and len(place) == 1 else ''}"
