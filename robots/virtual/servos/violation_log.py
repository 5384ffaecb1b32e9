"""What was written to the motors, and what should never have been."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from robots.feetech.registers import REGISTERS
from robots.virtual.fault_settings import FaultSettings
from robots.virtual.servos.servo import POSITION, Servo
from robots.virtual.servos.table import EEPROM_END

_GOAL = REGISTERS["Goal_Position"].address
_TORQUE = REGISTERS["Torque_Enable"].address
_START_GAP = 23  # [step], 2 deg: torque should come on with the goal where the joint is
_SAME = 5  # [step], goals that differ by no more hold the arm where it is
_MOST = 1000  # violations that are kept


class Glance(NamedTuple):
    """A servo just before a write."""

    torque: bool
    goal: int


class ViolationLog:
    """Watches every write; ``report`` is what ``VirtualArm.report`` gives."""

    def __init__(self, servos: Mapping[str, Servo]) -> None:
        self._servos = servos
        self.packets = self.damaged = 0
        self.max_jump = FaultSettings().max_jump  # [step]
        self._violations: list[str] = []
        self._last_goal: float | None = None  # monotonic [s]
        self._moved: float | None = None  # when a goal last moved on, monotonic [s]
        self._largest_step = 0

    def look(self, servo: Servo) -> Glance:
        """Remember ``servo`` before a write."""
        return Glance(servo.torque, servo.table["Goal_Position"])

    def check(self, servo: Servo, before: Glance, written: range) -> None:
        """Note what is wrong with the write that touched the addresses ``written``."""
        position_mode = servo.table["Operating_Mode"] == POSITION
        if _GOAL in written and position_mode:
            self._check_goal(servo, before)
        gap = abs(servo.table["Goal_Position"] - servo.present)
        if servo.torque and not before.torque and position_mode and gap > _START_GAP:
            self._note(f"{servo.name}: torque came on {gap} steps away from the goal")
        if before.torque and written.start < EEPROM_END:
            self._note(f"{servo.name}: EEPROM written at {written.start} while torque is on")

    def report(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        now = time.monotonic()
        since = None if self._last_goal is None else now - self._last_goal
        return {
            "motors": {
                name: {
                    "torque_enable": servo.table["Torque_Enable"],
                    "goal": servo.table["Goal_Position"],
                    "present": servo.present,
                    "lock": servo.table["Lock"],
                    "errors": servo.errors,
                    "load": round(servo.effort, 3),
                    "temperature": round(servo.temperature, 1),
                }
                for name, servo in self._servos.items()
            },
            "violations": self._violations,
            "packets": self.packets,
            "bad_packets": self.damaged,
            "seconds_since_goal": since,
            "goal_moved_at": self._moved,
            "largest_goal_step": self._largest_step,
        }

    def _check_goal(self, servo: Servo, before: Glance) -> None:
        self._last_goal = time.monotonic()
        goal, table = servo.table["Goal_Position"], servo.table
        if abs(goal - before.goal) > _SAME:
            self._moved = self._last_goal
        low, high = table["Min_Position_Limit"], table["Max_Position_Limit"]
        if not low <= goal <= high:
            self._note(f"{servo.name}: goal {goal} outside its limits {low} to {high}")
        if before.torque:
            self._largest_step = max(self._largest_step, abs(goal - before.goal))
            jump = abs(goal - servo.present)
            if jump > self.max_jump:
                self._note(f"{servo.name}: goal {goal} is {jump} steps from where it is")

    def _note(self, violation: str) -> None:
        if len(self._violations) < _MOST:
            self._violations.append(violation)
