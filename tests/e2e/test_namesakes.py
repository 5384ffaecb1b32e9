"""Packages and folders of others that are called as some of ours are: noticed, with what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil_app.checks import software

ROOT = Path(__file__).parents[2]
MODULE = (sys.executable, "-m", "hil_app", "--version")
SCRIPT = (str(Path(sys.executable).with_name("hil-app")), "--version")
LIBRARY = (sys.executable, "-c", "import hil_app.events")
OWN_FIRST = (sys.executable, "-c", "import configs, hil_app.events")


def run(*command: str, folder: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command in a ``folder``, and with ``path`` before all else that Python looks at."""
    paths = [str(one) for one in (path, os.environ.get("PYTHONPATH")) if one]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody's project, with a package of theirs."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/__init__.py").write_text("")
    return tmp_path


@pytest.mark.parametrize("command", [MODULE, SCRIPT], ids=["module", "script"])
def test_a_folder_that_is_no_package_does_no_harm(tmp_path: Path, command: tuple[str, ...]) -> None:
    for name in ("configs", "robots", "teleop", "processors"):
        (tmp_path / name).mkdir()
    done = run(*command, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_where_somebody_works_is_named_in_one_line_and_the_script_passes_it_by(
    project: Path,
) -> None:
    done = run(*MODULE, folder=project)
    assert (done.returncode, done.stdout) == (1, "")
    fact = f"hil-app: {project}/configs is in the place of hil-app's own package configs: rename it"
    assert done.stderr.startswith(fact)
    assert done.stderr.count("\n") == 1
    done = run(*SCRIPT, folder=project)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_that_comes_earlier_is_named_in_one_line(project: Path) -> None:
    done = run(*SCRIPT, folder=ROOT, path=project)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        f"{project}/configs is in the place of hil-app's own package configs: take its folder "
        in (done.stderr)
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("program", [LIBRARY, OWN_FIRST], ids=["ours", "theirs"])
def test_a_program_that_imports_hil_app_gets_an_import_error(
    project: Path, program: tuple[str, ...]
) -> None:
    done = run(*program, folder=project)
    assert done.returncode == 1
    *_, last = done.stderr.splitlines()
    assert last.startswith(f"hil_app.namesakes.Namesake: {project}/configs is in the place of")


def test_the_doctor_knows_of_packages_that_are_only_in_the_way_of_others(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert list(software.namesakes()) == []
    monkeypatch.chdir(project)
    (folder,) = software.namesakes()
    assert (folder.mark, folder.fact.split()[0]) == ("note", f"{project}/configs")
    other = project / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.4\nName: other\nVersion: 1.0\n")
    (other / "top_level.txt").write_text("robots\nsomething\n")
    monkeypatch.syspath_prepend(str(project))
    first, _ = software.namesakes()
    assert (first.mark, first.remedy) == ("problem", "install hil-app in an environment of its own")
    assert first.fact.startswith("other installs a package robots, too")
