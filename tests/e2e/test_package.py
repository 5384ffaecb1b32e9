"""The built wheel works from another folder, with its presets and arms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from test_commands import SMALL

ROOT = Path(__file__).parents[2]


def test_a_wheel_runs_the_demo_from_another_folder(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    source = tmp_path / "source"
    files = ["pyproject.toml", "README.md", "LICENSE"]
    rooms = ["configs", "robots", "teleop", "processors", "hil_app"]
    source.mkdir()
    for name in files + rooms:
        (source / name).symlink_to(ROOT / name)
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", "./source"]
    subprocess.run([*pip, *build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheels").glob("hil_app-*.whl")
    install = ["install", "--no-deps", "--target", "installed", str(wheel)]
    subprocess.run([*pip, *install], cwd=tmp_path, check=True, capture_output=True)
    installed = tmp_path / "installed"
    assert not (installed / "tests").exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = "import hil_app, configs, robots; print(hil_app.__file__, configs.__file__)"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    run = {"cwd": elsewhere, "env": environment, "capture_output": True, "text": True}
    found = subprocess.run([sys.executable, "-c", where], check=True, **run)
    assert all(path.startswith(str(installed)) for path in found.stdout.split())
    demo = [sys.executable, "-m", "hil_app", "demo", *SMALL, "--output_dir=out"]
    done = subprocess.run([*demo, "--robot.type=so100_sim"], check=False, **run)
    assert done.returncode == 0, done.stderr
    assert json.loads((elsewhere / "out/summary.json").read_text())["ended"] == "finished"
