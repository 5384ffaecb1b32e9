"""The gripper penalty: a small cost for flipping the gripper, seen by its own critic alone."""

from __future__ import annotations

from dataclasses import replace

from processors.base import Step, Transition
from teleop.base import CLOSE, OPEN

NEARLY_CLOSED, NEARLY_OPEN = 0.1, 0.9  # of the way from the closed to the open position


def gripper_penalty(index: int, penalty: float, closed: float, open: float) -> Step[Transition]:
    """Charge ``penalty`` (<= 0) for a command that flips the gripper between its ends.

    It fires when an open gripper is commanded to close or a closed one to open, decided on where
    the gripper was *before* the action. "Stay" and "further the same way" are free. ``closed`` and
    ``open`` [%] make the polarity explicit. The gripper is the joint with this ``index``.
    Source: HIL-SERL (Luo et al. 2024).
    """

    def step(transition: Transition) -> Transition:
        command = transition.command
        opening = (float(command.reading.joints[index]) - closed) / (open - closed)
        asked = round(float(command.action[-1]))
        flips = (opening >= NEARLY_OPEN and asked == CLOSE) or (
            opening <= NEARLY_CLOSED and asked == OPEN
        )
        return replace(transition, discrete_penalty=penalty) if flips else transition

    return step
