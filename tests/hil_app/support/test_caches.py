"""A home that is not there, or that nothing can be written in, costs no more than time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil_app.checks import machine
from hil_app.support import caches
from robots.base import RobotError
from robots.feetech import calibration
from robots.virtual.client import socket_folder
from teleop.base import TeleopError
from teleop.gamepad.mappings import save_mapping, saved_mappings

VARIABLES = (
    *(caches.TORCH, caches.MATPLOTLIB),
    *("HF_HOME", "HF_LEROBOT_HOME", "HF_LEROBOT_CALIBRATION"),
    *("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
)
NOBODY = "import pwd\ndef unknown(number):\n    raise KeyError(number)\npwd.getpwuid = unknown\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, and nothing remembered of the one before."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "before")  # so that what is set here is undone
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for function in (caches._reported_problem, caches._temporary):
        function.cache_clear()
    yield tmp_path / "home"
    for function in (caches._reported_problem, caches._temporary):
        function.cache_clear()


def homeless(home, monkeypatch):  # noqa: ARG001
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)


def blocked(home, monkeypatch):  # noqa: ARG001
    home.write_text("a file in the place of a folder")


def test_a_home_keeps_what_is_compiled_and_nothing_is_reported(home, capsys):
    caches.for_torch()
    caches.for_matplotlib()
    caches.for_hub()
    assert os.environ[caches.TORCH] == str(home / ".cache" / "hil-app" / "compiled")
    assert (home / ".cache" / "hil-app" / "compiled").is_dir()
    assert not {caches.MATPLOTLIB, "HF_HOME"} & os.environ.keys()  # theirs are good
    assert capsys.readouterr().err == ""
    assert list(machine.cache()) == []


@pytest.mark.parametrize("trouble", [homeless, blocked])
def test_without_one_they_go_with_the_program_and_it_is_reported_once(
    home, trouble, capsys, monkeypatch
):
    trouble(home, monkeypatch)
    caches.for_torch()
    caches.for_matplotlib()
    caches.for_hub()
    places = {os.environ[name] for name in (caches.TORCH, caches.MATPLOTLIB, "HF_HOME")}
    (place,) = places
    assert Path(place).is_dir()
    assert Path(place).stat().st_mode & 0o077 == 0
    reported = capsys.readouterr().err
    assert reported.count("\n") == 1
    assert "XDG_CACHE_HOME names another folder" in reported
    (finding,) = machine.cache()
    assert (finding.mark, "XDG_CACHE_HOME" in finding.remedy) == ("note", True)


def test_not_even_a_temporary_folder_is_needed(home, monkeypatch):
    blocked(home, monkeypatch)

    def full(**_):
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    caches.for_torch()
    assert os.environ[caches.TORCH] == os.sep  # there, which is all that torch asks for


def test_what_somebody_set_is_left_if_it_can_be_used(home, tmp_path, monkeypatch):
    monkeypatch.setenv(caches.TORCH, str(tmp_path / "mine"))
    monkeypatch.setenv(caches.MATPLOTLIB, str(tmp_path / "fonts"))
    caches.for_torch()
    caches.for_matplotlib()
    assert os.environ[caches.TORCH] == str(tmp_path / "mine")
    assert os.environ[caches.MATPLOTLIB] == str(tmp_path / "fonts")
    monkeypatch.setenv(caches.TORCH, "/proc/nobody/cache")
    caches.for_torch()
    assert os.environ[caches.TORCH] == str(home / ".cache" / "hil-app" / "compiled")


def test_no_folder_is_ever_named_after_a_home_that_is_not_there(home, tmp_path, monkeypatch):
    homeless(home, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert saved_mappings() == []
    with pytest.raises(TeleopError, match="set XDG_CONFIG_HOME"):
        save_mapping("03000000790000000600000010010000,Pad,a:b2,platform:Linux,")

    def expanded(path):  # noqa: ARG001
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", expanded)
    with pytest.raises(RobotError, match="calibration_dir"):
        calibration.folder("so_follower")
    assert not (tmp_path / "~").exists()


def test_a_virtual_arm_needs_a_temporary_folder_and_says_so(monkeypatch):
    def nowhere():
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    with pytest.raises(RobotError, match="set TMPDIR or XDG_RUNTIME_DIR"):
        socket_folder()


@pytest.mark.parametrize("kind", ["not writable", pytest.param("nobody", marks=pytest.mark.slow)])
def test_a_training_is_whole_without_a_home(tmp_path, kind):
    """It imports torch's compiler, which wants a cache, though nothing is compiled."""
    environment = {k: v for k, v in os.environ.items() if k not in (*VARIABLES, "USER", "LOGNAME")}
    if kind == "nobody":
        (tmp_path / "sitecustomize.py").write_text(NOBODY)
        environment["PYTHONPATH"] = str(tmp_path)
    else:
        environment["HOME"] = "/proc/nobody"
    options = ["--train.ticks=5", "--train.demonstrations=1", "--eval.episodes=0"]
    done = subprocess.run(
        [sys.executable, "-m", "hil_app", "train", *options, "--output_dir=run"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert "made again each time" in done.stderr
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"summary.json", "learning.png", "checkpoints"} <= files
    assert {path.name for path in tmp_path.iterdir()} <= {"run", "sitecustomize.py", "__pycache__"}
