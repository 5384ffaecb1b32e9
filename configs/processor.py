"""What the steps between policy, robot and learner do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from configs.base import Config
from configs.classifier import SuccessClassifierConfig
from configs.registry import OpenConfig
from configs.reward import RewardConfig, SparseRewardConfig
from configs.step import StepConfig

Xyz = tuple[float, float, float]
Coordinate = Annotated[float, Field(ge=-1, le=1)]  # along an axis; no arm gets that far [m]
Region: TypeAlias = tuple[int, int, int, int]  # of an image: top, left, height, width [px]
_Given: TypeAlias = tuple[float, float, float, float]  # the same, or shares of the image
Edge = Annotated[int | float, Field(ge=0)]  # where one begins: pixels, or a share
Length = Annotated[int | float, Field(gt=0)]  # how long its side is: pixels, or a share
Side = Annotated[int, Field(ge=1, le=4096)]  # of an image [px]
Stride = Annotated[float, Field(gt=0, le=0.2)]  # in one tick [m]


class BoundsConfig(Config):
    """The box the gripper stays in, base frame: x forward, y left, z up."""

    min: tuple[Coordinate, Coordinate, Coordinate] = (0.13, -0.17, 0.01)
    """Lowest x, y, z [m]."""
    max: tuple[Coordinate, Coordinate, Coordinate] = (0.31, 0.17, 0.08)
    """Highest x, y, z [m]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not all(low < high for low, high in zip(self.min, self.max, strict=True)):
            raise ValueError(f"each min must be below its max: got {self.min} and {self.max}")
        return self


class GripperConfig(Config):
    """The discrete gripper: 0 close, 1 stay, 2 open."""

    closed: float = Field(0.0, ge=0, le=100)
    """Position that "close" goes to [%]."""
    open: float = Field(45.0, ge=0, le=100)
    """Position that "open" goes to [%]."""
    max_step: float = Field(100.0, gt=0, le=100)
    """Longest way in one tick [%]; "stay" holds the commanded position."""
    penalty: float | None = Field(-0.02, le=0)
    """Cost of a command that flips the gripper, seen by its critic alone; null for none."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.closed == self.open:
            raise ValueError(
                "open and closed must differ; 0 is closed and 100 open on a calibrated arm"
            )
        return self


class WristConfig(Config):
    """Pitch and roll of the gripper as two more motions of the action, behind x, y and z.

    The box of the bounds holds the gripper frame, between the fingertips, and nothing else: an open
    finger gets 3 cm below it at a pitch of 30 degrees, 6 at 60 and 9 at 80. Raise bounds.min by as
    much, or narrow the pitch.
    """

    pitch_step: float = Field(5.0, gt=0, le=90)
    """How far a full action of 1.0 raises the fingers in one tick [deg]."""
    roll_step: float = Field(10.0, gt=0, le=180)
    """How far a full action of 1.0 turns them in one tick, clockwise as the gripper sees it
    [deg]."""
    pitch: tuple[float, float] = (-20.0, 90.0)
    """Lowest and highest pitch: 0 points straight down, 90 level and away from the arm [deg]."""
    max_error: float = Field(1.0, gt=0, le=45)
    """A solution that misses its pitch by more is refused, and the pitch stays [deg]."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not -180 <= self.pitch[0] < self.pitch[1] <= 180:
            raise ValueError(
                f"pitch needs its lowest before its highest, within -180 to 180: got {self.pitch}"
            )
        return self


class InverseKinematicsConfig(Config):
    """How a gripper position becomes joint targets."""

    max_joint_step: float = Field(35.0, gt=0, le=180)
    """Longest way of a body joint in one tick [deg]."""
    max_error: float = Field(0.005, gt=0, le=0.1)
    """A solution further than this from its target is refused and the arm holds [m]."""


