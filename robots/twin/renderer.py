"""Images of the twin. OpenGL is loaded when the first one is asked for, not before."""

from __future__ import annotations

import atexit
import os
import sys
from importlib import import_module
from typing import Any
from weakref import WeakSet

import numpy as np

from robots.base import U8, RenderError
from robots.twin.physics import mujoco

_REMEDY = (
    "On Debian/Ubuntu: sudo apt install libegl1 libgl1-mesa-dri. "
    "Or set MUJOCO_GL to egl, osmesa or glfw, whichever this machine has. "
    "Without cameras the twin needs no OpenGL."
)
_USUAL = {"linux": "egl", "darwin": "cgl"}  # by platform, what OpenGL is had from
_BACKENDS = {name: name for name in ("egl", "osmesa", "glfw", "cgl")} | {
    "glx": "glfw",
    "wgl": "glfw",
}
_open: WeakSet[Renderer] = WeakSet()
_drawing: set[int] = set()  # the process that has opened one, and any that it was forked from


class Renderer:
    """Draws one model at one size, off screen.

    A ``fine`` renderer draws shadows and smooth edges for people; a plain one is made for speed.
    """

    def __init__(self, model: mujoco.MjModel, height: int, width: int, fine: bool) -> None:
        _check_not_forked()
        model.vis.global_.offheight, model.vis.global_.offwidth = height, width
        model.vis.quality.offsamples, model.vis.quality.shadowsize = (4, 2048) if fine else (0, 0)
        try:
            self._surface = _open_surface(width, height)
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:  # each backend fails in its own way
            raise RenderError(f"Cannot draw the twin ({error}). {_REMEDY}") from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._model, self._shape = model, (height, width, 3)
        self._scene = mujoco.MjvScene(model, maxgeom=200)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = fine
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        _open.add(self)
        if os.getpid() not in _drawing:
            _drawing.add(os.getpid())
            atexit.register(_close_all)  # before OpenGL's own end, which comes after it

    def paint(self, data: mujoco.MjData, view: str) -> U8:
        """An RGB image (H, W, 3) from the camera ``view``."""
        height, width, _ = self._shape
        image = np.empty(self._shape, np.uint8)
        self._camera.fixedcamid = self._model.camera(view).id
        self._surface.make_current()
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        area = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(area, self._scene, self._context)
        mujoco.mjr_readPixels(image, None, area, self._context)
        return np.ascontiguousarray(image[::-1])  # OpenGL begins at the bottom

    def close(self) -> None:
        """Give the OpenGL context back."""
        _open.discard(self)
        self._surface.make_current()
        self._context.free()
        self._surface.free()


def _check_not_forked() -> None:
    """Raise RenderError in a process forked from one that draws: there OpenGL would hang."""
    if _drawing - {os.getpid()}:
        raise RenderError(
            "Cannot draw the twin: this process was forked from one that had drawn it, and OpenGL "
            'would hang. Start it by spawn, as AsyncVectorEnv(..., context="spawn") does.'
        )


def _close_all() -> None:
    """Give back what nobody has closed, while there is something to give it back to."""
    if os.getpid() in _drawing:
        for renderer in [*_open]:
            renderer.close()


def _open_surface(width: int, height: int) -> Any:
    """An OpenGL context, current on this thread: EGL on Linux unless MUJOCO_GL differs."""
    wanted = os.environ.get("MUJOCO_GL", "").strip().lower() or _USUAL.get(sys.platform, "glfw")
    if wanted not in _BACKENDS:
        raise ValueError(f"MUJOCO_GL is {wanted}")
    surface = import_module(f"mujoco.{_BACKENDS[wanted]}").GLContext(width, height)
    surface.make_current()
    return surface
