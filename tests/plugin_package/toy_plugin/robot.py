"""A robot in one file: it says what it is, senses, and goes where it is told."""

from __future__ import annotations

from typing import Self

import numpy as np

from robots.base import F32, Reading, RobotSpec
from toy_plugin.configs import ToyConfig


class Toy:
    """Two joints without an arm model: the policy's action is what they are told."""

    truth = None

    def __init__(self, config: ToyConfig, *, fps: float, **_: object) -> None:
        self.spec = RobotSpec(
            names=("shoulder", "elbow"),
            limits=np.array([[-90, 90], [-45, 45]], np.float32),
            units=("deg", "deg"),
            senses=frozenset({"velocities"}),
        )
        self._share, self._fps = 1.0 - config.lag, fps
        self._halted = False
        self.reset(0)

    def __enter__(self) -> Self:
        self._halted = False
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def reset(self, seed: int) -> None:
        """Begin near the middle."""
        self._joints = np.random.default_rng(seed).uniform(-5, 5, 2).astype(np.float32)
        self._moved, self._tick = np.zeros(2, np.float32), 0

    def read(self) -> Reading:
        """Sense the joints and how fast they are."""
        stamp = self._tick / self._fps
        return Reading(self._joints.copy(), stamp, velocities=self._moved * self._fps)

    def command(self, target: F32) -> F32:
        """Move towards ``target`` (2,) [deg] for one tick."""
        self._tick += 1
        if self._halted:
            return self._joints.copy()
        sent: F32 = np.clip(target, *self.spec.limits.T).astype(np.float32)
        self._moved = self._share * (sent - self._joints)
        self._joints = self._joints + self._moved
        return sent

    def halt(self, cause: str) -> None:  # noqa: ARG002 - nobody listens
        """Stay."""
        self._halted = True
