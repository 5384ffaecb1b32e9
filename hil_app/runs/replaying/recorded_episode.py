"""An episode of a dataset as something to do again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.load import ConfigError
from configs.names import ACTION
from configs.processor import ImageConfig
from configs.run import RunConfig
from hil_app.build.actions import actions_of
from hil_app.build.robots import make_robot
from hil_app.datasets.joints import Joints
from hil_app.datasets.places import check_episode
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import INTERVENTION, SEED
from hil_app.recording.values import check_values
from robots.base import F32, RobotSpec
from robots.kinematics import Kinematics

RECORD = "record"  # the stage that counts all episodes there are
NEAR = 3.0, 5.0  # a start that differs by less is the same one [deg], [%]
HALF_A_TURN = 180.0  # what counts for as much as the whole range of another unit [deg]


@dataclass(frozen=True)
class RecordedEpisode:
    """What was done and sent in an episode of T frames, and where the arm was."""

    episode: int
    fps: float
    robot_type: str
    names: tuple[str, ...]  # (n,) of what was sent
    actions: F32 | None  # (T, a); None if they are the targets
    sent: F32  # (T, n) targets, in the robot's units
    is_intervention: NDArray[np.bool_]  # (T,) the operator acted
    joints: F32 | None  # (T or T + 1, n) measured; None if that is not recorded
    start: F32 | None  # (n,) where the robot was before the first action, if that is known
    success: bool | None
    scene: tuple[str, int]  # what a run takes a simulated scene's seed for: stage, and which in it
    seed: int | None = None  # of the scene; earlier versions do not say it

    def __len__(self) -> int:
        return len(self.sent)


def read_recorded(dataset: Dataset, episode: int) -> RecordedEpisode:
    """The episode to do again; DatasetError if there is none, or too little is known of it."""
    check_episode(dataset, episode)
    of = Joints.of(dataset)
    keys = (ACTION, of.targets, *([of.measured] if of.measured else []))
    check_values(dataset, episode, keys)
    columns, joints = dataset.columns(episode), of.at(dataset, episode)
    sent = of.sent(dataset, episode)
    return RecordedEpisode(
        episode=episode,
        fps=dataset.fps,
        robot_type=dataset.robot_type,
        names=tuple(name.removesuffix(".pos") for name in of.names or ()),
        actions=columns.get(ACTION) if of.targets != ACTION else None,
        sent=sent,
        is_intervention=columns.get(INTERVENTION, np.zeros(len(sent), bool)),
        joints=joints,
        start=None if joints is None else joints[0],
        success=dataset.episodes[episode].success,
        scene=_scene(dataset, episode),
        seed=int(columns[SEED][0]) if SEED in columns else None,
    )


def _scene(dataset: Dataset, episode: int) -> tuple[str, int]:
    """Of what the episode's scene was, if one run recorded them all."""
    stages = [about.stage or RECORD for about in dataset.episodes[: episode + 1]]
    stage = stages[-1]
    return stage, episode if stage == RECORD else stages.count(stage) - 1


def fitted(config: RunConfig, recorded: RecordedEpisode) -> RunConfig:
    """``config`` for doing ``recorded`` again: its start and its length, and nothing that is idle.

    Raises ConfigError if the clock, the actions or the arm are others than the recorded ones.
    """
    if config.env.fps != recorded.fps:
        raise ConfigError(
            f"env.fps: {config.env.fps:g}, but it was recorded at {recorded.fps:g} Hz: set "
            f"--env.fps={recorded.fps:g}"
        )
    spec = make_robot(config).spec  # never entered
    if recorded.names and spec.names != recorded.names:
        raise ConfigError(
            f"robot.type: {config.robot.type} has {', '.join(spec.names)}, but "
            f"{', '.join(recorded.names)} were recorded"
        )
    if recorded.actions is not None:
        _check_actions(config, spec, recorded.actions)
    arms = [name.removesuffix("_sim") for name in (config.robot.type, recorded.robot_type)]
    if arms[0] != arms[1]:
        raise ConfigError(
            f"robot.type: {config.robot.type}, but {recorded.robot_type} was recorded"
        )
    pose, robot = _reset_pose(spec, recorded), dict[str, Any]()
    if pose is not None:
        robot["reset_pose"] = tuple(map(float, pose))
    processor: dict[str, Any] = {"success_classifier": None}
    if not config.window:  # nobody looks: no camera needs to be there
        robot["cameras"], processor["images"] = {}, ImageConfig()
    length = {"control_time_s": len(recorded) / recorded.fps, "terminate_on_success": False}
    return config.model_copy(
        update={
            "robot": config.robot.model_copy(update=robot),
            "env": config.env.model_copy(update=length),
            "processor": config.processor.model_copy(update=processor),
        }
    )


def _check_actions(config: RunConfig, spec: RobotSpec, actions: F32) -> None:
    space = actions_of(config, spec, None if spec.arm is None else Kinematics(spec.arm))
    numbers, given = actions.shape[1], len(space.names)
    if numbers != given:
        raise ConfigError(
            f"processor.wrist: the recorded actions have {numbers} numbers, but those of this "
            f"config {given}: set it {'as it was' if numbers > given else 'to null'}"
        )


def _reset_pose(spec: RobotSpec, recorded: RecordedEpisode) -> F32 | None:
    """The robot's own where it came to its start from there, else the recorded start."""
    own = spec.reset_pose
    if own is None or recorded.start is None or near(spec, recorded.start, own):
        return own
    return recorded.start


def near(spec: RobotSpec, one: F32, other: F32, times: float = 1.0) -> bool:
    """Whether two poses (n,) are the same for a robot that may sag, or so many times it."""
    return bool((np.abs(one - other) <= times * allowance(spec, *NEAR)).all())


def allowance(spec: RobotSpec, degrees: float, percent: float) -> F32:
    """So much (n,) of the robot's units; of others as much of the range as of half a turn."""
    span = np.ptp(spec.limits, axis=1)
    known = {"deg": degrees, "%": percent}
    others = degrees / HALF_A_TURN * span
    found = [known.get(unit, other) for unit, other in zip(spec.units, others, strict=True)]
    return np.array(found, np.float32)
