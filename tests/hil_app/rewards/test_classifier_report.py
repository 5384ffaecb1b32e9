"""What a training is said to have come to, in figures, a table and an image."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from sample_classifiers import FRONT, IMAGE, NUMBERS, image, small
from sample_datasets import STATE

from configs.classifier import LearningConfig
from hil_app.rewards import figure as figure
from hil_app.rewards.examples import Examples
from hil_app.rewards.report import FIGURE, REPORT, ClassifierReport, table
from hil_app.rewards.scores import Counts, verdicts
from hil_app.rewards.training import Split

LENGTH = 10
BEGINS = 6  # the tick that success begins with, in every other episode


def examples(episodes: int, *keys: str) -> Examples:
    rows = episodes * LENGTH
    episode, tick = np.divmod(np.arange(rows), LENGTH)
    success = (tick + 1 >= BEGINS) & (episode % 2 == 0)
    shown = np.stack([image(bool(good)).transpose(2, 0, 1) for good in success])
    kinds = {
        FRONT: (torch.from_numpy(shown), IMAGE),
        STATE: (torch.ones(rows, 2), NUMBERS),
    }
    return Examples(
        {key: kinds[key][0] for key in keys},
        success,
        episode,
        tick + 1,
        [f"{number}" for number in range(episodes)],
        {key: kinds[key][1] for key in keys},
    )


def report_of(made: Examples, probability: np.ndarray, learned: int = 1) -> ClassifierReport:
    rows = np.arange(len(made.success))
    evaluated = list(range(len(made.names)))
    return ClassifierReport(
        Split(list(range(learned)), evaluated),
        rows,
        probability,
        0.5,
        2,
        learned * LENGTH,
        0.25,
        Counts.of(probability >= 0.5, made.success),
        list(verdicts(made, rows, probability, 0.5, 2)),
    )


def test_the_figures_are_those_of_the_held_out_episodes(tmp_path: Path) -> None:
    made = examples(4, FRONT)
    said = np.where(made.success, 0.9, 0.1)
    said[made.episode == 2] = 0.2  # missed
    said[[33, 34]] = 0.8  # of episode 3, which has no success
    report = report_of(made, said)
    report.save(tmp_path / "new", small(), made, LearningConfig(steps=7))
    found = json.loads((tmp_path / "new" / REPORT).read_text())
    assert found["frames"] == {
        "true_positive": 5,
        "false_positive": 2,
        "false_negative": 5,
        "true_negative": 28,
    }
    assert (found["accuracy"], found["precision"], found["recall"]) == (0.825, 0.7143, 0.5)
    assert found["episodes_judged_rightly"] == 2
    assert found["mean_delay_ticks"] == 1
    assert [e["fires"] for e in found["episodes"]] == [7, None, None, 5]
    assert found["learning"]["steps"] == 7
    assert found["parts"]["judge"] == ["0", "1", "2", "3"]


def test_the_table_says_what_an_operator_asks() -> None:
    made = examples(4, FRONT)
    said = np.where(made.success, 0.9, 0.1)
    said[30:35] = 0.9  # of episode 3, which has no success
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table(report_of(made, said)))
    text = capture.get()
    for words in (
        "4 episodes, 40 frames",
        "87.5% (always the same guess: 75.0%)",
        "66.7%, 100.0%",
        "5 false, 0 missed",
        "3/4 rightly, 1.0 ticks after it began",
        "1 episode",
    ):
        assert words in text, words


@pytest.mark.parametrize("keys", [(FRONT,), (STATE,)])
@pytest.mark.parametrize("right", [True, False])
def test_the_sheet_can_always_be_drawn(tmp_path: Path, keys: tuple[str, ...], right: bool) -> None:
    """Of images or of numbers alone, whether or not anything is wrong."""
    made = examples(3, *keys)
    said = np.where(made.success, 0.9, 0.1) if right else np.linspace(0, 1, 30)
    report_of(made, said).save(tmp_path, small(), made, LearningConfig())
    drawn = cv2.imread(str(tmp_path / FIGURE))
    assert drawn.shape[1] == 1200
    assert (drawn.shape[0] > 620) == (FRONT in keys)


def test_a_sheet_of_many_episodes_stays_of_a_size(tmp_path: Path) -> None:
    made = examples(60, FRONT)
    report_of(made, np.where(made.success, 0.9, 0.1)).save(
        tmp_path, small(), made, LearningConfig()
    )
    assert cv2.imread(str(tmp_path / FIGURE)).shape[0] < 1500


def test_the_frames_that_are_most_wrong_come_first() -> None:
    success = np.array([True, True, False, False, True])
    probability = np.array([0.9, 0.1, 0.2, 0.95, 0.4])
    assert figure._worst(probability, success, 0.5)[:3].tolist() == [3, 1, 4]
