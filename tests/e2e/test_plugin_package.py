"""A package that is not ours brings one of each; a file and the commands do the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plugin_site import TOY, install
from test_commands import hil_app

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
MINE = ("--config_path", str(TOY / "toy.yaml"))
NAMES = ("toy", "toy_hand", "hover", "slow", "patience", "closeness", "imitation")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    install(folder)
    return folder


@pytest.fixture
def mine(site: Path, tmp_path: Path):
    """The command where the package is installed; returns what it printed."""

    def run(*arguments: str) -> str:
        done = hil_app(*arguments, cwd=tmp_path, PYTHONPATH=str(site))
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def ended(folder: Path) -> str:
    """How a run ended."""
    return json.loads((folder / "summary.json").read_text())["ended"]


def test_the_list_has_all_that_the_package_brings(mine) -> None:
    lines = mine("plugins").splitlines()
    for name in NAMES:
        (line,) = [line.split() for line in lines if line.split()[0] == name]
        assert line[1:] == ["toy-plugin", "1.2.3", "toy_plugin.configs"]


def test_help_and_errors_have_its_names(mine, site: Path, tmp_path: Path) -> None:
    shown = " ".join(mine("train", "--help=all").split())
    assert "The robot's name: gymnasium, so100, so100_sim, so101, so101_sim, toy" in shown
    assert "--algorithm.type=sac Name of the algorithm: imitation, sac" in shown
    assert "robot, with --robot.type=toy: " in shown
    completed = mine("completion", "bash")
    assert (
        " --robot.type') printf '%s\\n' gymnasium so100 so100_sim so101 so101_sim toy ;;"
        in completed
    )
    assert " --robot.lag= " in completed
    reported = hil_app("config", "show", "--robot.type=toyy", cwd=tmp_path, PYTHONPATH=str(site))
    assert reported.stderr == (
        "hil-app: robot.type: got 'toyy' (did you mean toy?), allowed: gymnasium, so100, "
        "so100_sim, so101, so101_sim, toy\n"
    )


def test_its_robot_records_and_does_an_episode_again(mine, tmp_path: Path) -> None:
    data = ("--dataset.root=data", "--dataset.num_episodes=2")
    mine("record", *MINE, *data, "--output_dir=recorded")
    info = json.loads((tmp_path / "data/meta/info.json").read_text())
    assert info["robot_type"] == "toy"
    assert info["features"]["action"]["names"] == ["shoulder.pos", "elbow.pos"]
    replayed = mine("dataset", "replay", "data", "--episode=1", *MINE, "--output_dir=again")
    assert "targets as recorded; joints as recorded" in replayed


def test_its_hand_moves_its_robot(mine, tmp_path: Path) -> None:
    mine("teleoperate", *MINE, "--teleoperate.episodes=1", "--output_dir=out")
    assert ended(tmp_path / "out") == "finished"


def test_its_algorithm_learns_from_its_reward(mine, tmp_path: Path) -> None:
    mine("train", *MINE, "--train.log_every=5", "--output_dir=out")
    lines = (tmp_path / "out/events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    episodes = [event for event in events if event["event"] == "episode"]
    shown = [one for one in episodes if one["stage"] == "demonstrate"]
    assert all(one["success"] for one in shown)  # as its reward says
    assert all(one["reward"] > 0 for one in shown)
    assert max(one["ticks"] for one in episodes) == 20  # as its env step says
    assert "loss_actor" in (tmp_path / "out/metrics.jsonl").read_text()


def test_the_scripted_operator_does_its_task(mine, tmp_path: Path) -> None:
    task = ("--robot.task=hover", "--robot.task.height=0.06", "--teleoperate.record=true")
    mine("teleoperate", *task, "--config_path=sim_pick_lift", "--teleoperate.episodes=1",
         "--output_dir=out")  # fmt: skip
    tasks = (tmp_path / "out/dataset/meta/tasks.parquet").read_bytes()
    assert b"Hover above the table" in tasks


@pytest.mark.parametrize(("example", "shown"), [("wheels", 0), ("mountain_car", 1), ("domino", 1)])
def test_an_example_of_the_handbook_is_a_plug_in(tmp_path: Path, example: str, shown: int) -> None:
    install(tmp_path / "site", EXAMPLES / example)
    config = f"--config_path={EXAMPLES / example / example}.yaml"
    train = ("--train.ticks=40", f"--train.demonstrations={shown}", "--output_dir=out")
    learn = ("--learner.learning_starts=20", "--learner.batch_size=8")
    small = ("--policy.hidden_dims=[16]", "--policy.latent_dim=16")
    judge = ("--eval.episodes=1", "--eval.video=false")
    done = hil_app("train", config, *train, *learn, *small, *judge, cwd=tmp_path,
                   PYTHONPATH=str(tmp_path / "site"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["ended"] == "finished"
    assert summary.get("demonstrations", {"success_rate": 1.0})["success_rate"] == 1.0
