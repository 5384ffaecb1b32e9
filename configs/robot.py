"""Which robot a run moves. One of your own: a subclass of :class:`RobotConfig`, registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from configs.base import Changeable, Config, number
from configs.camera import CameraName, OpenCVCameraConfig
from configs.registry import OpenConfig, Registry
from configs.task import PickLiftConfig, TaskConfig
from configs.text.paths import UserPath, UserText

if TYPE_CHECKING:
    from configs.run import RunConfig


def _rising(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] < span[1]:
        raise ValueError("the lower end must be below the upper one")
    return span


def _file_name(name: str) -> str:
    bare = name.strip(". ") and "/" not in name and name.isprintable()
    if not bare or len(name.encode()) > _LONGEST:
        raise ValueError(f"must be the name of a file: 1 to {_LONGEST} letters, without /")
    return name


_LONGEST = 200  # bytes of a file's name, with room for what is put behind it
JointPose = tuple[float, float, float, float, float, float]
Sign = Literal[-1, 1]
Randomize = Literal["none", "visual", "full"]
Volts = Annotated[float, Field(ge=0, le=25.5)]  # what a motor's register can say
Turned = Annotated[float, Field(ge=-180, le=180)]  # off the middle of a range [deg]
JointSpan = Annotated[tuple[float, float], AfterValidator(_rising)]  # lowest, highest
BaudRate = Annotated[
    Literal[1_000_000, 500_000, 250_000, 128_000, 115_200, 57_600, 38_400, 19_200],
    BeforeValidator(number),
]


class RobotConfig(Config):
    """Base of every robot's config; what the rest of a run's config must know of it stands here."""

    real_time: ClassVar[bool] = False  # it moves whether or not anybody waits for it
    apart: ClassVar[bool] = False  # its task is with things that its own joints do not tell of
    brings_cameras: ClassVar[bool] = False  # which cameras it has is known once it is made
    observes: ClassVar[Mapping[str, Any]] = {}  # parts of the observation, where nobody says others

    type: str
    """The robot's name."""
    cameras: Mapping[CameraName, Any] = Field({}, max_length=0)
    """Cameras by name; this robot has none."""
    reset_pose: tuple[float, ...] = ()
    """Where an episode begins, in the robot's units; none is where the robot itself begins."""

    @property
    def follower(self) -> FollowerConfig | None:
        """What it is, if it is an SO100 or SO101 on its servo bus."""
        return None

    @property
    def twin(self) -> SimRobotConfig | None:
        """What it is, if it is the simulated twin of one."""
        return None

    @property
    def bus(self) -> str | None:
        """The serial port that it has to itself, if it has one."""
        return None

    def check(self, run: RunConfig) -> None:
        """Raise ValueError, led by the dotted path, if it does not fit the rest of a run."""


ROBOTS: Registry[RobotConfig] = Registry("robot", RobotConfig)


class SimCameraConfig(Config):
    """A camera of the simulated world."""

    view: Literal["front", "wrist"] = "front"
    """Where it sits: in front of the table, or on the gripper."""
    width: int = Field(128, ge=16, le=1920)
    """Image width [px]."""
    height: int = Field(128, ge=16, le=1080)
    """Image height [px]."""


class SimRobotConfig(OpenConfig, RobotConfig):
    """What both simulated arms share."""

    apart = True

    task: TaskConfig = PickLiftConfig()
    """What the arm is to learn, such as pick_lift (the cube) or reach (the marked point)."""
    cameras: dict[CameraName, SimCameraConfig] = {}
    """Cameras by name; none needs no OpenGL."""
    randomize: Changeable[Randomize] = "none"
    """What differs from episode to episode beside where things lie. visual: colours, sizes within
    8 % where the task allows it, light, and where the cameras look from, by up to 2 cm and some
    degrees. full: also friction and mass, 0 to 2 ticks from a command to the motion, and noise on
    what is sensed, of 0.3 deg and 2 mm."""

    @property
    def twin(self) -> SimRobotConfig:
        """Itself."""
        return self


