"""SO100 and SO101 on their servo bus: the hardware behind the contract of ``Robot``."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from itertools import chain, repeat
from typing import Any, Self

import numpy as np

from configs.events import Tell
from configs.robot import SO100Config, SO101Config
from robots.arm import ARMS
from robots.base import (
    F32,
    GRIPPER,
    JOINTS,
    BusTimeout,
    Limit,
    LoopStalled,
    NotConnected,
    Reading,
    RobotError,
    Scene,
    ServoFault,
    Truth,
    TruthSource,
)
from robots.camera.cameras import Cameras
from robots.events import (
    Halted,
    Released,
    RestNotReached,
    TorqueLeftOn,
    TorqueLost,
    TorqueStaysOn,
    TorqueUnwatched,
    Trouble,
    WatchdogHeld,
    WatchdogLetDown,
)
from robots.feetech import settings
from robots.feetech.calibration import common_range
from robots.feetech.release import SINKING_S
from robots.feetech.servos import Servos
from robots.poses import poses as asked_poses
from robots.safety.guard import Guard, Limiter, Response, Senses, ramp
from robots.safety.held import held
from robots.safety.undisturbed import Undisturbed
from robots.safety.watchdog import Watchdog

_LAG = 3.0  # how far from its goal a held joint may stay [deg]
_NEAR = 3.0  # a pose is reached within this [deg, %]
_HOMING_SPEED = 60.0  # on the way to rest [deg/s]
_SETTLING_S = 1.0  # in which the arm must come to rest
_NO_WAY_TO_REST = BusTimeout | LoopStalled | NotConnected | ServoFault | KeyboardInterrupt
_STAYS_ON = "robot.disable_torque_on_disconnect=false"
_STUCK_S = 0.5  # how long an emergency waits for a thread that has the bus [s]


class SO100Robot:
    """An SO100 or SO101 with its cameras.

    Entered, it is checked, configured and made to hold where it stands. Left, it goes to its rest
    pose and is released; after a fault of its own, or an emergency stop, it is let down where it
    is. ``tell`` hears what the operator must know, and ``emergency`` says whether the operator
    presses for a stop on the way to rest, when nobody else asks. With a simulated ``scene`` around
    it, it has a task and a ``truth``.
    """

    def __init__(
        self,
        cfg: SO100Config | SO101Config,
        fps: float,
        tell: Tell,
        emergency: Callable[[], bool] = lambda: False,
        scene: Scene | None = None,
    ) -> None:
        task = None if scene is None else scene.task
        self.spec = (
            ARMS[cfg.type]
            .calibrated(cfg.joint_signs, cfg.joint_offsets)
            .spec(
                cameras={name: camera.size for name, camera in cfg.cameras.items()},
                senses=frozenset({"velocities", "currents", "loads", "temperatures"}),
                reset_pose=np.array(cfg.reset_pose, np.float32),
                max_speed=cfg.safety.max_speed,
                real_time=True,
                tasks=(task,) if task else (),
                task=task,
            )
        )
        self.truth: TruthSource | None = None if scene is None else self._truth
        self._cfg, self._period, self._tell, self._emergency = cfg, 1.0 / fps, tell, emergency
        safety = cfg.safety
        silence = safety.deadman_s if cfg.disable_torque_on_disconnect else None
        self._servos = Servos(cfg, safety.patience_s, tell, silence_s=silence)
        self._cameras = Cameras(cfg.cameras, tell)
        self._watchdog = Watchdog(cfg.safety.watchdog_s, self._loop_is_silent)
        self._last_resort = Watchdog(
            cfg.safety.let_down_s, self._loop_stays_silent, name="last resort"
        )
        self._scene = scene
        self._open: ExitStack | None = None
        self._halted = self._stalled = False
        self._episode = self._tick = 0
        self._began = 0.0  # of the episode, monotonic [s]

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._servos.open()
            undo.callback(self._servos.close)
            self._senses = self._answered = self._servos.settled()
            self._servos.check_ranges(self._senses.joints)
            self._range = common_range(self.spec.limits, self._servos.units.limits)
            self._poses = asked_poses(self._cfg, self._range)
            if self._scene is not None:
                undo.enter_context(self._scene)
            undo.enter_context(self._cameras)
            undo.push(self._let_go)
            with Undisturbed():  # there is torque only with a watchdog
                self._take_hold()
                undo.enter_context(self._watchdog)
                undo.enter_context(self._last_resort)
            self._open = undo.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        with Undisturbed() as signals:
            stack, self._open = self._open, None
            if stack is None:
                return
            try:
                if not isinstance(error[1], _NO_WAY_TO_REST):
                    self._go_to_rest(signals)
            finally:
                stack.__exit__(*error)

    def reset(self, seed: int) -> None:
        """Begin an episode; a scene puts its object where ``seed`` says."""
        if self._scene is not None:
            self._scene.reset(seed)
        self._episode, self._tick, self._began = self._episode + 1, 0, time.monotonic()

    def read(self) -> Reading:
        """Sense now.

        Raises ServoFault if a motor's trouble lasts, and BusTimeout, NotConnected or CameraError
        if what was lost does not come back in time.
        """
        self._check_entered()
        with self._servos.bus.lock:
            senses = self._sense()
        images, ages = self._cameras.newest(senses.stamp, senses.joints)
        return Reading(
            joints=senses.joints,
            stamp=senses.stamp - self._began,
            velocities=senses.velocities,
            currents=senses.currents,
            loads=senses.loads,
            temperatures=senses.temperatures,
            images=images,
            ages=ages,
        )

    def command(self, target: F32) -> F32:
        """Move towards ``target`` (6,) [deg, %]; returns what was sent, within all limits.

        Raises RobotError if the target holds a NaN or an infinity.
        """
        self._check_entered()
        if not np.isfinite(target).all():
            raise RobotError(f"The joint target {target} is not finite: look at the step before.")
        with self._servos.bus.lock:
            if self._senses is self._answered:  # nobody has read since the last command
                self._sense()
            self._tick += 1
            return self._send(target, self._limiter)

    def held(self) -> AbstractContextManager[None]:
        """Meanwhile the arm stays where it was commanded to be, while its program does something
        long.

        An arm that is not entered is left alone.
        """
        if self._open is None:
            return nullcontext()
        return held(lambda: self.command(self._sent), self._period)

    def limiter(self, *, lead: bool) -> Limit:
        """How a target comes to be what is sent, while nothing is in trouble."""
        cfg = self._cfg
        limits = None if cfg.joint_limits is None else np.array(cfg.joint_limits, np.float32)
        most = cfg.max_relative_target if lead else None
        return Limiter(self.spec.limits, cfg.safety, most, self._period, limits)

    def joints_now(self) -> F32:
        """The joints (6,) [deg, %] as they were last read."""
        self._check_entered()
        return self._senses.joints

    def halt(self, cause: str) -> None:
        """Stop at once, here, and stay: commands from now on change nothing."""
        self._check_entered()
        self._halt(cause)

    def _truth(self) -> Truth:
        """What only the scene knows, in the loop's own count."""
        assert self._scene is not None
        return replace(self._scene.truth(), episode=self._episode, tick=self._tick)

    def _take_hold(self) -> None:
        """Configure the motors and have them hold where they stand."""
        cfg = self._cfg
        self._servos.configure(settings.of_follower(cfg))
        bounds = (self._range, cfg.safety, cfg.max_relative_target, self._period)
        self._limiter, self._homing = Limiter(*bounds, self._poses.limits), Limiter(*bounds)
        self._guard, self._response = Guard(cfg.safety), Response.NONE
        self._halted = self._stalled = False
        self._sent = self._servos.engage()
        if not cfg.disable_torque_on_disconnect:
            note = "if this program dies, nobody lets the arm down"
            self._tell(TorqueUnwatched(note=f"{note}, as {_STAYS_ON} has it"))

    def _sense(self) -> Senses:
        """Read the motors and have the guard look at them."""
        self._check_held()
        senses = self._servos.sense()
        if self._servos.woken:
            self._revive()
        response = self._guard.watch(senses, self._sent)
        if response > self._response:
            self._tell(Trouble(response=response.name.lower(), cause=self._guard.cause))
        self._senses, self._response = senses, response
        if response is Response.RELEASE:
            raise ServoFault(
                f"{self._guard.cause}: holding and backing off did not help, so the arm is let "
                "down. See what it pushes against, let it cool, and check its supply."
            )
        return senses

    def _revive(self) -> None:
        """Give motors that were silent their torque back, if they have lost it with the power."""
        servos = self._servos
        try:
            if limp := servos.limp():
                self._tell(TorqueLost(cause=f"{', '.join(limp)} had no power for a moment"))
                servos.configure(settings.of_follower(self._cfg))
                self._sent = servos.engage()
            servos.woken.clear()
        except BusTimeout:
            pass  # still not well: the next tick tries again, or finds that it lasts too long

    def _send(self, target: F32, limiter: Limiter) -> F32:
        """Send ``target`` (6,) as far as limits and guard allow; returns what was sent."""
        self._check_held()
        self._servos.beat()
        wanted = self._sent if self._halted else self._guard.shape(target)
        self._sent = self._servos.send(limiter(wanted, self._senses.joints, self._sent))
        self._answered = self._senses
        self._watchdog.feed()
        self._last_resort.feed()
        return self._sent

    def _loop_is_silent(self) -> None:
        """Hold where the arm is; called by the watchdog, in its thread."""
        lock = self._servos.bus.lock
        if not lock.acquire(timeout=_STUCK_S):
            return  # the last resort comes next
        try:
            self._check_held()
            here = self._servos.sense().joints
            self._sent = self._servos.send(np.clip(self._sent, here - _LAG, here + _LAG))
            self._tell(WatchdogHeld(after_s=self._cfg.safety.watchdog_s))
        except BaseException:
            pass  # the loop will meet the fault itself, or the last resort comes next
        finally:
            lock.release()

    def _loop_stays_silent(self) -> None:
        """Let the arm down whatever holds the loop up; called by the last resort, in its thread."""
        self._stalled = True  # from now on the loop moves nothing
        try:
            with self._servos.bus.seized(_STUCK_S):
                self._servos.let_down(SINKING_S)
        except BaseException as error:  # whatever it is: there is nobody else to do it
            self._tell(TorqueLeftOn(cause=str(error)))
        else:
            after = self._cfg.safety.let_down_s
            cause = f"nothing has commanded the arm for {after:g} s, so it is let down"
            self._tell(WatchdogLetDown(after_s=after, cause=cause))

    def _halt(self, cause: str) -> None:
        with self._servos.bus.lock:
            self._check_held()
            self._halted = True
            self._sent = self._servos.send(self._servos.sense().joints)
        self._tell(Halted(cause=cause))

    def _go_to_rest(self, signals: Undisturbed) -> None:
        """Move to the rest pose, unless the arm is in trouble, or somebody insists on the end."""
        rest = self._poses.rest
        in_trouble = self._halted or self._stalled or self._response is not Response.NONE
        if rest is None or in_trouble:
            return
        speed = min(_HOMING_SPEED, self._cfg.safety.max_speed)
        ticks = ramp(self._sent, rest, speed * self._period)
        settling = repeat(rest, round(_SETTLING_S / self._period))
        try:
            for target in chain(ticks, settling):
                if signals.insist:
                    break
                if self._emergency():
                    self._halt("emergency stop on the way to rest")
                    break
                with self._servos.bus.lock:
                    self._sense()
                    self._send(target, self._homing)
                if target is rest and self._at(rest):
                    break
                time.sleep(self._period)
        except RobotError as error:
            self._tell(RestNotReached(cause=str(error)))

    def _let_go(self, kind: object, error: object, trace: object) -> None:  # noqa: ARG002 - as ExitStack calls it
        """Release all torque, whatever has happened; raises ServoFault if nothing else had."""
        keeps = not (self._cfg.disable_torque_on_disconnect or isinstance(error, ServoFault))
        if keeps and not self._stalled:
            self._tell(TorqueStaysOn(note=f"as {_STAYS_ON} has it"))
            return
        rest = self._poses.rest
        resting = rest is not None and self._at(rest)
        try:
            with Undisturbed():
                if resting or self._stalled or isinstance(error, NotConnected):
                    self._servos.release()
                else:
                    self._servos.let_down(SINKING_S)
        except ServoFault as fault:
            if error is None:
                raise
            self._tell(TorqueLeftOn(cause=str(fault)))
        else:
            self._tell(Released(motors=list(JOINTS)))

    def _at(self, pose: F32) -> bool:
        return bool(np.abs(self._senses.joints - pose)[:GRIPPER].max() < _NEAR)

    def _check_held(self) -> None:
        if self._stalled:
            raise LoopStalled(
                f"Nothing has commanded the arm for {self._cfg.safety.let_down_s:g} s, so it was "
                "let down: see what held this program up (what else the computer does, its disk, "
                "its network), and start again. robot.safety.let_down_s sets how long that may "
                "last."
            )

    def _check_entered(self) -> None:
        if self._open is None:
            raise NotConnected(
                f"The {self._cfg.type} is used outside its `with` block: enter it first."
            )
