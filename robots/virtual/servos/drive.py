"""How a servo's setpoint moves towards its goal: at a limited speed and acceleration."""

from __future__ import annotations

import math

# Of an STS3215 at 12 V without load: 0.222 s for 60 deg, by its sheet; not measured.
TOP_SPEED = 3072.0  # [step/s]


class Drive:
    """The setpoint of one servo, in shaft steps [step]."""

    def __init__(self, position: float) -> None:
        self.setpoint, self.speed = position, 0.0  # [step], [step/s]

    def hold(self, position: float) -> None:
        """Begin again, at rest, at ``position``."""
        self.setpoint, self.speed = position, 0.0

    def towards(self, goal: float, top: float, acceleration: float, period: float) -> None:
        """Move for ``period`` [s] towards ``goal``: at most at ``top`` [step/s], and with
        ``acceleration`` [step/s^2], 0 for at once, so as to stop there."""
        gap = goal - self.setpoint
        pace = min(top, abs(gap) / period)
        if acceleration:
            pace = min(pace, math.sqrt(2.0 * acceleration * abs(gap)))
        self._accelerate(math.copysign(pace, gap), acceleration, period)
        self.setpoint += self.speed * period

    def turn(self, speed: float, acceleration: float, period: float) -> None:
        """Turn for ``period`` [s] at ``speed`` [step/s], or towards it."""
        self._accelerate(speed, acceleration, period)
        self.setpoint += self.speed * period

    def _accelerate(self, wanted: float, acceleration: float, period: float) -> None:
        """Slowing down is free: the brake distance is already in ``wanted``."""
        if acceleration and (wanted * self.speed < 0 or abs(wanted) > abs(self.speed)):
            change = acceleration * period
            wanted = max(self.speed - change, min(self.speed + change, wanted))
        self.speed = wanted