class ObservationConfig(Config):
    """What of the arm's state the policy sees; each part is appended to observation.state."""

    joints: Literal["all", "gripper"] | None = "all"
    """Measured joint positions: all six, the gripper's alone, or none."""
    joint_velocity: bool = False
    """Measured joint velocities."""
    motor_current: bool = False
    """Measured motor currents."""
    end_effector: Literal["absolute", "relative"] | None = "absolute"
    """Gripper position in the base frame, or relative to the reset pose."""
    target: bool = True
    """The target in force: its offset from the gripper, and the commanded gripper position."""
    object: Literal["absolute", "relative"] | None = "relative"
    """Simulated worlds only: the object's position in the base frame, or from the gripper. A real
    arm does not sense it: left alone, it is null there."""
    images: bool = True
    """The images of all cameras there are; false only records them."""

    @property
    def numbers(self) -> bool:
        """Whether there is anything beside the images."""
        return any(getattr(self, name) for name in type(self).model_fields if name != "images")


class ImageConfig(Config):
    """What of the images the policy sees."""

    crop: dict[str, tuple[Edge, Edge, Length, Length]] = {}
    """Region of interest by camera: top, left, height, width [px], or, where none of them is above
    1, these as shares of the image's height and width, whatever its size."""
    resize: tuple[Side, Side] | None = None
    """Height and width of every image after the crop [px]; null leaves the size."""

    @field_validator("crop")
    @classmethod
    def _lie_in_their_images(cls, crop: Mapping[str, _Given]) -> dict[str, _Given]:
        return {camera: _lies_in(camera, given) for camera, given in crop.items()}

    def regions(self, cameras: Mapping[str, tuple[int, int]]) -> dict[str, Region]:
        """The crops of these cameras, of an image's (height, width) [px] each, in whole pixels."""
        return {
            camera: _pixels(given, *cameras[camera])
            for camera, given in self.crop.items()
            if camera in cameras
        }


def _lies_in(camera: str, given: _Given) -> _Given:
    """The same, pixels as whole numbers. ValueError if no image can have such a part."""
    top, left, height, width = given
    if max(given) > 1:
        if not all(float(number).is_integer() for number in given):
            raise ValueError(
                f"{camera}: {list(given)} (top, left, height, width) must be whole pixels, or "
                "shares of the image, none of them above 1"
            )
        return int(top), int(left), int(height), int(width)
    if top + height > 1 or left + width > 1:
        raise ValueError(
            f"{camera}: {list(given)} (top, left, height, width, as shares of the image) reaches "
            "outside the image: top + height and left + width must be at most 1"
        )
    return given


def _pixels(given: _Given, height: int, width: int) -> Region:
    if max(given) > 1:
        top, left, high, wide = map(int, given)
        return top, left, high, wide
    (top, high), (left, wide) = _side(*given[::2], height), _side(*given[1::2], width)
    return top, left, high, wide


def _side(begin: float, share: float, whole: int) -> tuple[int, int]:
    """Where a part of a side begins, and how long it is; at least a pixel."""
    first = min(round(begin * whole), whole - 1)
    return first, max(round((begin + share) * whole) - first, 1)


class ProcessorConfig(OpenConfig):
    """What the steps between policy, robot and learner do."""

    step_size: tuple[Stride, Stride, Stride] = (0.02, 0.02, 0.02)
    """How far a full action of 1.0 moves the target along x, y, z in one tick [m]."""
    bounds: BoundsConfig = BoundsConfig()
    """The box the gripper stays in."""
    gripper: GripperConfig = GripperConfig()
    """The discrete gripper."""
    wrist: WristConfig | None = None
    """Pitch and roll as motions of the action too; null moves the gripper's position alone."""
    inverse_kinematics: InverseKinematicsConfig = InverseKinematicsConfig()
    """How a gripper position becomes joint targets."""
    observation: ObservationConfig = ObservationConfig()
    """What of the arm's state the policy sees."""
    images: ImageConfig = ImageConfig()
    """What of the images the policy sees."""
    success_classifier: SuccessClassifierConfig | None = None
    """Success as a trained classifier sees it; null leaves it to the simulated world and the
    operator."""
    reward: RewardConfig = SparseRewardConfig()
    """What a tick is worth."""
    steps: list[StepConfig] = []
    """Steps of others, each before or after another step, in order."""

    @model_validator(mode="after")
    def _rolls_in_one_step(self) -> Self:
        longest = self.inverse_kinematics.max_joint_step
        if self.wrist is not None and self.wrist.roll_step > longest:
            raise ValueError(
                f"wrist.roll_step ({self.wrist.roll_step:g} deg) must not be above "
                f"inverse_kinematics.max_joint_step ({longest:g} deg)"
            )
        return self
