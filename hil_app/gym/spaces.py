"""Actions and observations as gymnasium's users expect them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from configs.base import ConfigError
from configs.names import OBS_ENV_STATE, OBS_IMAGES, OBS_STATE
from hil_app.build.assembly import Assembly
from hil_app.build.observations import by_key
from processors.base import Observation
from robots.base import F32, U8
from teleop.base import STAY

STATE = "state"
LIMIT = 5.0  # of a number of the state, whose usual ends are -1 and 1
THIRD = 1 / 3  # of the gripper's command: below -1/3 it closes, above 1/3 it opens
Seen = F32 | dict[str, F32 | U8]


def action_space(parts: Assembly) -> Box[np.float32]:
    """Each motion in [-1, 1], and the gripper behind them: -1 closes, 0 leaves it, 1 opens."""
    return Box(-1.0, 1.0, (len(parts.actions.names),), np.float32)


def commanded(action: Any, space: Box[np.float32]) -> F32:
    """Our action for one of the ``space``. Raises InvalidAction for one of another shape."""
    given = np.array(action, np.float32)
    if given.shape != space.shape:
        raise gymnasium.error.InvalidAction(
            f"an action of shape {given.shape}, where {space.shape} is to be"
        )
    gripper = given[-1]
    given[-1] = STAY + int(gripper > THIRD) - int(gripper < -THIRD)
    return given


def as_given(action: F32) -> F32:
    """The action of the space that stands for one of ours."""
    given = action.astype(np.float32)
    given[-1] -= STAY
    return given


class Observations:
    """What an environment shows: the numbers, scaled, and with ``pixels`` the images beside them.

    Of the numbers, which come with their ``names``, -1 and 1 are the usual ends: of a joint's
    range, of the workspace. None is beyond ``LIMIT``.
    """

    def __init__(self, parts: Assembly, *, pixels: bool) -> None:
        found = by_key(parts.observations)
        self._keys = [key for key in (OBS_STATE, OBS_ENV_STATE) if key in found]
        ordered = [part for key in self._keys for part in found[key]]
        self.names = tuple(name for part in ordered for name in part.names)
        low = np.concatenate([part.low for part in ordered])
        high = np.concatenate([part.high for part in ordered])
        self._middle, self._half = (low + high) / 2, (high - low) / 2  # (n,)
        self._images = _images(parts) if pixels else {}
        numbers = Box(-LIMIT, LIMIT, self._half.shape, np.float32)
        self.space = Dict({STATE: numbers, **self._images}) if pixels else numbers

    def __call__(self, observation: Observation) -> Seen:
        """What is shown of an observation."""
        values = np.concatenate([observation[key] for key in self._keys])
        scaled = (values - self._middle) / self._half
        numbers: F32 = np.clip(scaled, -LIMIT, LIMIT).astype(np.float32)
        if not self._images:
            return numbers
        images = {name: observation[f"{OBS_IMAGES}.{name}"] for name in self._images}
        return {STATE: numbers, **images}


def _images(parts: Assembly) -> Mapping[str, Box[np.uint8]]:
    """The space (H, W, 3) of each camera's images."""
    found = {}
    for key, feature in parts.images.items():
        name = key.removeprefix(f"{OBS_IMAGES}.")
        channels, *size = feature.shape
        found[name] = Box(0, 255, (*size, channels), np.uint8)
    if STATE in found:
        raise ConfigError(f"robot.cameras: {STATE} is what the arm's numbers are called: rename it")
    return found