@ROBOTS.register("robots.twin.robot:SimRobot", spellings=("so101_follower_sim",))
class SO101SimConfig(SimRobotConfig):
    """The MuJoCo twin of the SO101."""

    type: Literal["so101_sim"] = "so101_sim"
    """The robot's name."""
    reset_pose: JointPose = (0.0, -12.2, 13.6, 88.5, 0.0, 45.0)
    """Joints at an episode's start: body joints [deg], gripper [%]."""


@ROBOTS.register("robots.twin.robot:SimRobot", spellings=("so100_follower_sim",))
class SO100SimConfig(SimRobotConfig):
    """The MuJoCo twin of the SO100."""

    type: Literal["so100_sim"] = "so100_sim"
    """The robot's name."""
    reset_pose: JointPose = (0.0, -12.5, 18.3, 91.6, 0.0, 45.0)
    """Joints at an episode's start: body joints [deg], gripper [%]."""


class SafetyConfig(Config):
    """What keeps the arm, and what is around it, whole."""

    max_speed: float = Field(120.0, ge=1, le=360)
    """Fastest that the target of a body joint may move [deg/s]; the gripper's goes twice as fast
    [%/s]."""
    max_grip: float = Field(24.0, gt=0, le=50)
    """What the gripper may squeeze with [% of stall torque]; from 25 on its motor protects itself
    after two seconds and lets go."""
    max_load: float = Field(80.0, gt=0, le=100)
    """Load of a body joint that hardly moves, which counts as an overload [% of stall torque]."""
    max_temperature: float = Field(60.0, gt=0, le=80)
    """Temperature of a motor that counts as too hot [deg C]."""
    voltage: Annotated[tuple[Volts, Volts], AfterValidator(_rising)] = (4.5, 13.5)
    """Lowest and highest supply that is in order [V]."""
    stall_error: float = Field(10.0, gt=0, le=180)
    """How far behind its target a joint that stands still is stalled [deg]."""
    hold_s: float = Field(0.5, gt=0, le=10)
    """How long a joint in trouble is held where it is before it backs off [s]."""
    back_off_s: float = Field(1.5, gt=0, le=10)
    """How long it then backs off before all torque is released and the run ends [s]."""
    patience_s: float = Field(0.5, gt=0, le=2)
    """How long a motor may stay silent, or its packets corrupt, before the run ends [s]."""
    watchdog_s: float = Field(0.3, gt=0, le=2)
    """Time without a command after which the arm is held where it is [s]."""
    let_down_s: float = Field(2.0, ge=0.5, le=10)
    """Time without a command after which the arm is let down, and the run ends once it wakes [s];
    robot.disable_torque_on_disconnect does not change that."""
    deadman_s: float = Field(5.0, ge=1, le=60)
    """Time without a command after which a process of its own lets the arm down [s]: the program
    stands still, and cannot do it itself. It does so at once if the program dies."""

    @model_validator(mode="after")
    def _one_after_the_other(self) -> Self:
        first, then, last = self.watchdog_s, self.let_down_s, self.deadman_s
        if not first < then < last:
            raise ValueError(
                f"the arm is held first (watchdog_s, {first:g}), let down later (let_down_s, "
                f"{then:g}), and last of all by another process (deadman_s, {last:g}): set times "
                "that rise in this order"
            )
        return self


class ServoArmConfig(Config):
    """What every arm on a servo bus has, be it follower or leader."""

    leads: ClassVar[bool] = False  # the operator holds it

    port: UserText = "/dev/ttyACM0"
    """Serial port of the arm; `hil-app find-port` finds it."""
    baud_rate: BaudRate = 1_000_000
    """Speed of the servo bus [bit/s]."""
    id: Annotated[str, AfterValidator(_file_name)] | None = None
    """Name of the arm's calibration file; null takes the calibration that its motors hold."""
    calibration_dir: UserPath | None = None
    """Folder of calibration files; null is where lerobot keeps them, or kept them before 0.4.3."""
    gripper_opens: Literal["up", "down"] = "up"
    """Whether the gripper's position counts up or down as it opens; up unless this or the
    calibration's file says down (drive_mode 1)."""


