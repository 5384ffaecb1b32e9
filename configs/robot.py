"""Which body a run moves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from configs.base import Config

JointPose = tuple[float, float, float, float, float, float]


class SimCameraConfig(Config):
    """A camera of the simulated world."""

    view: Literal["front", "wrist"] = "front"
    """Where it sits: in front of the table, or on the gripper."""
    width: int = Field(128, ge=16, le=1920)
    """Picture width [px]."""
    height: int = Field(128, ge=16, le=1080)
    """Picture height [px]."""


class SimRobotConfig(Config):
    """What both simulated arms share."""

    task: Literal["pick_lift", "reach"] = "pick_lift"
    """What the arm is to learn: lift the cube, or bring the gripper to the marked point."""
    cameras: dict[str, SimCameraConfig] = {}
    """Cameras by name; none needs no OpenGL."""


class SO101SimConfig(SimRobotConfig):
    """The MuJoCo twin of the SO101."""

    type: Literal["so101_sim"] = "so101_sim"
    """The body's name."""
    reset_pose: JointPose = (0.0, -12.2, 13.6, 88.5, 0.0, 45.0)
    """Joints at an episode's start: body joints [deg], gripper [%]."""


class SO100SimConfig(SimRobotConfig):
    """The MuJoCo twin of the SO100."""

    type: Literal["so100_sim"] = "so100_sim"
    """The body's name."""
    reset_pose: JointPose = (0.0, -12.5, 18.3, 91.6, 0.0, 45.0)
    """Joints at an episode's start: body joints [deg], gripper [%]."""


def our_spelling(kind: str) -> str:
    """Our ``so100`` for lerobot's ``so100_follower`` (and ``so100_follower_sim``)."""
    return kind.replace("_follower", "")


def _lerobot_spelling(block: object) -> object:
    """Accept lerobot's names of the types."""
    if isinstance(block, dict) and isinstance(block.get("type"), str):
        return block | {"type": our_spelling(block["type"])}
    return block


RobotConfig = Annotated[
    SO100SimConfig | SO101SimConfig,
    Field(discriminator="type"),
    BeforeValidator(_lerobot_spelling),
]
