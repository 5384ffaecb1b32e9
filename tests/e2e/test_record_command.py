"""``hil-app record`` as a user runs it: a process of its own, its exit status, its dataset."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attended_sessions import teleoperate
from recordings import recorded, stages
from waiting import until

from hil_app.__main__ import main
from hil_app.recording.dataset import Dataset

Here = Callable[..., subprocess.CompletedProcess[str]]

SLOW = ("--config_path=sim_pick_lift", "--env.paced=true", "--env.fps=30")  # 14 ticks an episode
INTERVENTION = "complementary_info.is_intervention"


def start(folder: Path, *options: str, **process: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hil_app", "record", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **process,
    )


def run(folder: Path, *options: str, **process: Any) -> tuple[int, str, str]:
    """Status, output and errors."""
    with start(folder, *options, **process) as running:
        output, errors = running.communicate(timeout=120)
    return running.returncode, output, errors


def summary(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return content


def test_the_default_records_a_dataset_with_images_and_a_second_time_goes_on_with_it(
    tmp_path: Path, here: Here
) -> None:
    wanted = ("--dataset.root=data", "--dataset.num_episodes=2")
    status, output, errors = run(tmp_path, *wanted, "--output_dir=first")
    if "Cannot draw the twin" in errors:
        pytest.skip(errors.strip())
    assert (status, errors) == (0, "")
    assert "2 episodes, 2 of them new" in output
    assert output.splitlines()[-1] == "the dataset is in data"
    dataset = Dataset(tmp_path / "data")
    assert dataset.cameras == ("front", "wrist")
    assert [episode.success for episode in dataset.episodes] == [True] * 2
    first = recorded(tmp_path, tmp_path / "data")
    for episode in first:
        count = len(episode["action"])
        assert episode[INTERVENTION].all()
        assert episode["observation.images.front"].shape == (count + 1, 64, 64, 3)
        assert episode["observation.images.wrist"].std() > 5  # not blank
        assert episode["next.done"].tolist() == [False] * (count - 1) + [True]
    assert summary(tmp_path / "first")["dataset"]["root"] == "data"

    again = here("record", *wanted, "--output_dir=more", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert "data has 2 episodes" in again.stdout
    assert "4 episodes, 2 of them new" in again.stdout
    both = recorded(tmp_path, tmp_path / "data")
    assert len(both) == 4
    for before, after in zip(first, both, strict=False):
        assert before.keys() == after.keys()
        assert all(values.tobytes() == after[key].tobytes() for key, values in before.items())


def test_an_operator_at_a_pad_judges_records_again_and_pauses(tmp_path: Path) -> None:
    options = ("--config_path=sim_teleoperate", "--dataset.num_episodes=2", "--dataset.root=data")
    with teleoperate(tmp_path, *options, command="record") as running:
        running.wait(lambda: running.events("hands_ready"))
        running.remote.tell(axis="leftx", value=-1.0)  # nobody has to take over
        running.live(30)
        running.label("x")  # record again
        running.label("y")  # success
        running.remote.tell(axis="leftx", value=1.0)
        running.live(45)
        running.tap("start")  # pause
        running.live(15)
        running.tap("start")
        running.live(9)
        running.label("a")  # failure
        status, output, errors = running.end()
    assert (status, errors) == (0, ""), output
    reported = [(event["rerecord"], event["success"]) for event in running.events("episode")]
    assert reported == [(True, False), (False, True), (False, False)]
    good, bad = recorded(tmp_path, tmp_path / "data")
    assert [good["next.success"].any(), bad["next.success"].any()] == [True, False]
    assert good[INTERVENTION].all()
    assert bad[INTERVENTION].all()
    assert good["action"][:, 1].max() == 1.0  # left
    assert bad["action"][:, 1].min() == -1.0
    assert bad["after_pause"].sum() == 1
    assert "recorded" in output


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_signal_keeps_the_finished_episodes_and_marks_the_one_under_way(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = start(tmp_path, *SLOW, "--output_dir=out", "--dataset.num_episodes=100")
    with process:
        parts = tmp_path / "out/dataset/data"
        until(lambda: len(list(parts.glob("*/*.parquet"))) >= 2, process)
        time.sleep(0.25)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, "")
    *whole, last = recorded(tmp_path / "out")
    assert len(whole) >= 2
    assert all(episode["next.done"][-1] for episode in whole)
    assert last["next.truncated"].tolist()[-1]
    assert not last["next.done"].any()
    assert set(stages(tmp_path / "out")) == {"record"}
    assert summary(tmp_path / "out")["ended"] == number.name
    assert summary(tmp_path / "out")["record"]["episodes"] == len(whole)


def test_a_kill_leaves_no_word_of_an_episode_that_is_not_there(tmp_path: Path) -> None:
    """Of a twin that keeps no real time: many episodes wait for the disk."""
    options = ("--config_path=sim_pick_lift", "--dataset.num_episodes=1000", "--output_dir=run")
    with start(tmp_path, *options, "--dataset.root=data") as running:
        log = tmp_path / "run/events.jsonl"
        until(lambda: log.exists() and log.read_text().count('"event": "episode"') >= 8)
        running.kill()
        running.communicate()
    said = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    lengths = [event["ticks"] for event in said if event["event"] == "episode"]
    there = [episode.length for episode in Dataset(tmp_path / "data").episodes]
    assert len(lengths) >= 8
    assert there[: len(lengths)] == lengths


def test_a_full_disk_ends_it_with_one_line_and_what_was_recorded_before_is_safe(
    tmp_path: Path, here: Here
) -> None:
    usual = (*SLOW, "--dataset.root=data", "--dataset.num_episodes=1", "--env.paced=false")
    assert here("record", *usual, "--output_dir=first", cwd=tmp_path).returncode == 0
    before = recorded(tmp_path, tmp_path / "data")

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, 15_000))

    longer = ("--env.terminate_on_success=false", "--env.control_time_s=20")
    options = (*usual, *longer, "--output_dir=more")
    status, output, errors = run(tmp_path, *options, preexec_fn=little)
    assert status == 1
    assert errors.startswith("hil-app: recording failed: ")
    assert errors.count("\n") == 1
    assert "File too large" in errors
    assert "free some space" in errors
    assert "! recorder_died: " in output
    after = recorded(tmp_path, tmp_path / "data")
    assert len(after) == 1
    assert all(value.tobytes() == after[0][key].tobytes() for key, value in before[0].items())
    assert here("record", *usual, "--output_dir=again", cwd=tmp_path).returncode == 0
    assert len(recorded(tmp_path, tmp_path / "data")) in (2, 3)  # what there was is brought back


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small training run, two above its checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    options = ("--train.demonstrations=1", "--train.ticks=60", "--eval.episodes=0")
    small = ("--policy.hidden_dims=[16,16]", "--policy.latent_dim=16", "--learner.batch_size=16")
    with chdir(folder):
        assert main(["train", *options, *small, "--output_dir=run"]) == 0
    return folder


def test_over_a_checkpoint_the_policy_acts_and_the_operator_corrects_it(trained: Path) -> None:
    options = ("--checkpoint=run", "--dataset.root=corrections", "--dataset.num_episodes=2")
    status, output, errors = run(trained, *options, "--output_dir=recorded")
    assert (status, errors) == (0, ""), output
    episodes = recorded(trained, trained / "corrections")
    is_intervention = np.concatenate([episode[INTERVENTION] for episode in episodes])
    acted, wanted = (
        np.concatenate([episode[key] for episode in episodes])
        for key in ("action", "policy_action")
    )
    assert 0 < is_intervention.sum() < len(is_intervention)
    np.testing.assert_array_equal(acted[~is_intervention], wanted[~is_intervention])
    versions = {v for episode in episodes for v in episode["weights_version"].tolist()}
    assert len(versions) == 1
    assert min(versions) > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--which=best"], "--which is one of a run's checkpoints"),
        (["--checkpoint=nowhere"], "no run's folder"),
        (["--teleop=null", "--train.demonstrations=0"], "teleop: nobody is there to show"),
        (["--dataset.encoding.crf=99"], "dataset.encoding: crf: h264 goes up to 51"),
        (["--checkpoint=run", "--processor.observation.joints=all"], "trained on"),
        (["--dataset.num_episodes=0"], "dataset.num_episodes"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_a_line_and_nothing_is_written(
    trained: Path, options: list[str], said: str, here: Here
) -> None:
    done = here("record", *options, "--output_dir=none", cwd=trained)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (trained / "none").exists()


def test_what_is_no_dataset_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("years of work")
    program = """
import sys
from hil_app.__main__ import main
status = main(["record", *sys.argv[1:]])
print("torch" in sys.modules)
sys.exit(status)
"""
    options = ("--config_path=sim_pick_lift", "--dataset.root=data", "--output_dir=out")
    command = [sys.executable, "-c", program, *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is no dataset, but has thesis.txt in it" in done.stderr
    assert done.stdout.splitlines()[-1] == "False"  # which takes seconds, and no policy is there
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["thesis.txt"]