class FollowerConfig(ServoArmConfig, RobotConfig):
    """What an SO100 and an SO101 share."""

    real_time = apart = True
    leads: ClassVar[Literal[False]] = False

    joint_signs: tuple[Sign, Sign, Sign, Sign, Sign] | None = None
    """Which way each body joint turns the arm's model, 1 or -1; null is as calibrated by
    `hil-app calibrate`."""
    joint_offsets: tuple[Turned, Turned, Turned, Turned, Turned] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """What each body joint reads where the arm's model is at the middle of its range [deg]."""
    joint_limits: tuple[JointSpan, JointSpan, JointSpan, JointSpan, JointSpan, JointSpan] | None = (
        None
    )
    """Lowest and highest position of each joint in a run, within its calibrated range: body
    joints [deg], gripper [%]; null for all of that range. `hil-app find-limits` measures them."""
    max_relative_target: float | None = Field(30.0, ge=0.1, le=180)
    """How far a joint's target may lead its measured position [deg], gripper [%]; null for no
    such limit."""
    rest_pose: JointPose | None = (0.0, -98.0, 85.0, 60.0, 0.0, 5.0)
    """Where the arm goes before torque is released: body joints [deg], gripper [%]; null stays."""
    disable_torque_on_disconnect: bool = True
    """Release torque at the end; false leaves the arm holding its pose, except after a fault of its
    motors."""
    p_coefficient: int = Field(16, ge=4, le=64)
    """Stiffness of the servos' position control; they come with 32."""
    i_coefficient: int = Field(0, ge=0, le=64)
    """Integral part of the servos' position control; they come with 0."""
    d_coefficient: int = Field(32, ge=0, le=128)
    """Damping of the servos' position control; they come with 32."""
    safety: SafetyConfig = SafetyConfig()
    """What keeps the arm, and what is around it, whole."""
    cameras: dict[CameraName, OpenCVCameraConfig] = {}
    """Cameras by name."""

    @property
    def follower(self) -> FollowerConfig:
        """Itself."""
        return self

    @property
    def bus(self) -> str:
        """Its port."""
        return self.port

    def check(self, run: RunConfig) -> None:
        """Raise ValueError if a tick is longer than its watchdog waits, or it is to sense more."""
        tick, patience = 1.0 / run.env.fps, self.safety.watchdog_s
        if tick >= patience:
            raise ValueError(
                f"robot.safety.watchdog_s: {patience:g} s are over before the next tick, after "
                f"{tick:g} s: set more, or a higher env.fps"
            )
        if run.processor.observation.object is not None:
            raise ValueError(
                "processor.observation.object: a real arm does not sense it: set null, and name "
                "cameras under robot.cameras"
            )


@ROBOTS.register("robots.so100:SO100Robot", spellings=("so101_follower",))
class SO101Config(FollowerConfig):
    """An SO101 on its servo bus."""

    type: Literal["so101"] = "so101"
    """The robot's name."""
    reset_pose: JointPose = (0.0, -12.2, 13.6, 88.5, 0.0, 45.0)
    """Joints at an episode's start: body joints [deg], gripper [%]."""


@ROBOTS.register("robots.so100:SO100Robot", spellings=("so100_follower",))
class SO100Config(FollowerConfig):
    """An SO100 on its servo bus."""

    type: Literal["so100"] = "so100"
    """The robot's name."""
    reset_pose: JointPose = (0.0, -12.5, 18.3, 91.6, 0.0, 45.0)
    """Joints at an episode's start: body joints [deg], gripper [%]."""
