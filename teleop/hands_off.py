"""Nobody at the controls."""

from __future__ import annotations

from typing import Self

from teleop.base import HANDS_OFF, TeleopSample


class HandsOff:
    """A teleoperator that never does anything: the policy is on its own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def read(self) -> TeleopSample:
        """Nothing asked for."""
        return HANDS_OFF

    def idle(self) -> TeleopSample:
        """Nothing asked for."""
        return HANDS_OFF
