"""An episode of a dataset as something to do again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.load import ConfigError
from configs.manual import MOTIONS
from configs.names import ACTION
from configs.processor import ImageConfig
from configs.run import RunConfig
from hil_app.datasets.joints import Joints
from hil_app.datasets.places import check_episode
from hil_app.recording.dataset import Dataset
from hil_app.recording.layout import BY_HAND, SEED
from hil_app.recording.values import check_values
from robots.base import F32, GRIPPER

RECORD = "record"  # the stage that counts all episodes there are
NEAR, NEAR_GRIPPER = 3.0, 5.0  # a start that differs by less is the same one [deg], [%]


@dataclass(frozen=True)
class Script:
    """What was done and sent in an episode of T frames, and where the arm was."""

    episode: int
    fps: float
    robot_type: str
    actions: F32 | None  # (T, 4), with a wrist (T, 6); None if they are the joint targets
    sent: F32  # (T, n) joint targets [deg], gripper [%]
    by_hand: NDArray[np.bool_]  # (T,) a person acted
    joints: F32 | None  # (T or T + 1, n) measured [deg, %]; None if that is not recorded
    start: F32 | None  # (n,) where the arm was before the first action, if that is known
    success: bool | None
    scene: tuple[str, int]  # what a run takes a simulated scene's seed for: stage, and which in it
    seed: int | None = None  # of the scene; earlier versions do not say it

    def __len__(self) -> int:
        return len(self.sent)


def read_script(dataset: Dataset, episode: int) -> Script:
    """The episode to do again; DatasetError if there is none, or too little is known of it."""
    check_episode(dataset, episode)
    of = Joints.of(dataset)
    keys = (ACTION, of.targets, *([of.measured] if of.measured else []))
    check_values(dataset, episode, keys)
    columns, joints = dataset.columns(episode), of.at(dataset, episode)
    sent = of.sent(dataset, episode)
    return Script(
        episode=episode,
        fps=dataset.fps,
        robot_type=dataset.robot_type,
        actions=columns.get(ACTION) if of.targets != ACTION else None,
        sent=sent,
        by_hand=columns.get(BY_HAND, np.zeros(len(sent), bool)),
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


def fitted(config: RunConfig, script: Script) -> RunConfig:
    """``config`` for doing ``script`` again: its start and its length, and nothing that is idle.

    Raises ConfigError if the clock, the actions or the arm are others than the recorded ones.
    """
    if config.env.fps != script.fps:
        raise ConfigError(
            f"env.fps: {config.env.fps:g}, but it was recorded at {script.fps:g} Hz: set "
            f"--env.fps={script.fps:g}"
        )
    if script.actions is not None:
        _check_wrist(config, script.actions)
    arms = [name.removesuffix("_sim") for name in (config.robot.type, script.robot_type)]
    if arms[0] != arms[1]:
        raise ConfigError(f"robot.type: {config.robot.type}, but {script.robot_type} was recorded")
    robot: dict[str, Any] = {"reset_pose": tuple(map(float, _reset_pose(config, script)))}
    processor: dict[str, Any] = {"success_classifier": None}
    if not config.window:  # nobody looks: no camera needs to be there
        robot["cameras"], processor["images"] = {}, ImageConfig()
    length = {"control_time_s": len(script) / script.fps, "terminate_on_success": False}
    return config.model_copy(
        update={
            "robot": config.robot.model_copy(update=robot),
            "env": config.env.model_copy(update=length),
            "processor": config.processor.model_copy(update=processor),
        }
    )


def _check_wrist(config: RunConfig, actions: F32) -> None:
    motions = MOTIONS[:3] if config.processor.wrist is None else MOTIONS
    recorded, given = actions.shape[1], len(motions) + 1
    if recorded != given:
        raise ConfigError(
            f"processor.wrist: the recorded actions have {recorded} numbers, but those of this "
            f"config {given}: set it {'as it was' if recorded > given else 'to null'}"
        )


def _reset_pose(config: RunConfig, script: Script) -> F32:
    """The config's own where the arm came to its start from there, else the recorded start."""
    told = np.array(config.robot.reset_pose, np.float32)
    if script.start is None:
        return told
    return told if near(script.start, told) else script.start


def near(one: F32, other: F32, times: float = 1.0) -> bool:
    """Whether two poses (6,) [deg, %] are the same for an arm that may sag, or so many times it."""
    off = np.abs(one - other)
    return bool(off[:GRIPPER].max() <= times * NEAR and off[GRIPPER] <= times * NEAR_GRIPPER)
