"""How good a classifier is: where to draw the line, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil_app.rewards.examples import Bools, Examples, Ints

F64 = NDArray[np.float64]
CAUTION = 0.5  # beta of the F-measure: below 1 a false success weighs more than a missed one
_LEAST, _MOST = 0.01, 0.99  # of a threshold


@dataclass(frozen=True)
class Counts:
    """The 2 x 2 table of frames."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @classmethod
    def of(cls, positive: Bools, success: Bools) -> Counts:
        """What was said against what was so, both (N,)."""
        return cls(
            int((positive & success).sum()),
            int((positive & ~success).sum()),
            int((~positive & success).sum()),
            int((~positive & ~success).sum()),
        )

    @property
    def accuracy(self) -> float:
        """Share of the frames that are classified rightly."""
        return _share(self.true_positive + self.true_negative, self.total)

    @property
    def precision(self) -> float:
        """Share of the positives that are successes; 1 where nothing is positive."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Share of the successes that are positive; 1 where there is none."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def total(self) -> int:
        """Frames."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    def f_measure(self, beta: float) -> float:
        """The weighted harmonic mean of precision and recall; 0 where nothing is found."""
        hits = (1 + beta**2) * self.true_positive
        return hits / max(hits + beta**2 * self.false_negative + self.false_positive, 1e-9)


@dataclass(frozen=True)
class Verdict:
    """What a run would have made of an episode; ticks are None where it never came to that."""

    name: str
    ticks: int  # how long the episode is
    success: int | None  # the first tick that shows success
    fires: int | None  # the first tick at which success would have been said

    @property
    def agrees(self) -> bool:
        """Whether it says success in the episodes that have it, not before, and in no others."""
        if self.success is None or self.fires is None:
            return self.success is self.fires
        return self.fires >= self.success


def choose_threshold(probability: F64, success: Bools) -> float:
    """The threshold nearest to one half of those that tell these frames (N,) apart well.

    Well is within one standard error of the best F-measure for CAUTION (the rule of Breiman et al.
    1984): a few frames must not push the threshold to an end. A threshold is in the middle, on the
    scale of logits, between two neighbouring probabilities.
    """
    logits = np.unique(_logit(probability))
    middles = np.append((logits[1:] + logits[:-1]) / 2, 0.0)
    counts = [Counts.of(_logit(probability) >= middle, success) for middle in middles]
    found = np.array([count.f_measure(CAUTION) for count in counts])
    wrong = max(1 - counts[int(found.argmax())].accuracy, 1 / len(success))
    well = middles[found >= found.max() - (wrong * (1 - wrong) / len(success)) ** 0.5]
    nearest = well[np.abs(well).argmin()]
    return float(np.clip(1 / (1 + np.exp(-nearest)), _LEAST, _MOST))


def verdicts(
    examples: Examples, rows: Ints, probability: F64, threshold: float, in_a_row: int
) -> Iterator[Verdict]:
    """What each episode among the ``rows`` would have come to; ``probability`` is theirs."""
    for episode in np.unique(examples.episode[rows]):
        own = examples.episode[rows] == episode
        ticks, success = examples.tick[rows][own], examples.success[rows][own]
        positive = probability[own] >= threshold
        row = _row(ticks, positive)
        yield Verdict(
            examples.names[int(episode)],
            int(ticks[-1]),
            _first(ticks, success),
            _first(ticks, row >= in_a_row),
        )


def _row(ticks: Ints, positive: Bools) -> Ints:
    """How many positive ticks in a row there are up to each."""
    row, count = np.zeros(len(ticks), np.int64), 0
    for index, (tick, good) in enumerate(zip(ticks, positive, strict=True)):
        follows = index > 0 and tick == ticks[index - 1] + 1
        count = (count if follows else 0) + 1 if good else 0
        row[index] = count
    return row


def _first(ticks: Ints, where: Bools) -> int | None:
    return int(ticks[np.argmax(where)]) if where.any() else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _logit(probability: F64) -> F64:
    kept = np.clip(probability, 1e-9, 1 - 1e-9)
    logits: F64 = np.log(kept / (1 - kept))
    return logits
