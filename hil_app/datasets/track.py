"""What happened in an episode, as lines and marks over its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.names import ACTION, DONE, REWARD, TRUNCATED
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import (
    AFTER_PAUSE,
    INTERVENTION,
    INTERVENTION_TOO,
    PENALTY,
    SUCCESS,
    DatasetError,
)

Column = NDArray[Any]
FrameSpan = tuple[int, int]  # first frame, and the one after the last


@dataclass(frozen=True)
class Track:
    """An episode of T frames; what a dataset does not record is None or empty."""

    title: str
    fps: float
    length: int
    motions: Mapping[str, Column]  # (T,) by name: what was executed, but for the gripper
    gripper: Column | None  # (T,) commands: 0 closes, 1 stays, 2 opens
    reward: Column | None  # (T,)
    penalties: Sequence[int]  # frames
    interventions: Sequence[FrameSpan]  # in which the operator acted
    pauses: Sequence[int]  # frames before which the episode stood still
    successes: Sequence[int]  # frames
    end: str  # how it ended


def track(dataset: Dataset, episode: int) -> Track:
    """What the columns of an episode say; DatasetError if they cannot be read."""
    columns = dataset.columns(episode)
    if ACTION not in columns:
        raise DatasetError(f"{dataset.root} has no {ACTION}: there is nothing to draw")
    if not (length := len(columns[ACTION])):
        raise DatasetError(f"{dataset.root}: episode {episode} has no frames: nothing to draw")
    actions = columns[ACTION].reshape(length, -1)
    names = list(dataset.features[ACTION].names or map(str, range(actions.shape[1])))
    nothing = np.zeros(length, bool)
    discrete = names[-1] == "gripper" and names[0].startswith("delta_")
    motions = names[:-1] if discrete else names
    return Track(
        title=_title(dataset, episode),
        fps=dataset.fps,
        length=length,
        motions={n.removeprefix("delta_"): actions[:, place] for place, n in enumerate(motions)},
        gripper=actions[:, -1] if discrete else None,
        reward=columns.get(REWARD),
        penalties=_frames(columns.get(PENALTY, nothing) != 0),
        interventions=spans(columns.get(INTERVENTION, columns.get(INTERVENTION_TOO, nothing))),
        pauses=_frames(columns.get(AFTER_PAUSE, nothing)),
        successes=_frames(columns.get(SUCCESS, nothing)),
        end=_end(columns),
    )


def spans(marked: Column) -> list[FrameSpan]:
    """The stretches of frames that are marked."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], marked.astype(bool), [False]))))
    return [(int(first), int(last)) for first, last in list(pairwise(edges))[::2]]


def _frames(marked: Column) -> list[int]:
    return [int(frame) for frame in np.flatnonzero(marked)]


def _title(dataset: Dataset, episode: int) -> str:
    about = dataset.episodes[episode]
    facts = [f"{about.length} frames, {about.length / dataset.fps:.1f} s", *about.tasks]
    facts += [about.stage] if about.stage else []
    facts += ["recovered after a crash"] if about.recovered else []
    return f"Episode {episode}: {', '.join(facts)}"


def _end(columns: Mapping[str, Column]) -> str:
    if SUCCESS in columns and columns[SUCCESS].any():
        return "success"
    if TRUNCATED in columns and columns[TRUNCATED][-1]:
        return "cut short"
    if DONE in columns and columns[DONE][-1]:
        rewarded = REWARD in columns and columns[REWARD][-1] > 0
        return "success" if rewarded else "failure"
    return "end"
