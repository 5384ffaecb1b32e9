"""A gymnasium environment behind the contract of ``Robot``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from configs.gymnasium import GymnasiumConfig
from robots.base import (
    F32,
    U8,
    NotConnected,
    Reading,
    RenderError,
    RobotError,
    RobotSpec,
    Truth,
    TruthSource,
)
from robots.camera.opencv import load_opencv
from robots.gym.making import make

if TYPE_CHECKING:
    from gymnasium import Env

SUCCESS = ("is_success", "succeed", "success")  # entries of info that say so, the first one counts
_NOWHERE: F32 = np.zeros(0, np.float32)


class GymRobot:
    """An environment, a step of which is a command.

    Its numbers are a reading's environment state, its images those of cameras; a reading's joints
    are the last command. Once its episode has ended, or after a halt, commands change nothing.
    """

    def __init__(self, cfg: GymnasiumConfig, fps: float, **_: object) -> None:
        self._cfg, self._fps = cfg, fps
        self._made: Env[Any, Any] | None = make(cfg.env_id, cfg.kwargs)
        self._env: Env[Any, Any] | None = None  # while it is entered
        from robots.gym.spaces import Actions, Senses  # gymnasium is there

        self._actions = Actions(self._made.action_space, cfg)
        self._senses = Senses(self._made.observation_space, cfg.ranges)
        self.spec = RobotSpec(
            names=self._actions.names,
            limits=self._actions.limits,
            units=("",) * len(self._actions.names),
            gripper=self._actions.gripper,
            gripper_opens=cfg.gripper_opens,
            cameras=self._senses.cameras,
            environment=self._senses.names,
            environment_limits=self._senses.limits,
            neutral=self._actions.neutral,
            tasks=(cfg.env_id,),
            task=cfg.env_id,
            rewards=True,
            operator=cfg.operator,
        )
        self.truth: TruthSource | None = self._truth
        self._episode = 0
        self._halted = False

    def __enter__(self) -> Self:
        self._env = self._made or make(self._cfg.env_id, self._cfg.kwargs)
        self._made, self._halted = None, False
        self.reset(seed=0)
        return self

    def __exit__(self, *error: object) -> None:
        if self._env is not None:
            self._env.close()
        self._env = None  # what is closed may not be used again

    def reset(self, seed: int) -> None:
        """Begin an episode of the environment."""
        env = self._entered()
        with _seeded(seed):
            self._observed, _ = env.reset(seed=seed)
        self._episode, self._tick = self._episode + 1, 0
        self._sent = self._actions.neutral
        self._reward, self._success, self._terminated, self._truncated = 0.0, False, False, False

    def read(self) -> Reading:
        """What the environment showed last."""
        self._entered()
        return Reading(
            joints=self._sent.copy(),
            stamp=self._tick / self._fps,
            environment_state=self._senses.numbers(self._observed),
            images=self._senses.images(self._observed),
        )

    def command(self, target: F32) -> F32:
        """Take a step of the environment by ``target`` (n,); returns it within limits.

        Raises RobotError if the target holds a NaN or an infinity.
        """
        env = self._entered()
        if not np.isfinite(target).all():
            raise RobotError(f"The command {target} is not finite: look at the step before.")
        self._tick += 1
        if not (self._halted or self._terminated or self._truncated):
            self._sent = np.clip(target, *self.spec.limits.T).astype(np.float32)
            seen = env.step(self._actions(self._sent))
            self._observed, reward, self._terminated, self._truncated, info = seen
            self._reward, self._success = float(reward), self._succeeded(info)
        return self._sent.copy()

    def halt(self, cause: str) -> None:  # noqa: ARG002 - nobody has to be told
        """Stay here: commands from now on change nothing."""
        self._halted = True

    def render(self, view: str, height: int, width: int) -> U8:  # noqa: ARG002 - it has one
        """The environment's own image (H, W, 3) of itself, brought to this size.

        Raises RenderError if it draws none.
        """
        env = self._entered()
        shown = env.render() if env.render_mode == "rgb_array" else None
        image = shown[0] if isinstance(shown, list) and shown else shown
        if not isinstance(image, np.ndarray) or image.ndim != 3:
            raise RenderError(
                f"{self._cfg.env_id} draws no images of itself: set robot.kwargs to "
                "{render_mode: rgb_array}, if it can"
            )
        return _fitted(image, height, width)

    def _succeeded(self, info: dict[str, Any]) -> bool:
        """What the environment says of its success; one that says nothing has none."""
        name = self._cfg.success or next((one for one in SUCCESS if one in info), None)
        if name is None:
            return False
        if name not in info:
            known = ", ".join(map(str, info)) or "nothing"
            raise RobotError(f"robot.success: info has no {name}; what it has: {known}.")
        return bool(info[name])

    def _truth(self) -> Truth:
        """What the environment shows and says."""
        self._entered()
        return Truth(
            episode=self._episode,
            tick=self._tick,
            tip=_NOWHERE,
            gripper=0.0,
            objects=self._senses.objects(self._observed),
            success=self._success,
            reward=self._reward,
            terminated=bool(self._terminated),
            truncated=bool(self._truncated),
        )

    def _entered(self) -> Env[Any, Any]:
        if self._env is None:
            raise NotConnected(
                f"{self._cfg.env_id} is used outside its `with` block: enter it first."
            )
        return self._env


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global source is seeded meanwhile: some environments draw their scenes from it."""
    before = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(before)


def _fitted(image: U8, height: int, width: int) -> U8:
    """The image as large as it gets in (height, width), in the middle of black."""
    scale = min(height / image.shape[0], width / image.shape[1])
    rows, columns = (max(1, round(scale * side)) for side in image.shape[:2])
    top, left = (height - rows) // 2, (width - columns) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    cv2 = load_opencv("the video of an environment")
    resized = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    canvas[top : top + rows, left : left + columns] = resized
    return canvas
