"""What `make dist` builds works from another folder, with its presets and arms."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_commands import SMALL

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "MANIFEST.in", "constraints.txt", "README.md", "LICENSE")
PACKAGES = ("configs", "robots", "teleop", "processors", "hil_app")


def run(*command: str, folder: Path, path: str | None = None, timeout: float = 300) -> str:
    """What a command prints that ends well, with ``path`` before all else that Python looks at."""
    environment = os.environ if path is None else os.environ | {"PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def demo(*command: str, folder: Path, path: str | None = None) -> None:
    """A short demo in an empty ``folder``."""
    folder.mkdir()
    run(*command, *SMALL, "--output_dir=out", folder=folder, path=path, timeout=900)
    assert json.loads((folder / "out/summary.json").read_text())["ended"] == "finished"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy, in which a build leaves its own files."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name in PACKAGES:
        unwanted = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    return folder


def test_a_wheel_runs_the_demo_from_another_folder(source: Path, tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", str(source))
    run(*pip, *build, folder=tmp_path)
    (wheel,) = (tmp_path / "wheels").glob("hil_app-*.whl")
    run(*pip, "install", "--no-deps", "--target", "installed", str(wheel), folder=tmp_path)
    installed = tmp_path / "installed"
    assert not (installed / "tests").exists()
    page = "hil_app/page/static/index.html"  # which may not be built here
    assert (installed / page).exists() == (ROOT / page).exists()
    where = "import hil_app, configs, robots; print(hil_app.__file__, configs.__file__)"
    found = run(sys.executable, "-c", where, folder=tmp_path, path=str(installed))
    assert all(path.startswith(str(installed)) for path in found.split())
    command = (sys.executable, "-m", "hil_app", "demo", "--robot.type=so100_sim")
    demo(*command, folder=tmp_path / "elsewhere", path=str(installed))


@pytest.mark.slow
def test_wheel_and_sdist_install_into_an_environment_of_their_own_and_run_the_demo(
    source: Path, tmp_path: Path
) -> None:
    """It has what hil-app needs from here: to download all that again would take many minutes."""
    build = ("-m", "build", "--no-isolation", "--outdir", "dist")
    run(sys.executable, *build, str(source), folder=tmp_path)
    built = sorted(path.name for path in (tmp_path / "dist").iterdir())
    assert [name[-7:] for name in built] == ["any.whl", ".tar.gz"]
    for name in built:
        python = environment(tmp_path / f"env-{name}")
        install = ("-m", "pip", "install", "--no-deps", "--no-build-isolation", f"dist/{name}")
        run(str(python), *install, folder=tmp_path)
        found = run(str(python), "-c", "import hil_app; print(hil_app.__file__)", folder=tmp_path)
        assert Path(found).is_relative_to(python.parents[1])
        script = python.with_name("hil-app")
        demo(str(script), "demo", folder=tmp_path / f"elsewhere-{name}")


def environment(folder: Path) -> Path:
    """The Python of a new environment; hil-app itself is not in it, whose packages are lent."""
    run(sys.executable, "-m", "venv", str(folder), folder=folder.parent)
    (packages,) = folder.glob("lib/python*/site-packages")
    for old in packages.glob("setuptools*"):  # that pip of older Pythons brings
        shutil.rmtree(old)
    lent = [path for path in sys.path if "site-packages" in path]
    (packages / "lent.pth").write_text("\n".join(lent))
    return folder / "bin/python"
