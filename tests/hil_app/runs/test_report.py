"""What a run came to: summary.json, the table and the image."""

import io
import json
import os

import numpy as np
import pytest
from matplotlib import image
from rich.console import Console
from sample_runs import a_loop, a_recording, an_episode, ended

from hil_app.control.monitor import Monitor
from hil_app.control.outcomes import Evaluation
from hil_app.control.policy import LearnedPolicy
from hil_app.learning.learner import Progress
from hil_app.runs import report
from hil_app.runs.browse.figure import plot_training
from hil_app.runs.folder import PLOT, SUMMARY

PROGRESS = Progress(updates=321, updates_per_second=40.0, stats={"loss_critic": 0.1234567})
COLOURS = {"success": (44, 160, 44), "interventions": (255, 127, 14), "return": (31, 119, 180)}
ON_ITS_OWN = (148, 103, 189)


@pytest.fixture
def monitor():
    """2 demonstrations, 4 training episodes of 25 ticks, 3 evaluation episodes."""
    monitor = Monitor()
    stage = monitor.begin("demonstrate", 2, "episodes", a_loop())
    for ticks in (12, 14):
        stage.end(an_episode(ticks, success=True, intervention_ticks=ticks))
    stage = monitor.begin("train", 100, "ticks", a_loop(*range(1, 101)))
    for intervention_ticks, success in ((20, False), (10, False), (5, True), (0, True)):
        stage.ticks += 25
        stage.version = 300
        stage.end(
            an_episode(
                25, success=success, intervention_ticks=intervention_ticks, reward=float(success)
            )
        )
    stage = monitor.begin("evaluate", 3, "episodes", a_loop(7.0))
    for ticks, success in ((10, True), (11, True), (13, False)):
        stage.end(an_episode(ticks, success=success))
    return monitor


def shown(summary):
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(report.table(summary))
    return console.export_text()


def marks(path):
    """How many pixels of the image have each curve's colour."""
    pixels = np.round(image.imread(path)[..., :3] * 255).astype(int)
    return {
        name: int((np.abs(pixels - colour).max(axis=-1) < 8).sum())
        for name, colour in {**COLOURS, "on its own": ON_ITS_OWN}.items()
    }


def test_the_summary_has_the_figures_asked_for(monitor):
    summary = report.summarize(monitor, ended="finished", progress=PROGRESS)
    assert summary["ended"] == "finished"
    assert summary["eval"] == {"success_rate": 0.6667, "episodes": 3, "mean_ticks": 11.33}
    assert summary["demonstrations"] == {"success_rate": 1.0, "episodes": 2, "mean_ticks": 13.0}
    assert summary["train"] == {
        "success_rate": 0.5,
        "episodes": 4,
        "mean_ticks": 25.0,
        "ticks": 100,
        "intervention_fraction": 0.35,
        "intervention_fraction_by_quarter": [0.8, 0.4, 0.2, 0.0],
        "takeovers": 3,
        "updates": 321,
        "weights_version": 300,
        "losses": {"loss_critic": 0.12346},
        "evaluations": [],
    }
    assert summary["loop"] == {"lateness_ms": {"p50": 50.5, "p99": 99.01, "max": 100.0}}
    assert summary["seconds"].keys() == {"demonstrate", "train", "evaluate"}
    assert json.loads(json.dumps(summary)) == summary


def test_an_evaluation_alone_reports_its_own_lateness():
    monitor = Monitor()
    monitor.begin("evaluate", 3, "episodes", a_loop(7.0)).end(an_episode(10))
    summary = report.summarize(monitor, ended="finished")
    assert summary["loop"]["lateness_ms"] == {"p50": 7.0, "p99": 7.0, "max": 7.0}
    assert "train" not in summary


def test_a_run_that_never_got_going_has_a_summary_too():
    summary = report.summarize(Monitor(), ended="SIGINT")
    assert summary == {
        "ended": "SIGINT",
        "loop": {"lateness_ms": {"p50": None, "p99": None, "max": None}},
        "seconds": {},
    }
    assert "SIGINT" in shown(summary)
    empty = Monitor()
    empty.begin("train", 100, "ticks", a_loop())
    empty.begin("evaluate", 3, "episodes", a_loop())
    summary = report.summarize(empty, ended="SIGINT", progress=Progress())
    assert summary["eval"] == {"success_rate": 0.0, "episodes": 0, "mean_ticks": None}
    assert summary["train"]["intervention_fraction_by_quarter"] == [0.0] * 4
    assert "0/0" in shown(summary)


def test_the_table_shows_the_figures(monitor):
    text = shown(report.summarize(monitor, ended="finished", progress=PROGRESS))
    for figure in (
        "finished",
        "2/3 (66.7%)",
        "11.3 ticks",
        "2/2 (100.0%), mean 13.0 ticks",
        "100 ticks, 4 episodes",
        "321",
        "80% → 40% → 20% → 0% of ticks, 3 take-overs",
        "50.5 / 99.0 / 100.0 ms",
    ):
        assert figure in text


def test_an_error_that_looks_like_markup_is_shown_as_it_is():
    summary = report.summarize(Monitor(), ended="error: no [cpu] tensor in [/tmp/x]")
    assert "error: no [cpu] tensor in [/tmp/x]" in shown(summary)


