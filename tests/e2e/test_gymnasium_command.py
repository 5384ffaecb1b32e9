"""Commands on an environment that a package of the user's registers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from handbook import ROOT
from test_commands import hil_app

TABLE = ("--robot.type=gymnasium", "--robot.env_id=sample_gym:Table-v0")
OPERATOR = ("--robot.gripper=2", "--robot.operator=sample_gym:Towards")
SHORT = ("--train.demonstrations=3", "--train.ticks=150", "--learner.batch_size=16",
         "--learner.learning_starts=60", "--eval.episodes=2")  # fmt: skip
PLACES = f"{ROOT}:{ROOT / 'tests'}"
Here = Callable[..., subprocess.CompletedProcess[str]]


def test_an_environment_is_learned_recorded_and_evaluated(tmp_path: Path, here: Here) -> None:
    drawn = "--robot.kwargs={render_mode: rgb_array}"
    done = hil_app("train", *TABLE, *OPERATOR, drawn, *SHORT, "--output_dir=out", cwd=tmp_path,
                   PYTHONPATH=PLACES)  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["ended"] == "finished"
    assert summary["demonstrations"]["success_rate"] == 1.0
    info = json.loads((tmp_path / "out/dataset/meta/info.json").read_text())
    assert info["features"]["action"]["names"] == ["action.0.pos", "action.1.pos", "gripper"]
    seen = info["features"]["observation.environment_state"]["names"]
    assert seen[2:4] == ["goal.0", "goal.1"]
    assert b"sample_gym:Table-v0" in (tmp_path / "out/dataset/meta/tasks.parquet").read_bytes()
    again = here("eval", "out", "--eval.episodes=2", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "robot.operator"),
        (("--robot.env_id=Blackjack-v1",), "Discrete(2)"),
        (("--robot.env_id=Nowhere-v0",), "no environment is called 'Nowhere-v0'"),
    ],
)
def test_what_does_not_fit_ends_a_command_in_a_line(
    tmp_path: Path, options: tuple[str, ...], said: str, here: Here
) -> None:
    done = here("train", *TABLE, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
