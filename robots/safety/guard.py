"""What keeps an arm whole: limits on every command, and a guard over every motor.

Nothing here talks to a motor, so that all of it can be tested tick by tick.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from configs.robot import SafetyConfig
from robots.base import F32, GRIPPER, JOINTS
from robots.feetech.registers import error_names

_SUSTAINED_S = 0.3  # loads, stalls and voltages shorter than this are a part of moving
_STANDING = 3.0  # slower than this is standing still [deg/s]
_CREEPING = 10.0  # faster than this, a load is what it takes to move [deg/s]
_GRIPPER_SPEED = 2.0  # times the speed limit of the body joints
_MEMORY_S = 1.5  # how far back the arm's way is remembered
_OPENED = 5.0  # how far a gripper in trouble opens from where it is [%]


@dataclass(frozen=True, slots=True)
class Senses:
    """What the motors say in one tick."""

    stamp: float  # monotonic [s]
    joints: F32  # (6,) [deg], gripper [%]
    velocities: F32  # (6,) [deg/s], gripper [%/s]
    loads: F32  # (6,) [% of stall torque], signed
    currents: F32  # (6,) [mA]
    temperatures: F32  # (6,) [deg C]
    voltages: F32  # (6,) [V]
    errors: Sequence[int]  # (6,) error bits


class Limiter:
    """Keeps a command within the arm's ``limits`` (6, 2) [deg, %], its speed and its lead.

    ``bounds`` (6, 2) are limits that the user has set: an arm outside of them may come back in its
    own time, but goes no further out.
    """

    def __init__(
        self,
        limits: F32,
        safety: SafetyConfig,
        max_lead: float | None,
        period: float,
        bounds: F32 | None = None,
    ) -> None:
        self._low, self._high = limits.T
        self._bounds = limits if bounds is None else bounds
        step = np.full(len(JOINTS), safety.max_speed * period, np.float32)
        step[GRIPPER] *= _GRIPPER_SPEED
        self._step: F32 = step  # (6,) longest way in a tick
        self._lead = np.inf if max_lead is None else max_lead

    def __call__(self, target: F32, measured: F32, last: F32) -> F32:
        """``target`` (6,) as it may be sent, given the measured joints and the ``last`` sent."""
        sent = np.clip(target, measured - self._lead, measured + self._lead)
        low, high = self._bounds.T
        sent = np.clip(sent, np.minimum(low, last), np.maximum(high, last))
        sent = np.clip(sent, self._low, self._high)
        return np.clip(sent, last - self._step, last + self._step).astype(np.float32)


class Response(IntEnum):
    """What a motor in trouble leads to, in this order."""

    NONE, HOLD, BACK_OFF, RELEASE = range(4)


class Guard:
    """Watches every motor, each tick, and says what its trouble leads to.

    Trouble of a body joint holds the whole arm where it is; trouble of the gripper only the
    gripper. If it lasts, the arm goes back the way it came (the gripper opens a little), and if
    that does not help either, all torque is to be released.
    """

    def __init__(self, safety: SafetyConfig) -> None:
        self._safety = safety
        self._path: deque[tuple[float, F32]] = deque()  # stamps and joints of the last moments
        self._signs: dict[tuple[str, str], float] = {}  # since when, by motor and kind
        self._arm, self._gripper = _Trouble(safety), _Trouble(safety)

    @property
    def response(self) -> Response:
        """The gravest response under way."""
        return max(self._arm.response, self._gripper.response)

    @property
    def cause(self) -> str:
        """Which motors are in trouble, and why."""
        return "; ".join([*self._arm.facts, *self._gripper.facts])

    def watch(self, senses: Senses, sent: F32) -> Response:
        """Look at the motors in a tick in which ``sent`` (6,) was their target."""
        arm: list[str] = []
        gripper: list[str] = []
        for motor, fact in self._sustained(senses, sent):
            (gripper if motor == "gripper" else arm).append(f"{motor} {fact}")
        if self._arm.response is Response.NONE:
            self._remember(senses)
        self._arm.update(senses.stamp, arm, senses.joints, self._came_from())
        opened = senses.joints.copy()
        opened[GRIPPER] += _OPENED
        self._gripper.update(senses.stamp, gripper, senses.joints, opened)
        return self.response

    def shape(self, target: F32) -> F32:
        """``target`` (6,) as the guard allows it."""
        shaped = target.copy()
        if (goal := self._arm.goal) is not None:
            shaped[:GRIPPER] = goal[:GRIPPER]
        if (goal := self._gripper.goal) is not None:
            shaped[GRIPPER] = goal[GRIPPER]
        return shaped

    def _sustained(self, senses: Senses, sent: F32) -> Iterator[tuple[str, str]]:
        """The troubles, motor and fact, that have lasted long enough to count."""
        found: dict[tuple[str, str], float] = {}
        for motor, kind, fact, at_once in self._troubles(senses, sent):
            since = found[motor, kind] = self._signs.get((motor, kind), senses.stamp)
            if at_once or senses.stamp - since >= _SUSTAINED_S:
                yield motor, fact
        self._signs = found

    def _troubles(self, senses: Senses, sent: F32) -> Iterator[tuple[str, str, str, bool]]:
        safety, (low, high) = self._safety, self._safety.voltage
        behind = np.abs(sent - senses.joints)
        for index, motor in enumerate(JOINTS):
            for name in error_names(senses.errors[index]):
                yield motor, name, f"reports {name}", True
            if (heat := senses.temperatures[index]) >= safety.max_temperature:
                yield (
                    motor,
                    "heat",
                    f"is {heat:.0f} °C hot, {safety.max_temperature:g} allowed",
                    True,
                )
            if not low <= (volts := senses.voltages[index]) <= high:
                yield motor, "volts", f"has {volts:.1f} V, not {low:g} to {high:g}", False
            if index == GRIPPER:  # which is there to push, with limits of its own
                continue
            speed, load = abs(senses.velocities[index]), abs(senses.loads[index])
            if load >= safety.max_load and speed < _CREEPING:
                yield motor, "load", f"bears {load:.0f} % of its stall torque", False
            if behind[index] >= safety.stall_error and speed < _STANDING:
                yield motor, "stall", f"is stalled {behind[index]:.0f} deg from its target", False

    def _remember(self, senses: Senses) -> None:
        self._path.append((senses.stamp, senses.joints))
        while self._path[0][0] < senses.stamp - _MEMORY_S:
            self._path.popleft()

    def _came_from(self) -> F32:
        return self._path[0][1]


class _Trouble:
    """The course of a trouble: held, backed off, given up, or over."""

    def __init__(self, safety: SafetyConfig) -> None:
        self._hold_s, self._back_off_s = safety.hold_s, safety.back_off_s
        self._since: float | None = None  # when it began
        self._clear: float | None = None  # when it was last seen to be over
        self._held: F32 | None = None
        self._back: F32 | None = None
        self.response = Response.NONE
        self.facts: list[str] = []

    @property
    def goal(self) -> F32 | None:
        """Where the joints are to be (6,); None without trouble."""
        return self._back if self.response >= Response.BACK_OFF else self._held

    def update(self, now: float, facts: list[str], here: F32, back: F32) -> None:
        """A tick at ``now`` with these troubles, ``here`` (6,) the joints, ``back`` the way out."""
        if not facts:
            self._recover(now)
            return
        self.facts, self._clear = facts, None
        if self._since is None:
            self._since, self._held, self._back = now, here, back
        lasted = now - self._since
        if lasted >= self._hold_s + self._back_off_s:
            self.response = Response.RELEASE
        elif lasted >= self._hold_s:
            self.response = Response.BACK_OFF
        else:
            self.response = max(self.response, Response.HOLD)

    def _recover(self, now: float) -> None:
        """Over once it has been over for a while; until then the joints stay."""
        if self._since is None:
            return
        self._clear = now if self._clear is None else self._clear
        if now - self._clear >= _SUSTAINED_S:
            self._since = self._clear = self._held = self._back = None
            self.response, self.facts = Response.NONE, []


def ramp(start: F32, end: F32, max_step: float) -> Iterator[F32]:
    """Joint targets (6,) from ``start`` to ``end``, no joint moving over ``max_step`` a tick."""
    delta = end - start
    ticks = int(np.ceil(np.abs(delta).max() / max_step))
    for tick in range(1, ticks + 1):
        yield (start + delta * (tick / ticks)).astype(np.float32)
