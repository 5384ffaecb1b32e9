"""The learning in figures: ``metrics.jsonl``, and the trackers that are asked for.

Names are grouped: ``learner/…`` is what the updates report, ``episode/…`` an episode of the
training, ``train/…`` the last 20 of them, ``observation/…`` what the policy saw in the episode, a
list with a value a feature, and ``eval/…`` the policy on its own.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO

import numpy as np

from hil_app.control.outcomes import Episode, Evaluation, intervention_fraction, success_rate
from hil_app.events import MetricsClosed, MetricsCutShort
from hil_app.learning.learner import Progress
from hil_app.recording.frames import Frame
from hil_app.runs.folder import METRICS
from hil_app.runs.trackers.tracking import Moment, Tracking
from hil_app.support.events import EventLog
from hil_app.support.worker import Worker

Figures = Mapping[str, float | list[float]]
_MOST = 10_000  # lines that wait for a slow disk
_PATIENCE = 20.0  # with a disk that does not get on, at the end [s]


class Metrics:
    """Writes figures while entered, in a thread of its own; :meth:`log` only enqueues.

    A disk that refuses ends the figures, with an event, and not the run. ``trackers`` makes those
    that get the figures too, each in a thread of its own.
    """

    def __init__(
        self,
        folder: Path,
        events: EventLog,
        trackers: Callable[[], list[Tracking]] = list,
    ) -> None:
        self._folder, self._events, self._make_trackers = folder, events, trackers
        self._trackers: list[Tracking] = []
        self._file: TextIO | None = None
        self._lines: Worker[_Line] | None = None

    def __enter__(self) -> Self:
        self._trackers = self._make_trackers()
        self._lines = Worker(
            "metrics", self._write, most=_MOST, failed=self._closed, ended=self._end
        )
        return self

    def __exit__(self, *error: object) -> None:
        lines, self._lines = self._lines, None
        if lines is not None and lines.close(_PATIENCE) and lines.waiting:
            cause = f"the disk does not take the last {lines.waiting} lines"
            self._events.emit(MetricsCutShort(cause=cause))
        for tracker in self._trackers:  # all at once
            tracker.end()
        for tracker in self._trackers:
            tracker.close()

    def log(self, figures: Callable[[], Figures], *, ticks: int, updates: int) -> None:
        """Write a line of figures, made in the thread, as of so many training ticks and updates."""
        if self._lines is not None:
            self._lines.put(_Line(Moment(time.time(), ticks, updates), figures))

    def _write(self, lines: list[_Line]) -> None:
        if self._file is None:
            self._file = (self._folder / METRICS).open("a", buffering=1)
        for line in lines:
            figures = line.make()
            for tracker in self._trackers:
                tracker.log(line.moment, dict(_scalars(figures)))
            self._file.write(_text(line.moment, figures))

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()

    def _closed(self, error: BaseException) -> None:
        self._events.emit(MetricsClosed(cause=f"{type(error).__name__}: {error}"))


class _Line(NamedTuple):
    moment: Moment
    make: Callable[[], Figures]


def _text(moment: Moment, figures: Figures) -> str:
    counts = {**moment._asdict(), "time": round(moment.time, 3)}
    return json.dumps({**counts, **_finite(figures)}) + "\n"


def of_learner(frames: int, progress: Progress) -> Figures:
    """What an update reports, and how far the learner is after so many training frames."""
    return {
        **{f"learner/{name}": value for name, value in progress.stats.items()},
        "learner/updates_per_second": progress.updates_per_second,
        "learner/update_to_data_ratio": progress.updates / max(frames, 1),
        "learner/online_transitions": progress.online,
        "learner/offline_transitions": progress.offline,
    }


def of_episode(
    frames: Sequence[Frame], recent: Sequence[Episode], help_requests: int | None = None
) -> Figures:
    """An episode of these frames, and the ``recent`` ones, of which it is the last.

    The training's reward is the undiscounted return of an episode. The policy asked for help so
    often in it, if it may ask.
    """
    episode, returns = recent[-1], [each.reward for each in recent]
    strength = [float(np.linalg.norm(frame.action[:-1])) for frame in frames]
    return {
        "episode/return": episode.reward,
        "episode/length": episode.ticks,
        "episode/success": float(episode.success),
        "episode/intervention_rate": intervention_fraction([episode]),
        "episode/action_norm": float(np.mean(strength)),
        **({} if help_requests is None else {"episode/help_requests": help_requests}),
        "train/reward_mean": float(np.mean(returns)),
        "train/reward_std": float(np.std(returns)),
        "train/reward_max": max(returns),
        "train/length_mean": float(np.mean([each.ticks for each in recent])),
        "train/done_rate": float(np.mean([each.terminated for each in recent])),
        "train/success_rate": success_rate(recent),
        "train/intervention_rate": intervention_fraction(recent),
        **_observations(frames),
    }


def of_evaluation(evaluation: Evaluation) -> Figures:
    """How the policy did on its own."""
    return {
        "eval/success_rate": evaluation.success_rate,
        "eval/episodes": evaluation.episodes,
        "eval/length_mean": evaluation.mean_ticks,
    }


def _observations(frames: Sequence[Frame]) -> Figures:
    """Statistics of each number that the policy saw; images are left out."""
    keys = [key for key, value in frames[0].observation.items() if value.ndim == 1]
    observed = {key: np.stack([frame.observation[key] for frame in frames]) for key in keys}
    kinds: dict[str, Callable[..., Any]] = {
        "mean": np.mean,
        "std": np.std,
        "min": np.min,
        "max": np.max,
    }
    return {
        f"observation/{key}/{kind}": np.round(statistic(values, axis=0).astype(float), 6).tolist()
        for key, values in observed.items()
        for kind, statistic in kinds.items()
    }


def _finite(figures: Figures) -> dict[str, Any]:
    """JSON knows no NaN: null says that a figure is not finite."""

    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        name: [known(each) for each in value] if isinstance(value, list) else known(value)
        for name, value in figures.items()
    }


def _scalars(figures: Figures) -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        if isinstance(value, list):
            yield from ((f"{name}/{index}", each) for index, each in enumerate(value))
        else:
            yield name, value
