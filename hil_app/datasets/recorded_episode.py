"""An episode of a dataset as something to do again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.load import ConfigError
from configs.manual import MOTIONS
from configs.names import ACTION, OBS_STATE
from configs.processor import ImageConfig
from configs.run import RunConfig
from hil_app.datasets.places import check_episode
from hil_app.recording.dataset import Dataset
from hil_app.recording.layout import BY_HAND, SENT, DatasetError
from hil_app.recording.values import check_values
from robots.base import F32, GRIPPER, JOINTS

RECORD = "record"  # the stage that counts all episodes there are
NEAR, NEAR_GRIPPER = 3.0, 5.0  # a start that differs by less is the same one [deg], [%]


@dataclass(frozen=True)
class Script:
    """What was done and sent in an episode of T frames, and where the arm was."""

    episode: int
    fps: float
    robot_type: str
    actions: F32  # (T, 4), with a wrist (T, 6)
    sent: F32  # (T, 6) joint targets [deg], gripper [%]
    by_hand: NDArray[np.bool_]  # (T,) a person acted
    joints: F32 | None  # (T + 1, 6) measured [deg, %]; None if that is not recorded
    start: F32 | None  # (6,) where the arm was before the first action, if that is known
    success: bool | None
    scene: tuple[str, int]  # what a run takes a simulated scene's seed for: stage, and which in it

    def __len__(self) -> int:
        return len(self.actions)


def read_script(dataset: Dataset, episode: int) -> Script:
    """The episode to do again; DatasetError if there is none, or too little is known of it."""
    check_episode(dataset, episode)
    columns = dataset.columns(episode)
    for key in (ACTION, SENT, BY_HAND):
        if key not in columns:
            raise DatasetError(
                f"{dataset.root} has no column {key}: only what hil-app recorded can be replayed"
            )
    check_values(dataset, episode, (ACTION, SENT, OBS_STATE))
    about, joints = dataset.episodes[episode], _joints(dataset, episode, columns)
    return Script(
        episode,
        dataset.fps,
        dataset.robot_type,
        columns[ACTION],
        columns[SENT],
        columns[BY_HAND],
        joints,
        None if joints is None else joints[0],
        about.success,
        _scene(dataset, episode),
    )


def _scene(dataset: Dataset, episode: int) -> tuple[str, int]:
    """Of what the episode's scene was, if one run recorded them all."""
    stages = [about.stage or RECORD for about in dataset.episodes[: episode + 1]]
    stage = stages[-1]
    return stage, episode if stage == RECORD else stages.count(stage) - 1


def _joints(dataset: Dataset, episode: int, columns: dict[str, NDArray[Any]]) -> F32 | None:
    """The measured joints, if all are in the observation; at the end, too."""
    feature, final = dataset.features.get(OBS_STATE), dataset.final(episode)
    wanted = [f"{joint}.pos" for joint in JOINTS]
    if feature is None or final is None or not set(wanted) <= set(feature.names or ()):
        return None
    assert feature.names is not None
    places = [feature.names.index(name) for name in wanted]
    seen: F32 = np.vstack([columns[OBS_STATE], final[OBS_STATE].reshape(1, -1)])
    return seen[:, places]


def fitted(config: RunConfig, script: Script) -> RunConfig:
    """``config`` for doing ``script`` again: its start and its length, and nothing that is idle.

    Raises ConfigError if the clock, the actions or the arm are others than the recorded ones.
    """
    if config.env.fps != script.fps:
        raise ConfigError(
            f"env.fps: {config.env.fps:g}, but it was recorded at {script.fps:g} Hz: set "
            f"--env.fps={script.fps:g}"
        )
    motions = MOTIONS[:3] if config.processor.wrist is None else MOTIONS
    recorded, given = script.actions.shape[1], len(motions) + 1
    if recorded != given:
        raise ConfigError(
            f"processor.wrist: the recorded actions have {recorded} numbers, but those of this "
            f"config {given}: set it {'as it was' if recorded > given else 'to null'}"
        )
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
