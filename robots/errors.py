"""What may go wrong with a robot, without anything that takes time to import."""

from __future__ import annotations

from configs.errors import HilAppError


class RobotError(HilAppError):
    """A robot cannot do what was asked; the message has the facts and the remedy."""


class NotConnected(RobotError):
    """The robot was used outside its ``with`` block."""


class PortInUse(NotConnected):
    """Another program has the port open."""


class SpeedRefused(NotConnected):
    """This system cannot have a port at that speed; the port itself is there."""


class WrongArm(NotConnected):
    """The port is there, but it is another arm's now."""


class BusTimeout(RobotError):
    """A motor does not answer, or only with damaged packets, for longer than can be borne."""


class ServoFault(RobotError):
    """A motor is in trouble, or is not the one that was expected."""


class LoopStalled(RobotError):
    """Nobody has commanded the arm for so long that it was let down."""


class Uncalibrated(RobotError):
    """It is not known where the arm's joints are."""


class CameraError(RobotError):
    """A camera cannot be opened, gives something else than asked for, or is lost."""


class RenderError(RobotError):
    """Images of the twin were asked for and no off-screen OpenGL is to be had."""
