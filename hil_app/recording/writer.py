"""Episodes on disk: one safetensors file each, whole or not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from configs.names import (
    ACTION,
    COMPLEMENTARY_INFO,
    DISCRETE_PENALTY,
    DONE,
    IS_INTERVENTION,
    REWARD,
    TRUNCATED,
)
from hil_app.files import write_whole
from hil_app.recording.frames import Frame


class EpisodeWriter(Protocol):
    """Puts whole episodes somewhere durable."""

    def write(self, frames: Sequence[Frame], stage: str) -> None:
        """Keep one episode; returns when it is safe."""


EPISODE = "episode_{:06d}.safetensors"  # a file's name, by its number


class FolderWriter:
    """Writes ``episode_000000.safetensors``, … into ``folder``, from the number ``first`` on."""

    def __init__(self, folder: Path, first: int = 0) -> None:
        self._folder = folder
        self._count = first

    def write(self, frames: Sequence[Frame], stage: str) -> None:
        """Write the next file; OSError if the disk refuses."""
        metadata = {"stage": stage, "success": str(any(f.success for f in frames)).lower()}
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / EPISODE.format(self._count)
        write_whole(path, save(columns(frames), metadata))
        self._count += 1


def columns(frames: Sequence[Frame]) -> dict[str, NDArray[Any]]:
    """An episode of T frames as arrays of length T, and its last observation as ``final.<key>``."""
    last = frames[-1]
    return {
        **{key: np.stack([f.state[key] for f in frames]) for key in last.state},
        **{f"final.{key}": np.ascontiguousarray(value) for key, value in last.next_state.items()},
        ACTION: np.stack([f.action for f in frames]),
        "policy_action": np.stack([f.policy_action for f in frames]),
        "sent": np.stack([f.sent for f in frames]),
        REWARD: np.array([f.reward for f in frames], np.float32),
        "next.success": np.array([f.success for f in frames]),
        DONE: np.array([f.terminated for f in frames]),
        TRUNCATED: np.array([f.truncated for f in frames]),
        f"{COMPLEMENTARY_INFO}.{IS_INTERVENTION}": np.array([f.is_intervention for f in frames]),
        f"{COMPLEMENTARY_INFO}.{DISCRETE_PENALTY}": np.array(
            [f.discrete_penalty for f in frames], np.float32
        ),
        "weights_version": np.array([f.weights_version for f in frames], np.int64),
        "stamp": np.array([f.stamp for f in frames], np.float64),
        **{f"age.{name}": np.array([f.ages[name] for f in frames]) for name in last.ages},
    }
