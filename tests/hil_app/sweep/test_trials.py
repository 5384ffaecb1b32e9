"""The trials of a sweep in their folder: begun, ended, gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sample_trials import PROGRAM
from waiting import until

from configs.errors import ConfigError
from hil_app.sweep.plan import Halving, Plan, Trial
from hil_app.sweep.training import Training

GOOD, BAD = "--learner.batch_size=64", "--learner.batch_size=8"


def a_plan(folder: Path, *options: str, halving: Halving | None = None) -> Plan:
    trials = [Trial(number, (one,), (one,)) for number, one in enumerate(options)]
    return Plan(folder, ["learner.batch_size"], trials, halving)


def trained(plan: Plan, trial: Trial) -> list[int]:
    """The ticks of the evaluations of a trial that is trained to its end."""
    over = plan.state(trial) in ("finished", "stopped")
    training = Training(plan.path(trial), trial.options, plan.folder, PROGRAM, over=over)
    found = iter(lambda: training.next_evaluation(60), None)
    return [one.ticks for one in found]


def test_a_trial_is_a_run_that_tells_its_evaluations_once_more_when_it_is_over(
    tmp_path: Path,
) -> None:
    plan = a_plan(tmp_path / "sweep", GOOD)
    assert plan.claim() is False
    (trial,) = plan.trials
    assert plan.state(trial) == "not begun"
    assert trained(plan, trial) == [100, 200, 300]
    assert plan.state(trial) == "finished"
    words = (plan.path(trial) / "words.json").read_text()
    assert json.loads(words) == [GOOD, f"--output_dir={plan.path(trial)}"]
    (plan.path(trial) / "words.json").unlink()
    assert trained(plan, trial) == [100, 200, 300]
    assert not (plan.path(trial) / "words.json").exists()
    assert plan.standing(trial).score == 0.91


def test_a_trial_that_was_ended_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    plan = a_plan(tmp_path / "sweep", BAD)
    plan.claim()
    (trial,) = plan.trials
    training = Training(plan.path(trial), trial.options, tmp_path, PROGRAM, over=False)
    assert until(lambda: training.next_evaluation(1))
    training.end()
    assert plan.state(trial) == "unfinished"
    again = Training(plan.path(trial), trial.options, tmp_path, PROGRAM, over=False)
    words = plan.path(trial) / "words.json"
    until(lambda: json.loads(words.read_text() or "null") == [f"--resume={plan.path(trial)}"])
    again.end()
    plan.stop(trial, 100)
    assert plan.state(trial) == "stopped"
    assert plan.standing(trial).score == 0.15


def test_one_that_ended_before_its_first_checkpoint_is_kept_beside_and_begun_anew(
    tmp_path: Path,
) -> None:
    plan = a_plan(tmp_path / "sweep", GOOD)
    plan.claim()
    plan.path(plan.trials[0]).mkdir()
    (plan.path(plan.trials[0]) / "mine").write_text("kept")
    assert trained(plan, plan.trials[0]) == [100, 200, 300]
    assert [*plan.folder.glob("trial_000_cut_short_*/mine")]


def test_one_that_fails_tells_its_last_words(tmp_path: Path) -> None:
    plan = a_plan(tmp_path / "sweep", "--learner.batch_size=99")
    plan.claim()
    with pytest.raises(RuntimeError, match=r"trial_000 ended with status 1: an unlucky number \("):
        trained(plan, plan.trials[0])


def test_a_folder_has_one_sweep(tmp_path: Path) -> None:
    assert a_plan(tmp_path / "sweep", GOOD).claim() is False
    assert a_plan(tmp_path / "sweep", GOOD).claim() is True
    with pytest.raises(ConfigError, match=r"has a sweep with other options \(--learner.batch_si"):
        a_plan(tmp_path / "sweep", BAD).claim()
    with pytest.raises(ConfigError, match=r"stopping: None, now \{'grace': 9"):
        a_plan(tmp_path / "sweep", GOOD, halving=Halving(9, 3.0)).claim()
    (tmp_path / "mine").write_text("")
    with pytest.raises(ConfigError, match="is not empty, and has no sweep"):
        a_plan(tmp_path, GOOD).claim()
