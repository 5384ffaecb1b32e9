"""MuJoCo loads whatever OpenGL there is; only images need one, and say so where it is not."""

import subprocess
import sys

import pytest

PROGRAM = """
import os
from configs.task import ReachConfig
from robots.twin.scene import build_scene
from robots.twin.tasks.reach import Reach
from robots.arm import ARMS
from robots.base import RenderError
from robots.twin.renderer import Renderer
model = build_scene([*ARMS.values()][0], Reach(ReachConfig()), 0.002)
try:
    Renderer(model, 24, 32, fine=False)
except RenderError as error:
    print(error)
print(os.environ["MUJOCO_GL"], model.njnt)
"""


@pytest.mark.parametrize("name", ["nonsense", "disable", ""])
def test_the_twin_moves_with_any_opengl_or_none(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True, text=True, timeout=60, check=False, env={"MUJOCO_GL": name},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *reported, last = done.stdout.splitlines()
    assert last.startswith(f"{name} ")
    if name:
        assert reported[0].startswith(f"Cannot draw the twin (MUJOCO_GL is {name}). On Debian")
