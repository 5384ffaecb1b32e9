"""What episodes and evaluations came to, in words that need no robot and no network to be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

DEMONSTRATE, TRAIN, EVALUATE = "demonstrate", "train", "evaluate"
TELEOPERATE, RECORD, REPLAY = "teleoperate", "record", "replay"
RECENT = 20  # episodes that "recent" looks back on


@dataclass(frozen=True, slots=True)
class Episode:
    """What an episode came to."""

    seed: int
    ticks: int
    reward: float  # undiscounted return
    success: bool  # in any of its ticks
    intervention_ticks: int
    takeovers: int
    rerecord: bool  # the operator asked to throw it away
    stop: bool = False  # the run is to end: this episode is cut short
    emergency_stop: bool = False  # and the arm was halted
    terminated: bool = False  # the task was over; false if time was


@dataclass(frozen=True, slots=True)
class Finished:
    """An episode and the tick of its stage at which it ended."""

    episode: Episode
    tick: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How the policy did on its own in the middle of the training."""

    ticks: int  # of the training, so far
    successes: int
    episodes: int
    mean_ticks: float  # of its episodes
    updates: int
    train_seconds: float  # of the training, without evaluations [s]

    @property
    def success_rate(self) -> float:
        """Share of the episodes that succeeded."""
        return self.successes / self.episodes


def success_rate(episodes: Sequence[Episode]) -> float:
    """Share of episodes that succeeded; 0 of none."""
    return float(np.mean([episode.success for episode in episodes])) if episodes else 0.0


def intervention_fraction(episodes: Iterable[Episode]) -> float:
    """Share of ticks in which the operator acted; 0 of none."""
    counts = [(episode.intervention_ticks, episode.ticks) for episode in episodes]
    ticks = sum(all_ticks for _, all_ticks in counts)
    return sum(intervention_ticks for intervention_ticks, _ in counts) / ticks if ticks else 0.0


def by_share(finished: Sequence[Finished], parts: int) -> list[list[Episode]]:
    """Episodes split into ``parts`` equal shares of the ticks, by the tick they ended at."""
    edges = np.linspace(0, finished[-1].tick if finished else 0, parts + 1)
    return [[f.episode for f in finished if low < f.tick <= high] for low, high in pairwise(edges)]
