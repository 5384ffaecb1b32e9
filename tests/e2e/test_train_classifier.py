"""``hil-app train-classifier`` as a user runs it: recorded, learned, used."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import cv2
import pytest
from safetensors import SafetensorError

from hil_app.__main__ import main
from hil_app.rewards import classifier
from hil_app.rewards.classifier import load_classifier
from hil_app.support.files import claimed

EYE = ("--robot.cameras.front.view=front", "--robot.cameras.front.width=32")
EYES = (*EYE, "--robot.cameras.front.height=32", "--processor.observation.images=false")
SMALL = (
    "--train.demonstrations=2",
    "--train.ticks=60",
    "--eval.episodes=2",
    "--eval.video=false",
    "--learner.learning_starts=20",
    "--learner.batch_size=16",
    "--policy.hidden_dims=[16]",
    "--policy.latent_dim=8",
)
PIXELS = ("--config_path", "sim_pick_lift_pixels")


def hil_app(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hil_app", *arguments],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where five episodes are recorded that go on after success."""
    folder = tmp_path_factory.mktemp("classifier")
    long = ("--env.terminate_on_success=false", "--env.control_time_s=3")
    wanted = ("--dataset.num_episodes=5", "--dataset.root=lifts")
    with chdir(folder):
        assert main(["record", "--config_path=sim_pick_lift", *EYES, *long, *wanted]) == 0
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    """What the command prints."""
    how = ("--steps=30", "--batch_size=16", "--output_dir=judge")
    return hil_app("train-classifier", "--dataset", "lifts", *how, cwd=folder)


def test_it_leaves_a_classifier_with_its_figures_and_its_image(folder: Path, said: str) -> None:
    files = [
        "config.json",
        "confusion.png",
        "manifest.json",
        "model.safetensors",
        "report.json",
    ]
    assert sorted(path.name for path in (folder / "judge").iterdir()) == files
    assert f"in judge: {', '.join(files)}" in said
    assert "use it: --processor.success_classifier.checkpoint=judge" in said
    report = json.loads((folder / "judge/report.json").read_text())
    assert (len(report["parts"]["learn"]), len(report["parts"]["judge"])) == (4, 1)
    assert not set(report["parts"]["learn"]) & set(report["parts"]["judge"])
    assert sum(report["frames"].values()) == 30  # of one episode of 3 s
    assert report["learning"]["steps"] == 30
    assert 0 <= report["precision"] <= 1
    assert report["threshold"] == load_classifier(folder / "judge").config.threshold
    assert f"{report['accuracy']:.1%}" in said
    image = cv2.imread(str(folder / "judge/confusion.png"))
    assert image.shape[1] == 1200
    assert image.std() > 10


def test_a_training_learns_from_it(
    folder: Path, said: str, here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Any run will do here; that a policy learns from it is the slow test's."""
    assert "use it" in said
    q_values = "--processor.success_classifier.checkpoint=judge"
    options = (*EYES, *SMALL, "--env.control_time_s=3", q_values, "--output_dir=run")
    assert here("train", *options, cwd=folder).returncode == 0
    summary = json.loads((folder / "run/summary.json").read_text())
    assert summary["ended"] == "finished"
    assert summary["eval"]["episodes"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: ROOT"),
        (["--dataset", "nowhere"], "nowhere"),
        (["--dataset", "lifts", "--cameras", "side"], "lifts has no observation.images.side"),
        (["--dataset", "lifts", "--state", "speed"], "lifts has no speed; it has observation."),
        (["--dataset", "lifts", "--cameras"], "name the numbers to look at with --state"),
        (["--dataset", "lifts", "--steps=0"], "--steps: input should be greater than or equal to"),
        (["--dataset", "lifts", "--held_out=1.5"], "--held_out: input should be less than 1"),
        (["--dataset", "lifts", "--lr=1"], "unrecognized arguments: --lr=1"),
        (["--dataset", "lifts", "--ticks=0"], "--ticks must be at least 1"),
        (["--dataset", "lifts", "--output_dir=lifts"], "--output_dir: lifts is not empty"),
        (
            ["--dataset", "lifts", "--vision_encoder_weights=eyes.safetensors"],
            "no file eyes.safetensors",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    folder: Path,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert main(["train-classifier", *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert (error.startswith("hil-app: "), error.count("\n")) == (True, 1)
    assert sorted(folder.iterdir()) == before


def few(folder: Path, out: Path) -> list[str]:
    """A training of a moment."""
    return [
        "train-classifier",
        "--dataset",
        str(folder / "lifts"),
        "--steps=2",
        f"--output_dir={out}",
    ]


def test_a_disk_that_has_no_room_is_reported_before_anything_is_learned(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr("hil_app.rewards.training.train", pytest.fail)
    assert main(few(folder, tmp_path / "out")) == 2
    assert re.search(
        r"--output_dir: [\d.]+ MB cannot be .*: No space left", capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [SafetensorError, None])
def test_what_was_learned_is_saved_elsewhere_if_the_disk_refuses(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: type[Exception] | None,
) -> None:
    save, out, other = classifier.save_model, tmp_path / "out", tmp_path / "other"
    other.mkdir()

    def full(network: Any, path: str) -> None:
        save(network, path)
        if str(out) in path:
            if error is not None:
                raise error('IoError(Os { code: 28, kind: StorageFull, message: "No space" })')
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(classifier, "save_model", full)
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    assert main(few(folder, out)) == 0
    said = capsys.readouterr()
    assert said.err == f"cannot write to {out}: No space left on device\n"
    (place,) = other.iterdir()
    assert f"success_classifier.checkpoint={place}" in said.out
    load_classifier(place)
    assert sorted(tmp_path.iterdir()) == [other]


def test_two_trainings_never_share_a_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with claimed(tmp_path / "out"):
        assert main(few(folder, tmp_path / "out")) == 2
        assert "is being filled by another process" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_policy_learns_the_task_from_what_twenty_episodes_show(tmp_path: Path) -> None:
    """Demonstrations that go on after success, and an untrained policy that wanders about.

    Without the second, the policy learns to hold an empty gripper up.
    """
    hil_app(
        *("train", *PIXELS, "--env.terminate_on_success=false", "--env.control_time_s=5"),
        *("--train.demonstrations=18", "--train.ticks=600", "--learner.learning_starts=649"),
        *("--eval.episodes=0", "--output_dir=look"),
        cwd=tmp_path,
    )
    hil_app(
        *("train-classifier", "--dataset", "look/dataset", "--held_out=0.333"),
        "--output_dir=judge",
        cwd=tmp_path,
    )
    report = json.loads((tmp_path / "judge/report.json").read_text())
    assert (len(report["parts"]["learn"]), len(report["parts"]["judge"])) == (20, 10)
    assert report["accuracy"] >= 0.95
    hil_app(
        *("train", *PIXELS, "--processor.observation.images=false", "--train.ticks=3000"),
        *("--processor.observation.object=relative", "--eval.episodes=20", "--eval.video=false"),
        *("--processor.success_classifier.checkpoint=judge", "--output_dir=run"),
        cwd=tmp_path,
    )
    summary = json.loads((tmp_path / "run/summary.json").read_text())  # judged by the world
    assert summary["eval"]["episodes"] == 20
    assert summary["eval"]["success_rate"] >= 0.95
