"""Nobody at the controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from teleop.base import NO_INPUT, TeleopSample


class NoTeleop:
    """A teleoperator that never does anything: the policy is on its own.

    ``along`` is called at every poll: what must not stand still goes along meanwhile.
    """

    def __init__(self, along: Callable[[], object] = lambda: None) -> None:
        self._along = along

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def read(self) -> TeleopSample:
        """Nothing asked for."""
        self._along()
        return NO_INPUT

    def idle(self) -> TeleopSample:
        """Nothing asked for."""
        self._along()
        return NO_INPUT
