"""What a run came to, read from its folder: how soon it was good, and whose time that took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from configs.text.reading import parse_json, read_json
from hil_app.bench import BenchError
from hil_app.bench.learning.protocol import EVERY, held, reached
from hil_app.control.outcomes import DEMONSTRATE, TRAIN
from hil_app.runs.folder import EVENTS, SUMMARY

Event = Mapping[str, Any]


@dataclass(frozen=True)
class HumanTime:
    """What a run asks of its operator."""

    hands_ticks: int  # under the operator's hands, in demonstrations too
    watching_ticks: int  # all others of the training: the operator may have to take over
    episodes: int  # the scene is set so often, for demonstrations too


@dataclass(frozen=True)
class Outcome:
    """What one run came to."""

    seed: int
    ticks: list[int]  # of each evaluation amid the training
    success: list[float]  # its success rate
    t95_ticks: int | None  # first of two evaluations in a row with at least 19 of 20
    t95_updates: int | None
    t95_seconds: float | None  # of the training until then, without evaluations
    held: bool | None  # no evaluation below 18 of 20 from then to twice as long
    final: float  # success rate of the last 100 episodes
    final_ticks: float  # mean length of an episode of these
    interventions: list[float]  # share of ticks in which the operator acted, for each 500 ticks
    human: HumanTime | None  # until T95
    human_whole: HumanTime  # until the training's end


def finished(folder: Path) -> bool:
    """Whether the run in ``folder`` came to its end."""
    path = folder / SUMMARY
    return path.is_file() and bool(read_json(path)["ended"] == "finished")


def read(folder: Path, seed: int) -> Outcome:
    """What the finished run in ``folder`` came to. Raises BenchError if that cannot be read."""
    try:
        return _read(folder, seed)
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(
            f"{folder}: {SUMMARY} and {EVENTS} are not what a training leaves: "
            f"{type(error).__name__}: {error}"
        ) from error


def _read(folder: Path, seed: int) -> Outcome:
    summary, events = read_json(folder / SUMMARY), [*_events(folder)]
    evaluated, episodes = summary["train"]["evaluations"], _episodes(events, TRAIN)
    shown = _episodes(events, DEMONSTRATE)
    success = [e["successes"] / e["episodes"] for e in evaluated]
    first = reached(success)
    at = None if first is None else evaluated[first]
    return Outcome(
        seed=seed,
        ticks=[e["ticks"] for e in evaluated],
        success=success,
        t95_ticks=at and at["ticks"],
        t95_updates=at and at["updates"],
        t95_seconds=at and at["train_seconds"],
        held=None if first is None else held(success, first),
        final=summary["eval"]["success_rate"],
        final_ticks=summary["eval"]["mean_ticks"],
        interventions=_interventions(episodes),
        human=at and human_time(shown, _until(episodes, at["ticks"])),
        human_whole=human_time(shown, episodes),
    )


def human_time(demonstrations: Sequence[Event], training: Sequence[Event]) -> HumanTime:
    """What these episodes ask of the operator, who has the demonstrations all in hand."""
    shown = sum(episode["ticks"] for episode in demonstrations)
    taken = sum(episode["intervention_ticks"] for episode in training)
    return HumanTime(
        hands_ticks=shown + taken,
        watching_ticks=sum(episode["ticks"] for episode in training) - taken,
        episodes=len(demonstrations) + len(training),
    )


def so_far(folder: Path) -> str:
    """How far the run in ``folder`` is, in words."""
    events, evaluated = [*_events(folder)], ""
    ticks = sum(episode["ticks"] for episode in _episodes(events, TRAIN))
    for event in events:
        if event["event"] == "evaluation":
            evaluated = f", {event['successes']} of {event['episodes']} on its own"
    return f"{ticks} ticks{evaluated}"


def _events(folder: Path) -> Iterator[Event]:
    path = folder / EVENTS
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        if line.endswith("}"):  # the last one may be under way
            yield parse_json(line)


def _episodes(events: Sequence[Event], stage: str) -> list[Event]:
    return [e for e in events if e["event"] == "episode" and e["stage"] == stage]


def _until(episodes: Sequence[Event], tick: int) -> Sequence[Event]:
    """The episodes that were over at a tick of the training."""
    ends = np.cumsum([episode["ticks"] for episode in episodes])
    return episodes[: int((ends <= tick).sum())]


def _interventions(episodes: Sequence[Event]) -> list[float]:
    """Share of ticks in which the operator acted, by EVERY ticks, an episode where it ends."""
    ticks = np.array([e["ticks"] for e in episodes])
    interventions = np.array([e["intervention_ticks"] for e in episodes])
    last = max(0, ticks.sum() // EVERY - 1)  # the rest of a share counts with the one before
    bins = np.minimum((np.cumsum(ticks) - 1) // EVERY, last)
    shares = (interventions[bins == i].sum() / ticks[bins == i].sum() for i in np.unique(bins))
    return [round(float(share), 4) for share in shares]
