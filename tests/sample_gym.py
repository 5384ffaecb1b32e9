"""A small gymnasium environment, and who knows the way in it."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN

ID = "sample_gym:Table-v0"
NEAR, EDGE, STEP = 0.1, 0.95, 0.1
ENDLESS = spaces.Box(-np.inf, np.inf, (2,), np.float64)


class Table(gymnasium.Env[Any, Any]):
    """A point on a table, which is to close its gripper at the goal and not fall off the edge.

    With ``drawn`` the goal comes from NumPy's global source. Its gripper's number is 0 to close, 1
    to stay, 2 to open.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    def __init__(
        self, images: bool = False, drawn: bool = False, render_mode: str | None = None
    ) -> None:
        self.render_mode = render_mode
        self._images, self._drawn = images, drawn
        self.action_space = spaces.Box(np.float32([-1, -1, 0]), np.float32([1, 1, 2]))
        parts: dict[str, Any] = {
            "observation": spaces.Box(-2.0, 2.0, (3,), np.float64),
            "achieved_goal": ENDLESS,
            "desired_goal": ENDLESS,
        }
        if images:
            image = spaces.Box(0, 255, (16, 20, 3), np.uint8)
            parts["pixels"] = spaces.Dict({"top": image, "side": image})
        self.observation_space = spaces.Dict(parts)
        self.closed_for_good = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        source: Any = np.random if self._drawn else self.np_random
        self._goal, self._here = source.uniform(-0.5, 0.5, 2), np.zeros(2)
        self._grip, self.actions = 1.0, list[Any]()
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert not self.closed_for_good
        assert self.action_space.contains(action)
        self.actions.append(action)
        self._here = self._here + STEP * action[:2]
        self._grip = float(np.clip(self._grip + action[2] - 1.0, 0.0, 1.0))
        fallen = bool(np.abs(self._here).max() > EDGE)
        off = float(np.linalg.norm(self._goal - self._here))
        success = off < NEAR and self._grip < 0.5
        return self._seen(), -off, fallen, off > 10, {"is_success": np.bool_(success), "off": off}

    def render(self) -> Any:
        return np.full((10, 10, 3), 200, np.uint8)

    def close(self) -> None:
        self.closed_for_good = True

    def _seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = {
            "observation": np.append(self._here, self._grip),
            "achieved_goal": self._here,
            "desired_goal": self._goal,
        }
        if self._images:
            image = np.full((16, 20, 3), 7, np.uint8)
            seen["pixels"] = {"top": image, "side": image + 1}
        return seen


gymnasium.register("Table-v0", "sample_gym:Table", max_episode_steps=3)


def towards(truth: Truth) -> F32:
    """Straight to the goal, and close the gripper there."""
    off = truth.objects["desired_goal"] - truth.objects["achieved_goal"]
    grip = CLOSE if np.linalg.norm(off) < NEAR / 2 else OPEN
    return np.append(np.clip(off / STEP, -1, 1), grip).astype(np.float32)


class Towards:
    """The same, and an onlooker who sees how near it is."""

    def __call__(self, truth: Truth) -> F32:
        """The next action (3,)."""
        return towards(truth)

    def progress(self, truth: Truth) -> float:
        """Closer to the goal."""
        off = truth.objects["desired_goal"] - truth.objects["achieved_goal"]
        return -float(np.linalg.norm(off))
