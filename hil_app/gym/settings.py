"""What the environment of a task is made of: the configuration of a run that learns nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from configs.base import ConfigError
from configs.load import merge, validate
from configs.robot import ROBOTS
from configs.run import RunConfig
from configs.teleop import TELEOPS

Obs = Literal["state", "pixels"]
Blocks = Mapping[str, Any]  # of a run's configuration, by name

_SIM = "_sim"
_SIDE = 64  # of an image [px]
_CAMERAS = {view: {"view": view, "width": _SIDE, "height": _SIDE} for view in ("front", "wrist")}
_AT_ONCE = 1000.0  # the way to the reset pose is no part of an episode [deg/s]


def settings(task: str | Blocks, robot: str, obs: str, config: Blocks | None) -> RunConfig:
    """The configuration behind an environment, with the blocks of ``config`` on top.

    It is that of the presets ``sim_pick_lift`` and ``sim_pick_lift_pixels``, at any task. Raises
    ConfigError.
    """
    arms = [entry.name.removesuffix(_SIM) for entry in ROBOTS if entry.name.endswith(_SIM)]
    check_one_of("robot", robot, arms)
    check_one_of("obs", obs, ("state", "pixels"))
    pixels = obs == "pixels"
    base = {
        "robot": {"type": robot + _SIM, "task": task, "cameras": _CAMERAS if pixels else {}},
        "teleop": None,
        "env": {"paced": False, "control_time_s": None, "reset_speed": _AT_ONCE},
        "processor": {"observation": {"joints": "gripper", **({"object": None} if pixels else {})}},
        "train": {"demonstrations": 0},
    }
    made = validate(merge(base, config or {}))
    if made.teleop is not None:
        raise ConfigError("teleop: wrap the environment in hil_app.gym.HumanInTheLoop instead")
    return made


def with_teleop(config: RunConfig, teleop: Blocks, longest: int | None) -> RunConfig:
    """``config`` with an operator; one who is human has it keep real time.

    ``longest`` is that of an episode, if it is known [steps]: a scripted operator has a share of
    it. Raises ConfigError.
    """
    human = TELEOPS[str(teleop.get("type"))].config.has_operator
    limit = config.env.control_time_s if longest is None else longest / config.env.fps
    changes = {
        "teleop": dict(teleop),
        "env": {"paced": config.env.paced or human, "control_time_s": limit},
    }
    return validate(merge(config.model_dump(mode="json"), changes))


def check_one_of(name: str, given: object, allowed: tuple[str, ...] | list[str]) -> None:
    """Raise ConfigError for an argument that is none of those allowed."""
    if given not in allowed:
        raise ConfigError(f"{name}: got {given!r}, allowed: {', '.join(sorted(allowed))}")
