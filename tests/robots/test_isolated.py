"""Processes of our own run our own code, whatever lies in the folder and the environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hil_app.checks.probe import probe
from robots import isolated

HELPERS = (
    "robots.safety.deadman_process",
    "teleop.window.app",
    "hil_app.page.app",
    "hil_app.bench.page.viewer",
    "hil_app.checks.probe",
    "hil_app.bench.torture.worker",
    "hil_app.bench.crashes",
    "hil_app.remote.learner_process",
    "hil_app.remote.bridge",
    "hil_app.remote.keeper",
    "hil_app.support.tied",
)
ROOT = Path(__file__).parents[2]
FORKS = ("hil_app/bench/torture/command.py",)  # stands for users, who start as they like


@pytest.fixture
def misleading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, named by the environment, too, with modules that end whoever takes them."""
    names = ("json", "numpy", "serial", "scservo_sdk", "pygame", "pydantic", "sitecustomize")
    for name in (*isolated.PACKAGES, *names):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json" / "__init__.py"))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    return tmp_path


@pytest.mark.usefixtures("misleading")
def test_a_module_of_ours_is_this_program_s_own() -> None:
    done = subprocess.run(
        isolated.command("hil_app", "--version"),
        capture_output=True,
        text=True,
        env=isolated.environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hil-app ")


@pytest.mark.usefixtures("misleading")
def test_every_helper_loads_whole_from_this_program() -> None:
    found = probe("import", *HELPERS, patience_s=120)
    assert found.crash is None
    assert found.answers == [{"module": name} for name in HELPERS]


def test_the_environment_is_passed_on_without_what_misleads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    for name in ("PYTHONPATH", "PYTHONHOME", "LD_PRELOAD", "LD_AUDIT"):
        monkeypatch.setenv(name, "/nonexistent")
    found = isolated.environment()
    assert found["DISPLAY"] == ":7"
    assert not [name for name in found if name.startswith(("PYTHON", "LD_PRELOAD", "LD_AUDIT"))]
    assert os.environ["PYTHONPATH"] == "/nonexistent"


def test_every_process_of_ours_is_started_so() -> None:
    unlike = []
    for path in (path for room in isolated.PACKAGES for path in (ROOT / room).rglob("*.py")):
        source, name = path.read_text(), str(path.relative_to(ROOT))
        if name in ("robots/isolated.py", "hil_app/support/extras.py"):  # which only names it
            continue
        if "sys.executable" in source or "ProcessPool" in source:
            unlike.append(f"{name}: in its own way")
        if "multiprocessing" in source and name not in FORKS:
            unlike.append(f"{name}: by multiprocessing, which looks in the working folder")
        made, ours = source.count("isolated.command("), source.count("isolated.environment()")
        if not ours <= made <= ours + source.count("tied.start("):
            unlike.append(f"{name}: with an environment that misleads")
    assert unlike == []
