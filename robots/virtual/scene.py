"""The world of a virtual arm as the driver of a real one gets it: a ``Scene``."""

from __future__ import annotations

from typing import Self

from robots.arm import ARMS
from robots.base import NotConnected, ServoFault, Truth
from robots.virtual.client import VirtualArm


class VirtualScene:
    """The world around the virtual arm on a ``port``; it is connected to while it is entered."""

    def __init__(self, port: str, task: str) -> None:
        self.task = task
        self._port = port
        self._arm: VirtualArm | None = None

    @classmethod
    def behind(cls, port: str, kind: str) -> Self | None:
        """The world of the arm on ``port``; None for a real arm, and for a virtual one without.

        Raises ServoFault if it is a virtual arm of another ``kind``.
        """
        world = VirtualArm.behind(port)
        if world is None:
            return None
        with world:
            if kind in ARMS and world.arm != kind:
                raise ServoFault(
                    f"The virtual arm on {port} is an {world.arm}, not an {kind}: say "
                    f"--robot.type={world.arm}, or start it with --arm {kind}."
                )
            return None if world.task == "none" else cls(port, world.task)

    def __enter__(self) -> Self:
        self._arm = VirtualArm.behind(self._port)
        if self._arm is None:
            raise NotConnected(f"The virtual arm on {self._port} is gone: start it again.")
        return self

    def __exit__(self, *error: object) -> None:
        arm, self._arm = self._connected(), None
        arm.close()

    def reset(self, seed: int) -> None:
        """Put the objects where ``seed`` says."""
        self._connected().reset(seed)

    def truth(self) -> Truth:
        """What only the world knows; its ``tick`` is 0."""
        return self._connected().truth()

    def _connected(self) -> VirtualArm:
        if self._arm is None:
            raise NotConnected("The virtual arm is asked outside the `with` block: enter it first.")
        return self._arm
