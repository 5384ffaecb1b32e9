"""An SO100 or SO101 leader: a small arm in the operator's hand that the robot follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from enum import Enum, auto
from typing import Any, Self

import numpy as np

from configs.base import ConfigError
from configs.env import EnvConfig
from configs.events import Event, Tell
from configs.teleop import LeaderConfig
from robots.base import F32, BusTimeout, Follower, NotConnected, Robot, RobotError
from robots.events import TorqueLeftOn
from robots.feetech import settings
from robots.feetech.release import SINKING_S
from robots.feetech.servos import Servos
from robots.safety.undisturbed import Undisturbed
from teleop.base import NEUTRAL, NO_INPUT, Acts, TeleopError, TeleopSample
from teleop.events import HandedBack, LeaderBack, LeaderLost, LeaderReady, NotSwitched, TakenOver

_LEAD = 20.0  # furthest that its goal may be from where it is [deg], gripper [%]
_GRIPPER_SPEED = 2.0  # times the speed limit of the body joints
_LEEWAY = 1.5  # over that limit, for a motor to catch up
_SWITCHED = {
    True: TakenOver(note="the leader is limp: hold it, the arm follows you"),
    False: HandedBack(note="the leader goes where the arm goes"),
}
_HOLD = TeleopSample(NEUTRAL, intervening=True)  # the arm stays where it has been commanded to be


class _Mode(Enum):
    FOLLOWING = auto()  # the policy acts, the leader goes along
    LEADING = auto()  # the operator acts, the leader is limp
    HOLDING = auto()  # it was lost while it led: nobody acts until the operator says who


def make(
    config: LeaderConfig,
    *,
    robot: Robot,
    env: EnvConfig,
    tell: Tell,
    acts: Acts,
    **_: object,
) -> Leader:
    """The leader of a robot. Raises ConfigError if that cannot be led."""
    if not isinstance(robot, Follower) or robot.spec.names != Servos.names:
        raise ConfigError(
            f"teleop.type: {config.type} leads an arm with the joints {', '.join(Servos.names)}, "
            "which this robot is not; choose another, or null for nobody"
        )
    return Leader(
        config,
        robot.joints_now,
        1.0 / env.fps,
        tell,
        demonstrating=acts == "always",
        meanwhile=robot.held,
    )


class Leader:
    """A teleoperator that is an arm of its own.

    While the policy acts, the leader follows the ``follower``, whose newest joints (n,) [deg, %]
    that gives, with little torque and at a limited speed. While the operator leads, it is limp and
    its joints go into the sample. ``switch`` takes over and hands back. ``demonstrating`` has the
    operator lead from the start of every episode. ``period`` is the time between two polls [s].

    A leader that is lost while it leads makes the arm hold, until the operator switches. One that
    stays lost raises TeleopError.
    """

    def __init__(
        self,
        cfg: LeaderConfig,
        follower: Callable[[], F32],
        period: float,
        tell: Tell,
        *,
        demonstrating: bool,
        meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._cfg, self._follower, self._tell = cfg, follower, tell
        self._meanwhile = meanwhile
        self._servos = Servos(cfg, cfg.patience_s, self._relay, silence_s=cfg.deadman_s)
        step = np.full(len(Servos.names), cfg.follow_speed * period, np.float32)
        step[Servos.gripper] *= _GRIPPER_SPEED
        self._step: F32 = step  # (n,) longest way in a tick while it follows
        self._at_start = _Mode.LEADING if demonstrating else _Mode.FOLLOWING
        self._mode = _Mode.FOLLOWING
        self._between = True  # two episodes
        self._goal: F32 | None = None  # (n,) newest one of the motors; None if they are limp
        self.entered = False

    def __enter__(self) -> Self:
        with self._meanwhile():
            try:
                self._servos.open()
                self._take_hold()
            except RobotError as error:
                raise TeleopError(f"The leader cannot be used. {error}") from error
        return self

    def __exit__(self, *error: Any) -> None:
        with self._meanwhile():
            self._let_go(error[1])

    def _take_hold(self) -> None:
        """Set the motors up and have them hold where they stand; if that fails, they are limp."""
        try:
            self._servos.configure(settings.of_leader(self._cfg))
            self._goal = self._servos.engage()
            self._mode, self._between, self.entered = _Mode.FOLLOWING, True, True
            self._tell(LeaderReady(note="it goes where the arm goes until you lead"))
        except BaseException as error:
            self._let_go(error)
            raise

    def read(self) -> TeleopSample:
        """What the operator does with the leader now: one read of its motors."""
        self._begin()
        here = self._sense()
        if self._mode is _Mode.LEADING:
            return TeleopSample(NEUTRAL, intervening=True, joints=here)
        return _HOLD if self._mode is _Mode.HOLDING else NO_INPUT

    def idle(self) -> TeleopSample:
        """Between two episodes the leader goes where the arm goes."""
        self._between, self._mode = True, _Mode.FOLLOWING
        self._sense()
        return NO_INPUT

    def switch(self) -> None:
        """Take over if the policy acts, else hand back; from the next poll on."""
        self._begin()
        if self._servos.silent:
            self._tell(NotSwitched(cause="the leader does not answer"))
        elif self._mode is _Mode.LEADING:
            self._turn_to(_Mode.FOLLOWING)
        else:
            self._turn_to(_Mode.LEADING)

    def _begin(self) -> None:
        """See to it that an episode is under way."""
        if self._between:
            self._between = False
            self._turn_to(self._at_start)

    def _turn_to(self, mode: _Mode) -> None:
        if mode is not self._mode:
            leads = mode is _Mode.LEADING
            self._tell(_SWITCHED[leads])
        self._mode = mode

    def _sense(self) -> F32:
        """Read the motors, have them do as the mode says; returns the joints (n,) [deg, %]."""
        try:
            self._servos.beat()
            here = self._servos.sense().joints
        except RobotError as error:
            raise TeleopError(f"The leader is lost. {error}") from error
        if self._servos.silent:
            if self._mode is _Mode.LEADING:
                self._mode = _Mode.HOLDING
                self._tell(LeaderLost(cause="the arm holds until you lead on or hand back"))
            return here
        with suppress(BusTimeout, NotConnected):  # the next poll tries again, or says it is lost
            if self._servos.woken:
                self._revive()
            if self._mode is _Mode.FOLLOWING:
                self._follow(here)
            elif self._goal is not None:
                self._ensure("Torque_Enable", dict.fromkeys(Servos.names, 0))
                self._goal = None
        return here

    def _follow(self, here: F32) -> None:
        """Move on towards where the arm is; from limp, begin at ``here`` (n,) [deg, %]."""
        if self._goal is None:
            steps = self._servos.units.steps(here)
            self._ensure("Goal_Position", dict(zip(Servos.names, steps.tolist(), strict=True)))
            self._ensure("Torque_Enable", dict.fromkeys(Servos.names, 1))
            self._goal = self._servos.units.joints(steps)
        near = np.clip(self._goal, here - _LEAD, here + _LEAD)  # else it would snap from a hand
        delta = np.clip(self._follower() - near, -self._step, self._step)
        self._goal = self._servos.send(near + delta)

    def _revive(self) -> None:
        """Set motors up again that were silent: they may have been without power."""
        self._servos.configure(settings.of_leader(self._cfg))
        self._goal = None if self._mode is _Mode.FOLLOWING else self._goal
        self._servos.woken.clear()
        self._tell(LeaderBack(note="it answers again"))

    def _ensure(self, register: str, values: Mapping[str, int]) -> None:
        """Set a register of every motor in one packet, and see to it that it arrived."""
        self._servos.bus.sync_write(register, values)
        self._servos.configure({register: values})

    def _let_go(self, error: BaseException | None) -> None:
        """Release all torque, whatever has happened; raises TeleopError if nothing else had."""
        self.entered = False
        try:
            with Undisturbed():
                if self._goal is None:
                    self._servos.release()
                else:
                    self._servos.let_down(SINKING_S)
        except RobotError as fault:
            if error is None:
                raise TeleopError(f"The leader is not released. {fault}") from fault
            self._relay(TorqueLeftOn(cause=str(fault)))
        finally:
            self._goal = None
            self._servos.close()

    def _relay(self, event: Event) -> None:
        """Tell what the servos tell, as of the leader."""
        self._tell(replace(event, whose="leader"))
