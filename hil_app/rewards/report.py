"""What a training came to: numbers, a table, a figure, and the classifier itself in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from configs.classifier import LearningConfig
from configs.text.writing import new_file
from hil_app.rewards import figure as figure
from hil_app.rewards.classifier import SuccessClassifier, save_classifier
from hil_app.rewards.examples import Examples, Ints
from hil_app.rewards.scores import F64, Counts, Verdict, verdicts
from hil_app.rewards.training import Split, probabilities
from hil_app.support.files import new_folder
from hil_app.support.words import plural

REPORT, FIGURE = "report.json", "confusion.png"


@dataclass(frozen=True)
class ClassifierReport:
    """How a classifier does on the episodes that were held out."""

    parts: Split
    rows: Ints  # of the held-out episodes
    probability: F64  # of success, in each of the rows
    threshold: float
    in_a_row: int  # positive ticks that make a success
    learned: int  # frames
    share: float  # of all frames that are successes
    counts: Counts
    verdicts: Sequence[Verdict]

    @classmethod
    def of(
        cls, classifier: SuccessClassifier, examples: Examples, parts: Split, in_a_row: int
    ) -> ClassifierReport:
        """Evaluate on the held-out episodes."""
        threshold, rows = classifier.config.threshold, examples.of(parts.test)
        probability = probabilities(classifier, examples, rows)
        return cls(
            parts,
            rows,
            probability,
            threshold,
            in_a_row,
            len(examples.of(parts.learn)),
            float(examples.success.mean()),
            Counts.of(probability >= threshold, examples.success[rows]),
            list(verdicts(examples, rows, probability, threshold, in_a_row)),
        )

    @property
    def guess(self) -> float:
        """The accuracy of always saying what is more frequent."""
        hits = (self.counts.true_positive + self.counts.false_negative) / self.counts.total
        return max(hits, 1 - hits)

    @property
    def delay(self) -> float | None:
        """Mean ticks from the beginning of success to saying so, where it is said rightly."""
        found = [
            v.fires - v.success
            for v in self.verdicts
            if v.agrees and v.fires is not None and v.success is not None
        ]
        return float(np.mean(found)) if found else None

    def save(
        self, folder: Path, classifier: SuccessClassifier, examples: Examples, how: LearningConfig
    ) -> None:
        """Write classifier and numbers into the new ``folder``, whole or not at all; then a figure.

        OSError if the disk refuses; without the figure the rest is there.
        """
        figures = json.dumps(self._figures(examples, how), indent=2) + "\n"
        with new_folder(folder) as draft:
            save_classifier(classifier, draft)
            (draft / REPORT).write_text(figures)
        with new_file(folder / FIGURE) as file:
            figure.draw(file, examples, self.rows, self.probability, self.threshold, self.verdicts)

    def _figures(self, examples: Examples, how: LearningConfig) -> dict[str, object]:
        names = {
            part: [examples.names[number] for number in numbers]
            for part, numbers in {"learn": self.parts.learn, "judge": self.parts.test}.items()
        }
        counts = self.counts
        return {
            "accuracy": round(counts.accuracy, 4),
            "precision": round(counts.precision, 4),
            "recall": round(counts.recall, 4),
            "frames": asdict(counts),
            "threshold": self.threshold,
            "ticks": self.in_a_row,
            "episodes_judged_rightly": sum(verdict.agrees for verdict in self.verdicts),
            "mean_delay_ticks": self.delay,
            "episodes": [asdict(verdict) for verdict in self.verdicts],
            "parts": names,
            "learning": how.model_dump(mode="json"),
        }


def table(report: ClassifierReport) -> Table:
    """The report for a terminal."""
    shown = Table(title="On held-out episodes", show_header=False, title_style="bold", min_width=60)
    counts, parts = report.counts, report.parts
    right = sum(verdict.agrees for verdict in report.verdicts)
    early = sum(
        v.fires is not None and (v.success is None or v.fires < v.success) for v in report.verdicts
    )
    delay = "" if report.delay is None else f", {report.delay:.1f} ticks after it began"
    for name, value in {
        "learned from": f"{plural(len(parts.learn), 'episode')}, {report.learned} frames",
        "held out": f"{plural(len(parts.test), 'episode')}, {counts.total} frames",
        "successes": f"{report.share:.1%} of all frames; half of every batch",
        "threshold": f"{report.threshold:.3f}, from episodes that were left out in turn",
        "accuracy": f"{counts.accuracy:.1%} (always the same guess: {report.guess:.1%})",
        "precision, recall": f"{counts.precision:.1%}, {counts.recall:.1%}",
        "frames wrong": f"{counts.false_positive} false, {counts.false_negative} missed successes",
        f"episodes, {report.in_a_row} ticks in a row": f"{right}/{len(parts.test)} rightly{delay}",
        "said too early, or of a failure": plural(early, "episode"),
    }.items():
        shown.add_row(name, value)
    return shown
