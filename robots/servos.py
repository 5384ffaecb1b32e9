"""Six motors on a servo bus as the joints of an arm; followers and leaders have them alike."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType

import numpy as np

from configs.robot import ServoArmConfig
from robots import calibration
from robots.base import (
    F32,
    JOINTS,
    BusTimeout,
    NotConnected,
    RobotError,
    ServoFault,
    Tell,
    Uncalibrated,
)
from robots.calibration import Calibration, Units
from robots.feetech import Answers, FeetechBus
from robots.registers import MODEL, REGISTERS, STEPS
from robots.safety import Senses

MOTORS = MappingProxyType({name: number for number, name in enumerate(JOINTS, 1)})
"""The ID of each motor."""

SENSED = (
    "Present_Position",
    "Present_Velocity",
    "Present_Load",
    "Present_Voltage",
    "Present_Temperature",
    "Present_Current",
)
_MILLIAMPERES = 6.5  # a unit of Present_Current
_TRIES = 3  # at least, to release the motors
_PAUSE = 0.05  # before a port that is gone is looked for again [s]
_SHARES = 20  # steps in which an arm is let down
_MULTI_TURN = 16  # bit of the register Phase
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
    ``group`` and ``kind`` say where lerobot keeps such an arm's calibration.
    """

    def __init__(
        self, cfg: ServoArmConfig, patience_s: float, tell: Tell, *, group: str, kind: str
    ) -> None:
        self.bus = FeetechBus(cfg.port, MOTORS, cfg.baud_rate)
        self.woken: set[str] = set()
        self._cfg, self._patience, self._tell = cfg, patience_s, tell
        self._folder = cfg.calibration_dir or calibration.folder(kind, group)
        self._known = _Known()
        self._silent: dict[str, _Silence] = {}
        self._gone: float | None = None  # since when the port has been
        self._farewell = NotConnected()  # what was said of it then
        self.units: Units  # once open

    def open(self) -> None:
        """Open the port, see that all motors are there, and learn their calibration.

        Raises NotConnected, BusTimeout, ServoFault or Uncalibrated.
        """
        self.bus.open()
        try:
            self._handshake()
            self._count_one_turn()
            self.units = Units(self._calibration(), self._cfg.gripper_opens)
        except BaseException:
            self.bus.close()
            raise

    @property
    def silent(self) -> bool:
        """Whether a motor, or the port, gave no good answer when they were last asked."""
        return bool(self._silent) or self._gone is not None

    def close(self) -> None:
        """Close the port; torque stays as it is."""
        self.bus.close()

    def configure(self, settings: Mapping[str, Mapping[str, int]]) -> None:
        """Make registers, by name, have these values by motor; what fits already stays.

        Torque is taken off a motor whose EEPROM has to change.
        """
        for register, wanted in settings.items():
            held = self._all(register)
            changes = {name: value for name, value in wanted.items() if held[name] != value}
            for motor, value in changes.items():
                if REGISTERS[register].eeprom:
                    with self.unlocked(motor):
                        self.bus.write(register, motor, value)
                else:
                    self.bus.write(register, motor, value)

    @contextmanager
    def unlocked(self, motor: str) -> Iterator[None]:
        """Meanwhile the motor is limp and what is written to its EEPROM persists."""
        self.bus.write("Torque_Enable", motor, 0)
        self.bus.write("Lock", motor, 0)
        try:
            yield
        finally:
            self.bus.write("Lock", motor, 1)

    def sense(self) -> Senses:
        """What all motors say now, or said last.

        Raises BusTimeout or NotConnected once a motor has been silent, or the port gone, for
        longer than the patience.
        """
        now = time.monotonic()
        try:
            if self._gone is not None:
                self.bus.reopen()
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
        try:
            goals = dict(zip(JOINTS, steps.tolist(), strict=True))
            self.bus.sync_write("Goal_Position", goals)
        except NotConnected as error:
            self._bear(time.monotonic(), error)
        return self.units.joints(steps)

    def engage(self) -> F32:
        """Torque on, each motor at its present position; returns the joints (6,) [deg, %].

        Raises Uncalibrated if a joint stands outside of its range, where it would jump.
        """
        here = self.settled().joints
        self._check_ranges(here)
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
        try:
            limits = self._all("Torque_Limit")
        except RobotError:
            self.release()
            return
        try:
            for share in np.linspace(1.0, 0.0, _SHARES)[1:]:
                weaker = {name: round(share * limit) for name, limit in limits.items()}
                self.bus.sync_write("Torque_Limit", weaker)
                time.sleep(seconds / _SHARES)
        except NotConnected:
            pass  # the release says so
        finally:
            self.release()
        self.bus.sync_write("Torque_Limit", limits)

    def release(self) -> None:
        """Torque off: all motors are told at once, and again while one of them has not heard.

        A port that is gone is waited for as long as patience lasts. Raises ServoFault that names
        the motors that may still have torque.
        """
        failed, end = dict.fromkeys(JOINTS, ""), time.monotonic() + self._patience
        lost = self._gone is not None
        for tried in count():
            try:
                if lost:
                    self.bus.reopen()
                    lost = False
                self.bus.sync_write("Torque_Enable", dict.fromkeys(failed, 0))
                failed = self._holding(list(failed))
            except NotConnected as error:
                failed, lost = dict.fromkeys(failed, str(error)), True
                time.sleep(_PAUSE)
            if not failed:
                return
            if tried >= _TRIES and time.monotonic() > end:
                break
        causes = "; ".join(dict.fromkeys(failed.values()))
        raise ServoFault(
            f"{', '.join(failed)} may still have torque: switch off the arm's power ({causes})."
        )

    def _holding(self, motors: list[str]) -> dict[str, str]:
        """The motors that are not known to be without torque, and why."""
        answers = self.bus.sync_read(["Torque_Enable"], motors)
        on = [name for name, torque in answers.values["Torque_Enable"].items() if torque]
        return answers.missing | dict.fromkeys(on, "torque stays on")

    def limp(self) -> list[str]:
        """The motors that have no torque."""
        torque = self._all("Torque_Enable")
        return [name for name in JOINTS if not torque[name]]

    def _handshake(self) -> None:
        """Raise unless the six motors are there and alike."""
        silent = {}
        for name in JOINTS:
            try:
                model = self.bus.ping(name)
            except BusTimeout as error:
                silent[name] = str(error)
                continue
            if model != MODEL:
                raise ServoFault(
                    f"{name} (ID {MOTORS[name]}) is of model {model}, not {MODEL} (STS3215): is "
                    "this the right port, and the right motor?"
                )
        if len(silent) == len(MOTORS):
            raise BusTimeout(
                f"No motor answers on {self._cfg.port}: is the arm's power on, is this its port "
                "(`hil-app find-port`), and have its motors been set up (`hil-app setup-motors`)?"
            )
        if silent:
            raise BusTimeout(
                f"No answer of {', '.join(f'{name} (ID {MOTORS[name]})' for name in silent)}; the "
                f"other {len(MOTORS) - len(silent)} motors answer: check the cable before it, or "
                "give it its ID with `hil-app setup-motors`."
            )
        self._check_firmware()

    def _check_firmware(self) -> None:
        major, minor = self._all("Firmware_Major_Version"), self._all("Firmware_Minor_Version")
        versions = {name: f"{major[name]}.{minor[name]}" for name in JOINTS}
        if len(set(versions.values())) > 1:
            shown = ", ".join(f"{name} {version}" for name, version in versions.items())
            raise ServoFault(
                f"The motors have different firmware ({shown}): bring all to the newest with "
                "Feetech's own software."
            )

    def _count_one_turn(self) -> None:
        """Take motors out of the mode in which positions count over many turns."""
        for name, phase in self._all("Phase").items():
            if phase & _MULTI_TURN:
                with self.unlocked(name):
                    self.bus.write("Phase", name, phase & ~_MULTI_TURN)

    def _calibration(self) -> Calibration:
        """The arm's calibration: the file's, which the motors are made to hold, or the motors'."""
        held = calibration.of_motors(self.bus, MOTORS)
        if self._cfg.id is None:
            calibration.check_motors(held)
            return held
        path = self._folder / f"{self._cfg.id}.json"
        wanted = calibration.load(path)
        wrong = [name for name in JOINTS if wanted[name].id != MOTORS[name]]
        if wrong:
            raise Uncalibrated(
                f"The calibration {path} is of an arm with other IDs ({', '.join(wrong)})."
            )
        changes = calibration.differences(wanted, held)
        for name in changes:
            with self.unlocked(name):
                calibration.write_to(self.bus, name, wanted[name])
        if changes:
            told = "; ".join(f"{name}: {change}" for name, change in changes.items())
            self._tell("calibration_restored", note=f"from {path}: {told}")
        return wanted

    def _check_ranges(self, joints: F32) -> None:
        low, high = self.units.limits.T
        beyond = np.maximum(low - joints, joints - high)
        for name, far in zip(JOINTS, beyond, strict=True):
            if far > _BEYOND:
                raise Uncalibrated(
                    f"{name} stands {far:.0f} deg outside of its calibrated range: move it back "
                    "by hand, or run `hil-app calibrate` if it does not stand there."
                )

    def _all(self, register: str) -> dict[str, int]:
        """A register of every motor; raises BusTimeout if one does not answer."""
        answers = self.bus.sync_read([register])
        for motor, reason in answers.missing.items():
            raise self._timeout(motor, reason)
        return answers.values[register]

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
            self._tell("motor_silent", motor=motor, reason=reason)
        if now - silence.since > self._patience:
            raise self._timeout(motor, reason)

    def _timeout(self, motor: str, reason: str) -> BusTimeout:
        return BusTimeout(
            f"{motor} (ID {MOTORS[motor]}) gives no good answer ({reason}): check the cables and "
            f"the power of the arm on {self._cfg.port}."
        )

    def _bear(self, now: float, error: NotConnected) -> None:
        """The port is gone; raise what was first said of it once that is too long ago."""
        if self._gone is None:
            self._gone, self._farewell = now, error
            self._tell("port_gone", cause=str(error))
        if now - self._gone > self._patience:
            raise self._farewell

    def _back(self, now: float) -> None:
        if self._gone is not None:
            self._tell("port_back", note=f"{self._cfg.port}, after {now - self._gone:.1f} s")
            self._gone = None
            self.woken.update(JOINTS)
