"""Wherever a policy acts, it sees more than the arm itself; the doctor says so beforehand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_runs import tiny

from configs.load import ConfigError, dump
from configs.run import RunConfig
from hil_app.cli import run_command as run_command

BLIND = {"observation": {"object": None}}
nobody: Any = None  # what would act is not looked at


@pytest.mark.parametrize(
    "command",
    [
        lambda config: run_command.train(config, "train"),
        lambda config: run_command.evaluate(config, nobody, nobody),
        lambda config: run_command.record(config, object()),
    ],
    ids=["train", "eval", "record --checkpoint"],
)
def test_a_blind_policy_does_not_act(command: Callable[[RunConfig], int], tmp_path: Path) -> None:
    config = tiny(tmp_path / "run", processor=BLIND, dataset={"root": str(tmp_path / "data")})
    with pytest.raises(ConfigError, match="would see the arm and not its task"):
        command(config)
    assert list(tmp_path.iterdir()) == []


def test_a_blind_run_does_not_go_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    checkpoint = run / "checkpoints/tick_8"
    checkpoint.mkdir(parents=True)
    config = tiny(run, processor=BLIND)
    (run / "config.yaml").write_text(dump(config))
    with pytest.raises(ConfigError, match="would see the arm and not its task"):
        run_command.resume(config, checkpoint)
    assert list(checkpoint.iterdir()) == []
    assert (run / "config.yaml").read_text() == dump(config)


def test_a_run_keeps_its_eyes_when_it_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints/tick_8").mkdir(parents=True)
    (run / "config.yaml").write_text(dump(tiny(run)))
    with pytest.raises(
        ConfigError, match=r"processor\.observation\.object: a run that goes on keeps"
    ):
        run_command.resume(tiny(run, processor=BLIND), run / "checkpoints/tick_8")


@pytest.mark.parametrize(
    ("options", "sees"),
    [
        (["--robot.type=so100_sim"], True),
        (["--robot.type=so100_sim", "--robot.cameras=null"], False),
        (["--robot.cameras=null"], False),
        (["--processor.observation.images=false"], False),
        (["--robot.cameras=null", "--processor.observation.object=relative"], True),
    ],
)
def test_the_doctor_says_whether_the_policy_sees_its_task(options: list[str], sees: bool) -> None:
    command = [sys.executable, "-m", "hil_app", "doctor", "--json"]
    done = subprocess.run(
        [*command, "--config_path=sim_pick_lift_pixels", *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (found,) = (one for one in json.loads(done.stdout)["findings"] if one["topic"] == "policy")
    assert (found["mark"] == "ok") == sees, found
    if not sees:
        assert done.returncode == 1
        assert "robot.cameras" in found["remedy"]
