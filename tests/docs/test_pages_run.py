"""What the pages have people type on the simulated arm works, one line after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from handbook import Line, check_shape, commands

PAGES = [f"docs/{name}.md" for name in ("start", "tasks", "data", "rewards")]
NOT_HERE = (  # arms, devices, the hub, and what needs hours
    *("/dev/", "my_arm.yaml", "--teleop.type", "teleoperate", "gamepad", "push", "pull", "bench"),
    "paced=true",
)
FEW = ("--train.demonstrations=3", "--eval.episodes=2")
SHORTER = {
    "demo": ("--train.ticks=130", *FEW),
    "train": ("--train.ticks=160", "--learner.learning_starts=100", *FEW),
    "eval": ("--eval.episodes=3",),
    "record": ("--dataset.num_episodes=4",),
    "train-classifier": ("--steps=20",),
    "clean": ("--yes",),
    "best": ("--which=last",),  # a short run has no best one
}


def runnable(line: Line) -> bool:
    words = " ".join(line.words)
    return line.words[0] == "hil-app" and not any(name in words for name in NOT_HERE)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_followed_from_top_to_bottom(page: str, work: Path) -> None:
    for line in filter(runnable, (one for one in commands() if one.page == page)):
        run(line, work)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader works."""
    return tmp_path_factory.mktemp("work")


def run(line: Line, work: Path) -> None:
    shorter = next((more for word, more in SHORTER.items() if word in line.words), ())
    done = subprocess.run(
        [sys.executable, "-m", "hil_app", *line.words[1:], *shorter],
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    told = line.printed.startswith("hil-app: ")
    assert done.returncode == (2 if told else 0), f"{line}\n{done.stdout}"
    assert "Traceback" not in done.stdout, line
    check_shape(line.printed, done.stdout)
