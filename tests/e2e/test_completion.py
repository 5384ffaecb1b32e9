"""``hil-app completion``: real shells complete commands, options and their values with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from configs.load import presets
from configs.options.catalogue import topics
from hil_app.cli.commands import PROGRAM

LIGHTLY = """\
import sys
from hil_app.__main__ import main
status = main(["completion", sys.argv[1]])
heavy = {"torch", "mujoco", "placo", "matplotlib"} & set(sys.modules)
sys.exit(", ".join(heavy) or status)
"""
COMPLETE = """\
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_hil_app
printf '%s\\n' "${COMPREPLY[@]}"
"""
TOP = [one.word for one in PROGRAM.below()]
ROBOTS = ["gymnasium", "so100", "so100_sim", "so101", "so101_sim"]


def script(folder: Path, shell: str) -> Path:
    """The script of a shell, made without anything that takes long to load."""
    made = subprocess.run(
        [sys.executable, "-c", LIGHTLY, shell], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    path = folder / "_hil-app"
    path.write_text(made.stdout)
    return path


@pytest.fixture(scope="module")
def for_bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return script(tmp_path_factory.mktemp("bash"), "bash")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hil-app ", TOP),
        ("hil-app tr", ["train", "train-classifier"]),
        ("hil-app dataset r", ["repair", "replay"]),
        ("hil-app completion ", ["bash", "zsh"]),
        ("hil-app eval --wh", ["--which="]),
        ("hil-app eval --which = ", ["best", "last"]),
        ("hil-app train --r", ["--resume=", "--robot."]),
        ("hil-app train --robot.ty", ["--robot.type="]),
        ("hil-app train --robot.safety.max_l", ["--robot.safety.max_load="]),
        ("hil-app train --robot.type = ", ROBOTS),
        ("hil-app train --robot.type so101", ["so101", "so101_sim"]),
        ("hil-app dataset replay data/a --robot.type = so101", ["so101", "so101_sim"]),
        ("hil-app record --robot.cameras.front.view = ", ["front", "wrist"]),
        ("hil-app train --seed = 3 --env.paced = ", ["false", "true"]),
        ("hil-app train --config_path = ", presets()),
        ("hil-app virtual-arm --world = s", [name for name in presets() if name[0] == "s"]),
        ("hil-app train --help = ", [*topics(), "all"]),
        ("hil-app find-port --robot", []),  # which has no such options
        ("hil-app eval ", []),  # a folder: the shell's own business
    ],
)
def test_bash_completes(line: str, words: list[str], for_bash: Path) -> None:
    typed = line.split(" ")  # an empty last word is one that begins
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", str(for_bash), *typed], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == sorted(words)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_knows_the_same_words(tmp_path: Path) -> None:
    path = script(tmp_path, "zsh")
    asked = "compdef() { }; source $1; _hil_app_matches so101 --robot.type train --seed=3"
    done = subprocess.run(
        ["zsh", "-f", "-c", asked, "zsh", str(path)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["so101", "so101_sim"]