def test_the_summary_is_saved_whole_or_not_at_all(monitor, tmp_path, monkeypatch):
    summary = report.summarize(monitor, ended="finished", progress=PROGRESS)
    report.save(summary, tmp_path / SUMMARY)
    assert json.loads((tmp_path / SUMMARY).read_text()) == summary

    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        report.save({"ended": "again"}, tmp_path / SUMMARY)
    assert json.loads((tmp_path / SUMMARY).read_text()) == summary
    assert [path.name for path in tmp_path.iterdir()] == [SUMMARY]


def test_the_image_has_a_curve_of_each_kind(monitor, tmp_path):
    plot_training(monitor.stages[1].finished, [], tmp_path / PLOT)
    assert (tmp_path / PLOT).read_bytes()[:4] == b"\x89PNG"
    found = marks(tmp_path / PLOT)
    assert all(found[name] > 300 for name in COLOURS)


def test_a_single_episode_is_visible_in_the_image(tmp_path):
    plot_training(ended(30, success=True, intervention_ticks=10, reward=1.0), [], tmp_path / PLOT)
    found = marks(tmp_path / PLOT)
    assert all(found[name] >= 5 for name in COLOURS)


def evaluated(ticks, successes):
    return Evaluation(ticks, successes, 20, 12.5, updates=ticks - 19, train_seconds=ticks / 10)


def test_evaluations_amid_the_training_are_in_the_summary_and_in_the_table(monitor):
    monitor.evaluations += [evaluated(30, 4), evaluated(60, 19)]
    summary = report.summarize(monitor, ended="finished", progress=PROGRESS)
    assert summary["train"]["evaluations"] == [
        {
            "ticks": 30,
            "successes": 4,
            "episodes": 20,
            "mean_ticks": 12.5,
            "updates": 11,
            "train_seconds": 3.0,
        },
        {
            "ticks": 60,
            "successes": 19,
            "episodes": 20,
            "mean_ticks": 12.5,
            "updates": 41,
            "train_seconds": 6.0,
        },
    ]
    assert "4/20 → 19/20" in shown(summary)


def test_a_long_row_of_evaluations_is_shortened_in_the_table(monitor):
    monitor.evaluations += [evaluated(10 * number, number) for number in range(1, 21)]
    text = shown(report.summarize(monitor, ended="finished", progress=PROGRESS))
    assert "7/20 → … → 20/20" in text
    assert "8/20" not in text


def test_evaluations_amid_the_training_are_a_curve_of_the_image(monitor, tmp_path):
    plot_training(
        monitor.stages[1].finished, [evaluated(30, 4), evaluated(60, 19)], tmp_path / PLOT
    )
    assert marks(tmp_path / PLOT)["on its own"] > 300
    plot_training(monitor.stages[1].finished, [], tmp_path / PLOT)
    assert marks(tmp_path / PLOT)["on its own"] == 0


def test_how_old_weights_are_as_they_are_taken_is_reported(monitor):
    policy = monitor.stages[1].loop.policy = object.__new__(LearnedPolicy)
    policy.ages = []
    assert "weights_age_ms" not in report.summarize(monitor, ended="finished")["loop"]
    policy.ages.extend([0.010, 0.020, 0.030])
    told = shown(report.summarize(monitor, ended="finished"))
    assert "age of new weights p50 / p99 / max" in told
    assert "20.0 / 29.8 / 30.0 ms" in told


def test_the_age_of_images_is_reported_where_there_are_any(monitor):
    assert "picture_age_ms" not in report.summarize(monitor, ended="finished")["loop"]
    monitor.stages[1].ages.extend([0.010, 0.020, 0.030])
    summary = report.summarize(monitor, ended="finished")
    assert summary["loop"]["picture_age_ms"] == {"p50": 20.0, "p99": 29.8, "max": 30.0}
    told = shown(summary)
    assert "oldest image p50 / p99 / max" in told
    assert "20.0 / 29.8 / 30.0 ms" in told


def test_what_was_recorded_is_reported():
    monitor = Monitor()
    stage = monitor.begin("record", 3, "episodes", a_loop(2.0))
    for ticks, success in ((20, True), (30, True), (50, False)):
        stage.ticks += ticks
        stage.end(an_episode(ticks, success=success, intervention_ticks=10))
    stage.end(an_episode(9, rerecord=True))
    stage.end(an_episode(7, stop=True))
    monitor.recording = a_recording()
    summary = report.summarize(monitor, ended="finished")
    assert summary["record"] == {
        "success_rate": 0.6667,
        "episodes": 3,
        "mean_ticks": 33.33,
        "cut_short": 1,
        "thrown_away": 1,
        "ticks": 100,
        "intervention_fraction": 0.3,
    }
    assert summary["dataset"] == {
        "root": "data/lift",
        "episodes": 8,
        "new": 3,
        "missing_frames": 0,
        "backlog_max_frames": 34,
        "backlog_max_s": 1.25,
    }
    assert summary["loop"]["lateness_ms"]["p50"] == 2.0
    text = shown(summary)
    assert "2/3 (66.7%), 100 ticks, 30% by hand; 1 cut short" in text
    assert "8 episodes, 3 of them new" in text
    assert "34 frames, 1.2 s; none dropped" in text
    summary["dataset"]["episodes"] = 1
    assert "1 episode, 3 of them new" in shown(summary)
    summary["dataset"]["missing_frames"] = 7
    assert "7 FRAMES ARE IN NO WHOLE EPISODE" in shown(summary)
    assert "none dropped" not in shown(summary)
