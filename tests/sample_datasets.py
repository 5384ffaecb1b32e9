"""Small datasets of frames whose every value, and every image, says where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.dataset import EncodingConfig
from hil_app.recording.format.columns import sensed_names, sensed_units
from hil_app.recording.format.spec import DatasetSpec
from hil_app.recording.frames import Frame
from hil_app.recording.writer import DatasetWriter
from robots.base import JOINTS, Reading

STATE, ENV_STATE, IMAGES = (
    "observation.state",
    "observation.environment_state",
    "observation.images",
)
CAMERAS = ("front", "wrist")
SIZE = (64, 80)  # height and width of the images [px]
FPS = 30
CODE = 16  # side of an image's block, of which each tells a bit [px]
OBJECT = ("object.x", "object.y", "object.z")
NAMES = {
    STATE: ("shoulder_pan.pos", "gripper.pos"),
    ENV_STATE: OBJECT,
    "action": ("delta_x", "delta_y", "delta_z", "gripper"),
    **sensed_names(JOINTS, OBJECT),
}
INFO = sensed_units(["deg"] * 5 + ["%"], len(OBJECT))


def spec(**changes: Any) -> DatasetSpec:
    """What a small dataset is to hold."""
    usual = {"fps": FPS, "robot_type": "sim", "task": "lift the cube", "names": NAMES, "info": INFO}
    return DatasetSpec(**{**usual, **changes})


def image(camera: int, episode: int, number: int, size: tuple[int, int] = SIZE) -> NDArray[Any]:
    """An image (height, width, 3) that says which it is: blocks are the bits of a number."""
    code = (camera << 18) | (episode << 10) | number
    height, width = size[0] // CODE, size[1] // CODE
    bits = np.array([code >> place & 1 for place in range(height * width)])
    blocks = np.where(bits.reshape(height, width) > 0, 200, 50).astype(np.uint8)
    grey = blocks.repeat(CODE, 0).repeat(CODE, 1)
    return np.repeat(grey[:, :, None], 3, 2)


def identified(seen: NDArray[Any]) -> tuple[int, int, int]:
    """Camera, episode and number that an image tells, if it came through a codec too."""
    height, width = seen.shape[0] // CODE, seen.shape[1] // CODE
    blocks = seen.reshape(height, CODE, width, CODE, 3).mean(axis=(1, 3, 4)).ravel()
    code = sum(int(level > 125) << place for place, level in enumerate(blocks))
    return code >> 18, code >> 10 & 0xFF, code & 0x3FF


def observation(
    episode: int, number: int, cameras: Sequence[str] = CAMERAS, size: tuple[int, int] = SIZE
) -> dict[str, NDArray[Any]]:
    """What was seen at the ``number``-th instant of an episode."""
    return {
        STATE: np.array([episode + number / 1000, number + 0.1], np.float32),
        ENV_STATE: np.array([episode, number, 0.3], np.float32),
        **{
            f"{IMAGES}.{name}": image(place, episode, number, size)
            for place, name in enumerate(cameras)
        },
    }


def reading(index: int, number: int, cameras: Sequence[str] = CAMERAS) -> Reading:
    """What the robot sensed at the ``number``-th instant of an episode; it senses no loads."""

    def of(quantity: int) -> NDArray[Any]:
        return np.array([100 * quantity + index, number, 2, 3, 4, 5], np.float32)

    return Reading(
        joints=of(1),
        stamp=1e5 + index + number / 30,
        velocities=of(2),
        currents=of(3),
        temperatures=of(5),
        environment_state=of(6)[:3],
        ages={name: (place + 1) * number / 1000 for place, name in enumerate(cameras)},
    )


def episode(
    index: int,
    length: int = 6,
    *,
    cameras: Sequence[str] = CAMERAS,
    size: tuple[int, int] = SIZE,
    success: bool = True,
    changes: dict[int, dict[str, Any]] | None = None,
) -> list[Frame]:
    """An episode of identifiable frames; it ends by success, or else by its time limit.

    ``changes`` are other facts of some frames, by number.
    """
    seen = [observation(index, number, cameras, size) for number in range(length + 1)]
    changes = changes or {}
    return [
        frame(index, n, seen[n], seen[n + 1], n == length - 1, success, cameras, changes.get(n, {}))
        for n in range(length)
    ]


def frame(
    index: int,
    number: int,
    state: dict[str, NDArray[Any]],
    next_state: dict[str, NDArray[Any]],
    ends: bool,
    success: bool,
    cameras: Sequence[str],
    changes: dict[str, Any],
) -> Frame:
    """The ``number``-th frame of the ``index``-th episode."""
    values = np.array([index / 100, number / 1000, -0.5], np.float32)
    facts: dict[str, Any] = {
        "tick": number + 1,
        "observation": state,
        "action": np.append(values, np.float32(number % 3)),
        "policy_action": np.append(-values, np.float32(1)),
        "sent": np.array([index, number, 2, 3, 4, 5], np.float32),
        "next_observation": next_state,
        "reading": reading(index, number, cameras),
        "next_reading": reading(index, number + 1, cameras),
        "reward": float(ends and success),
        "discrete_penalty": -0.5 * (number % 2),
        "success": ends and success,
        "terminated": ends and success,
        "truncated": ends and not success,
        "is_intervention": number % 4 == 1,
        "rerecord": False,
        "weights_version": 1000 * index + number,
        "after_pause": False,
        "seed": 77000 + index,
    }
    return Frame(**{**facts, **changes})


def write_dataset(
    root: Path,
    episodes: Sequence[Sequence[Frame]] | None = None,
    stage: str = "record",
    codec: str = "h264",
    **changes: Any,
) -> list[list[Frame]]:
    """Write a dataset, of three episodes if none are given; returns what was written."""
    if episodes is None:
        episodes = [episode(0, 6), episode(1, 9, success=False), episode(2, 4)]
    encoding = EncodingConfig.model_validate({"codec": codec})
    writer = DatasetWriter(root, spec(encoding=encoding, **changes))
    for frames in episodes:
        for each in frames:
            writer.add(each, stage)
        writer.finish()
    writer.close()
    return [list(frames) for frames in episodes]
