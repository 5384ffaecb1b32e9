"""Six motors on a servo bus as the joints of an arm; followers and leaders have them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from configs.events import Tell
from configs.robot import ServoArmConfig
from robots.base import F32, GRIPPER, JOINTS, NotConnected, ServoFault, Uncalibrated
from robots.events import CalibrationsDiffer, DriveModeUnused, MotorSilent, PortBack, PortGone
from robots.feetech import calibration, handshake, whose
from robots.feetech.bus import Answers, FeetechBus
from robots.feetech.calibration import Units
from robots.feetech.handshake import MOTORS
from robots.feetech.registers import REGISTERS, STEPS
from robots.feetech.release import check_same, give_back, release, weaken
from robots.safety.deadman import Deadman
from robots.safety.guard import Senses

SENSED = (
    "Present_Position",
    "Present_Velocity",
    "Present_Load",
    "Present_Voltage",
    "Present_Temperature",
    "Present_Current",
)
_MILLIAMPERES = 6.5  # a unit of Present_Current
_BORROWED = ("Maximum_Acceleration", "Acceleration", "Goal_Time", "Goal_Velocity", "Torque_Limit")
_BEYOND = 3.0  # how far outside its range a joint may stand when torque comes on [deg]
_SOON = 0.5  # readings closer in time cannot differ by a quarter turn [s]


@dataclass
class _Silence:
    """A motor that does not answer."""

    reason: str
    since: float  # monotonic [s]


@dataclass
class _Known:
    """The newest good answers of all motors."""

    values: dict[str, np.ndarray] = field(
        default_factory=lambda: {name: np.zeros(len(JOINTS)) for name in SENSED}
    )
    errors: list[int] = field(default_factory=lambda: [0] * len(JOINTS))
    stamps: list[float] = field(default_factory=lambda: [-np.inf] * len(JOINTS))


class Servos:
    """The motors of one arm.

    Packets that get lost are borne for ``patience_s``: meanwhile the newest good values stand.
    ``woken`` has the motors that answer again after a silence: they may have lost their torque.
    If this program dies while they have torque, or gives no :meth:`beat` for ``silence_s``, its
    deadman lets them down; None for nobody.
    """

    names = JOINTS
    gripper = GRIPPER  # which of them is

    def __init__(
        self, cfg: ServoArmConfig, patience_s: float, tell: Tell, *, silence_s: float | None = None
    ) -> None:
        self.bus = FeetechBus(cfg.port, MOTORS, cfg.baud_rate)
        self._deadman = Deadman(cfg, MOTORS, silence_s, tell)
        self.bus.gate = self._deadman.check
        self.woken: set[str] = set()
        self._cfg, self._patience, self._tell = cfg, patience_s, tell
        self._found: dict[str, dict[str, int]] = {}  # by register and motor, what is borrowed
        self._known = _Known()
        self._silent: dict[str, _Silence] = {}
        self._gone: float | None = None  # since when the port has been
        self._farewell = NotConnected()  # what was said of it then
        self._offsets: dict[str, int]  # by motor: what tells this arm from another, once open
        self.units: Units  # once open

    def open(self) -> None:
        """Open the port, see that all motors are there, and learn their calibration.

        Raises NotConnected, BusTimeout, ServoFault or Uncalibrated.
        """
        self.bus.open()
        try:
            self._deadman.start()  # it is ready by the time that torque comes on
            with self.bus.patient():
                handshake.check_motors(self.bus)
                handshake.tell_unusual(self.bus, self._tell)
                handshake.count_one_turn(self.bus)
                found = self._calibration()
            self._offsets = {name: motor.homing_offset for name, motor in found.items()}
            self.units = Units(found, self._cfg.gripper_opens)
        except BaseException:
            self.close()
            raise

    def _calibration(self) -> calibration.Calibration:
        """The arm's calibration, as its motors and the files have it."""
        cfg, saved = self._cfg, calibration.saved(self._cfg)
        if rivals := whose.rivals(cfg):
            self._tell(CalibrationsDiffer(note=rivals))
        known = whose.known(cfg) if saved is None else []
        found = handshake.calibrate(
            self.bus,
            saved,
            self._tell,
            known,
            others=whose.others(cfg),
            gripper_known="gripper_opens" in cfg.model_fields_set,
        )
        if note := calibration.mirrored(found):
            self._tell(DriveModeUnused(note=f"{note}: robot.joint_signs turns joints"))
        return found

    @property
    def silent(self) -> bool:
        """Whether a motor, or the port, gave no good answer when they were last asked."""
        return bool(self._silent) or self._gone is not None

    def close(self) -> None:
        """Close the port; torque that is still on is left to the deadman."""
        try:
            self._deadman.close()
        finally:
            self.bus.close()

    def beat(self) -> None:
        """All is well, once a tick: see :meth:`robots.safety.deadman.Deadman.beat`.

        Raises ServoFault if this program has stood still for too long, or nobody would notice.
        """
        self._deadman.beat()

    def configure(self, settings: Mapping[str, Mapping[str, int]]) -> None:
        """Make registers, by name, have these values by motor; what fits already stays.

        Torque is taken off a motor whose EEPROM has to change. What only lasts until the power
        goes, speed and strength, ``release`` gives back as it was found: the next program may
        count on it.
        """
        found = handshake.ask_all(self.bus, *settings) if settings else {}
        for register, wanted in settings.items():
            held = found[register]
            changes = {name: value for name, value in wanted.items() if held[name] != value}
            for motor, value in changes.items():
                if REGISTERS[register].eeprom:
                    with handshake.unlocked(self.bus, motor):
                        self.bus.write(register, motor, value)
                else:
                    if register in _BORROWED:
                        self._found.setdefault(register, {}).setdefault(motor, held[motor])
                    self.bus.write(register, motor, value)

    def sense(self) -> Senses:
        """What all motors say now, or said last.

        Raises BusTimeout or NotConnected once a motor has been silent, or the port gone, for
        longer than the patience.
        """
        now = time.monotonic()
        try:
            if self._gone is not None:
                self._reopen()
            answers = self.bus.sync_read(SENSED)
        except NotConnected as error:
            self._bear(now, error)
        else:
            self._back(now)
            self._take(answers, now)
        values = self._known.values
        return Senses(
            stamp=now,
            joints=self.units.joints(values["Present_Position"]),
            velocities=self.units.speeds(values["Present_Velocity"]),
            loads=(values["Present_Load"] / 10).astype(np.float32),
            currents=(np.abs(values["Present_Current"]) * _MILLIAMPERES).astype(np.float32),
            temperatures=values["Present_Temperature"].astype(np.float32),
            voltages=(values["Present_Voltage"] / 10).astype(np.float32),
            errors=tuple(self._known.errors),
        )

    def send(self, joints: F32) -> F32:
        """Set every motor's goal to ``joints`` (6,) [deg, %]; returns them as the motors got them.

        A port that is gone is borne like in ``sense``, which says when it is too long.
        """
        steps = self.units.steps(joints)
        goals = dict(zip(JOINTS, steps.tolist(), strict=True))
        try:
            if self._gone is None:  # else nothing is open, and why has been told
                self.bus.sync_write("Goal_Position", goals)
        except NotConnected as error:
            self._bear(time.monotonic(), error)
        return self.units.joints(steps)

    def engage(self) -> F32:
        """Torque on, each motor at its present position; returns the joints (6,) [deg, %].

        Raises Uncalibrated if a joint stands outside of its range, where it would jump, and
        RobotError if there is nobody to let the arm down should this program die.
        """
        strength = handshake.ask_all(self.bus, "Torque_Limit")["Torque_Limit"]
        self._found["Torque_Limit"] = strength | self._found.get("Torque_Limit", {})
        fd = self.bus.fileno()
        self._deadman.hold(fd, self._found, self._offsets)  # may take long: look after that
        here = self.settled().joints
        self.check_ranges(here)
        steps = self.units.steps(here)
        for name, step in zip(JOINTS, steps.tolist(), strict=True):
            self.bus.write("Goal_Position", name, step)
        for name in JOINTS:
            self.bus.write("Torque_Enable", name, 1)
        return here

    def settled(self) -> Senses:
        """Fresh answers of every motor; raises BusTimeout if one stays silent."""
        self._known = _Known()
        while True:
            senses = self.sense()
            if not self.silent:
                return senses

    def let_down(self, seconds: float) -> None:
        """Let every motor get weaker until it is limp, so that the arm sinks and does not fall."""
        if not self._deadman.acts:
            with suppress(NotConnected, ServoFault):  # the release says so, or sees who does it
                limits = weaken(self.bus, seconds, self._deadman.alive)
                self._found["Torque_Limit"] = limits | self._found.get("Torque_Limit", {})
        self.release()

    def release(self) -> None:
        """Torque off, and seen to be off; a port that is gone is looked for while patience lasts.

        Raises ServoFault that names the motors that may still have torque.
        """
        if not self._deadman.has_released():
            try:
                release(self.bus, self._patience, self._reopen, self._deadman.alive)
            except ServoFault:
                if not self._deadman.has_released():  # it did not take the arm over amid this
                    raise
            found, self._found = self._found, {}
            give_back(self.bus, found)
        self._deadman.done()

    def _reopen(self) -> None:
        """Look for the port that is gone."""
        self._deadman.port(None)
        self.bus.reopen()
        check_same(self.bus, self._offsets)
        self._deadman.port(self.bus.fileno())

    def limp(self) -> list[str]:
        """The motors that have no torque."""
        torque = handshake.ask_all(self.bus, "Torque_Enable")["Torque_Enable"]
        return [name for name in JOINTS if not torque[name]]

    def check_ranges(self, joints: F32) -> None:
        """Raise Uncalibrated if one of the ``joints`` (6,) [deg, %] is far outside of its range."""
        low, high = self.units.limits.T
        beyond = np.maximum(low - joints, joints - high)
        for name, far in zip(JOINTS, beyond, strict=True):
            if far > _BEYOND:
                raise Uncalibrated(
                    f"{name} stands {far:.0f} deg outside of its calibrated range: move it back "
                    "by hand, or run `hil-app calibrate` if it does not stand there."
                )

    def _take(self, answers: Answers, now: float) -> None:
        for index, name in enumerate(JOINTS):
            reason = answers.missing.get(name) or self._implausible(answers, index, now)
            if reason:
                self._miss(name, reason, now)
                continue
            for register in SENSED:
                self._known.values[register][index] = answers.values[register][name]
            self._known.errors[index] = answers.errors[name]
            self._known.stamps[index] = now
            if self._silent.pop(name, None):
                self.woken.add(name)

    def _implausible(self, answers: Answers, index: int, now: float) -> str | None:
        """Why a motor's answer cannot be, if it cannot."""
        new = answers.values["Present_Position"][JOINTS[index]]
        old = self._known.values["Present_Position"][index]
        soon = now - self._known.stamps[index] < _SOON
        if soon and abs(new - old) > STEPS // 4:
            return f"its position jumped from {old:.0f} to {new} steps"
        if not -STEPS < new < 2 * STEPS:
            return f"its position reads {new} steps: turn its power off and on, then calibrate"
        return None

    def _miss(self, motor: str, reason: str, now: float) -> None:
        silence = self._silent.setdefault(motor, _Silence(reason, now))
        if silence.since == now:
            self._tell(MotorSilent(motor=motor, reason=reason))
        if now - silence.since > self._patience:
            raise handshake.no_good_answer(self.bus, motor, reason)

    def _bear(self, now: float, error: NotConnected) -> None:
        """The port is gone; raise what was first said of it once that is too long ago."""
        if self._gone is None or type(error) is not type(self._farewell):
            self._gone = now if self._gone is None else self._gone
            self._farewell = error
            self._tell(PortGone(cause=str(error)))
        if now - self._gone > self._patience:
            raise self._farewell

    def _back(self, now: float) -> None:
        if self._gone is not None:
            self._tell(PortBack(note=f"{self._cfg.port}, after {now - self._gone:.1f} s"))
            self._gone = None
            self.woken.update(JOINTS)
