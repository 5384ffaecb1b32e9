"""What robots tell of: see :mod:`configs.events`."""

from __future__ import annotations

from collections.abc import Sequence

from configs.events import Event, Notice, Problem


class CalibrationsDiffer(Notice):
    """There are two files of one arm's calibration, and they differ."""


class CalibrationRestored(Notice):
    """The motors had lost their calibration, and have that of the file again."""


class CalibrationChanged(Notice):
    """The motors hold another calibration than before."""


class CalibrationRecognised(Notice):
    """The motors hold the calibration of a file that was not named."""


class OtherArm(Notice):
    """The calibration seems to be another arm's."""


class DriveModeUnused(Notice):
    """A calibration turns joints in a way that is not used."""


class GripperWayUnknown(Notice):
    """It is not known which way the gripper opens."""


class UnusualMotors(Problem):
    """Motors are set in a way that only their maker can set right."""


class MotorSilent(Event):
    """A motor does not answer, for now."""

    motor: str
    reason: str


class PortGone(Problem):
    """The serial port is gone, for now."""


class PortBack(Notice):
    """The serial port is back."""


class DeadmanLost(Problem):
    """The process that watches over the arm is lost."""


class DeadmanBack(Notice):
    """Another such process watches over the arm."""


class Trouble(Problem):
    """The guard acts on what the motors feel."""

    response: str  # what it does


class Halted(Problem):
    """The arm was stopped at once."""


class RestNotReached(Problem):
    """The arm did not reach its rest pose."""


class TorqueLost(Problem):
    """Motors had no power for a moment."""


class TorqueLeftOn(Problem):
    """Torque could not be released."""


class TorqueStaysOn(Notice):
    """Torque is not released, as configured."""


class TorqueUnwatched(Notice):
    """Nobody will release the torque if this program dies, as configured."""


class WatchdogHeld(Event):
    """Nobody has commanded the arm for so long that it holds."""

    after_s: float  # [s]


class WatchdogLetDown(Problem):
    """Nobody has commanded the arm for so long that it was let down."""

    after_s: float  # [s]


class Released(Event):
    """The torque of an arm is off."""

    motors: Sequence[str]


class CameraStale(Problem):
    """A camera gives no new images, for now."""

    camera: str


class CameraBack(Problem):
    """A camera gives images again."""

    camera: str


class CameraSlow(Problem):
    """A camera gives fewer images than asked for."""

    camera: str


class CameraDark(Problem):
    """A camera's images are black."""

    camera: str
