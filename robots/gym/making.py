"""Environments by their id, whichever package registers it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module, reload
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from configs.base import ConfigError
from configs.text.reading import did_you_mean, shown

if TYPE_CHECKING:
    from gymnasium import Env

_PACKAGES = {"gym_hil/": "gym_hil", "": "gymnasium_robotics"}  # that register ids which begin so
_DRAWING = "mujoco.rendering.classic.gl_context"
_LONGEST = 300  # characters of an error's text


def make(env_id: str, kwargs: Mapping[str, Any]) -> Env[Any, Any]:
    """An environment that ends no episode for its length: `env.control_time_s` does.

    Raises ConfigError if there is none of that id, or it cannot be made.
    """
    gymnasium = _gymnasium()
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo itself would ask for a screen
    drawing = sys.modules.get(_DRAWING)
    if drawing is not None and not hasattr(drawing, "GLContext"):
        reload(drawing)  # our twin has loaded MuJoCo without
    package = next(name for start, name in _PACKAGES.items() if env_id.startswith(start))
    try:
        try:
            return _made(gymnasium, env_id, kwargs)
        except gymnasium.error.UnregisteredEnv:
            if find_spec(package) is None:
                raise
            import_module(package)
            return _made(gymnasium, env_id, kwargs)
    except gymnasium.error.UnregisteredEnv:
        raise ConfigError(_unknown(env_id, package, gymnasium.registry)) from None
    except Exception as error:  # whatever its package, its constructor or its libraries raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        said = f" with robot.kwargs {dict(kwargs)}" if kwargs else ""
        raise ConfigError(
            f"robot.env_id: {env_id} cannot be made{said} ({shown(what, _LONGEST)})"
        ) from error


def _unknown(env_id: str, package: str, known: Mapping[str, object]) -> str:
    """That there is no environment of this id, and what there is to do."""
    install = "" if find_spec(package) else f"; pip install {package.replace('_', '-')} brings more"
    return (
        f"robot.env_id: no environment is called {shown(repr(env_id), 80)}"
        f"{did_you_mean(env_id, known)}{install}; one of another package is named with its module, "
        "as my_module:MyEnv-v0"
    )


def _made(gymnasium: ModuleType, env_id: str, kwargs: Mapping[str, Any]) -> Env[Any, Any]:
    made: Env[Any, Any] = gymnasium.make(
        env_id, max_episode_steps=-1, disable_env_checker=True, **kwargs
    )
    return made


def _gymnasium() -> ModuleType:
    try:
        return import_module("gymnasium")
    except ImportError as error:
        raise ConfigError(
            f"robot.type: gymnasium needs a package that does not load ({error}): "
            "pip install 'gymnasium>=1.2'"
        ) from error
