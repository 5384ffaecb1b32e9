"""A training that cannot learn is refused before anything starts; one that did not says so."""

import pytest
from sample_runs import tiny

from configs.load import ConfigError
from hil_app.cli.run_command import train
from hil_app.runs.session import Session
from hil_app.runs.training import Training


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"learner": {"online_capacity": 50, "learning_starts": 51}},
            "learner.online_capacity: 50 .* waits for 51",
        ),
        ({"learner": {"learning_starts": 90}}, "train.ticks: 60, and at most 29 more .* tick 90"),
        (
            {"learner": {"train_freq": 100}},
            r"train.ticks: 60, .* tick 100 \(learner.learning_starts and learner.train_freq\)",
        ),
    ],
)
def test_one_that_cannot_come_to_an_update_is_refused(tmp_path, changes, says):
    config = tiny(tmp_path / "run", **changes)  # episodes of at most 30 ticks
    with pytest.raises(ConfigError, match=says):
        Training(Session(config, "train"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"learner": {"learning_starts": 89}},
        {"learner": {"train_freq": 89}},
        {"learner": {"mode": "background", "train_freq": 1000}},
        {"learner": {"learning_starts": 5000}, "env": {"control_time_s": None}},
        {"learner": {"online_capacity": 20}},
    ],
)
def test_one_that_may_is_not(tmp_path, changes):
    Training(Session(tiny(tmp_path / "run", **changes), "train"))


def test_one_that_made_no_update_says_so_loudly(tmp_path, capsys):
    config = tiny(
        tmp_path / "run",
        learner={"learning_starts": 38},
        train={"ticks": 9, "demonstrations": 1},
        eval={"episodes": 0},
    )
    assert train(config, "train") == 0
    reported = (tmp_path / "run" / "events.jsonl").read_text()
    (line,) = [line for line in reported.splitlines() if "nothing_learned" in line]
    assert "of the 38 transitions of learner.learning_starts" in line
    assert "0: NOTHING WAS LEARNED" in capsys.readouterr().out


def test_one_that_learned_does_not(tmp_path, capsys):
    assert train(tiny(tmp_path / "run", eval={"episodes": 0}), "train") == 0
    assert "NOTHING" not in capsys.readouterr().out
    assert "nothing_learned" not in (tmp_path / "run" / "events.jsonl").read_text()
