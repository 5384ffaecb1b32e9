"""MuJoCo, loaded without OpenGL: ``from robots.twin.physics import mujoco``.

By itself it loads what MUJOCO_GL names, and does not load at all where that is not to be had,
though only images need it. ``robots.twin.renderer`` loads it for them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["mujoco"]


@contextmanager
def _without_opengl() -> Iterator[None]:
    wanted = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        yield
    finally:
        del os.environ["MUJOCO_GL"]
        if wanted is not None:
            os.environ["MUJOCO_GL"] = wanted


with _without_opengl():
    import mujoco
