"""`hil-app config import` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

THEIRS: dict[str, Any] = {
    "env": {
        "type": "gym_manipulator",
        "name": "real_robot",
        "fps": 10,
        "robot": {
            "type": "so100_follower",
            "port": "/dev/ttyACM1",
            "id": "black",
            "cameras": {
                "front": {"type": "opencv", "index_or_path": 1, "width": 640, "height": 480}
            },
        },
        "teleop": {"type": "gamepad", "use_gripper": True},
        "processor": {
            "image_preprocessing": {
                "crop_params_dict": {"observation.images.front": [18, 51, 365, 401]},
                "resize_size": [128, 128],
            },
            "reward_classifier": {"pretrained_path": "me/judge"},
        },
    },
    "mode": "record",
    "device": "cpu",
}


def config(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil_app", "config", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "env_config.json").write_text(json.dumps(THEIRS))
    return tmp_path


def test_the_file_that_import_saves_is_one_that_config_path_takes(folder: Path) -> None:
    done = config("import", "env_config.json", "--save=mine.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "hil-app train --config_path mine.yaml" in done.stderr
    shown = config("show", "--config_path=mine.yaml", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    ours = yaml.safe_load(shown.stdout)
    assert (ours["robot"]["type"], ours["robot"]["port"]) == ("so100", "/dev/ttyACM1")
    assert ours["processor"]["images"]["crop"] == {"front": [18, 51, 365, 401]}
    assert ours["teleop"]["type"] == "gamepad"


def test_what_is_printed_is_what_would_be_saved_and_the_account_is_beside_it(folder: Path) -> None:
    printed = config("import", "env_config.json", cwd=folder)
    config("import", "env_config.json", "--save=mine.yaml", cwd=folder)
    assert printed.stdout == (folder / "mine.yaml").read_text()
    left_out = printed.stderr.partition("Left out:")[2]
    assert "env.processor.reward_classifier.pretrained_path: their checkpoint is of" in left_out
    assert "env.robot.port" not in printed.stderr


def test_no_file_is_written_over(folder: Path) -> None:
    (folder / "mine.yaml").write_text("precious")
    done = config("import", "env_config.json", "--save=mine.yaml", cwd=folder)
    assert done.returncode == 2
    assert done.stderr == ("hil-app: --save: mine.yaml is there already: name a new file\n")
    assert (folder / "mine.yaml").read_text() == "precious"


@pytest.mark.parametrize(
    ("content", "said"),
    [("{broken", "not a whole JSON file"), ('{"policy": {}}', "it has no block `env`")],
)
def test_another_file_is_one_clear_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(content)
    done = config("import", "other.json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("hil-app: other.json: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_names_both_commands(tmp_path: Path) -> None:
    listed = config("--help", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in listed if line.startswith("  ")] == ["show", "import"]
    assert "--save" in config("import", "--help", cwd=tmp_path).stdout
