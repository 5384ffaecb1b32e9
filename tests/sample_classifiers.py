"""Recorded episodes in which it can be seen at a glance what success is, and small classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sample_datasets import IMAGES, STATE, episode, write_dataset

from configs.learning.policy import FeatureType, PolicyFeature
from hil_app.recording.frames import Frame
from hil_app.rewards.classifier import ClassifierConfig, SuccessClassifier

SIDE = 32  # of the images [px]
FRONT = f"{IMAGES}.front"
IMAGE = PolicyFeature(FeatureType.VISUAL, (3, SIDE, SIDE))
NUMBERS = PolicyFeature(FeatureType.STATE, (2,))


def image(success: bool, where: int = 0) -> NDArray[Any]:
    """A grey image with a red square, high up for success and else at the bottom."""
    shown = np.full((SIDE, SIDE, 3), 120, np.uint8)
    left = 4 + where % 16
    shown[slice(4, 12) if success else slice(20, 28), left : left + 8] = (220, 20, 20)
    return shown


def lifting(index: int, length: int = 8, first: int | None = 5) -> list[Frame]:
    """An episode whose images show success from its ``first`` tick on, and frames that say so."""
    seen = []
    for number, each in enumerate(episode(index, length, cameras=("front",), size=(SIDE, SIDE))):
        good = first is not None and each.tick >= first
        before = first is not None and each.tick - 1 >= first
        seen.append(
            replace(
                each,
                observation={**each.observation, FRONT: image(before, index + number)},
                next_observation={**each.next_observation, FRONT: image(good, index + number + 1)},
                success=good,
                reward=float(good),
                terminated=False,
                truncated=each.tick == length,
            )
        )
    return seen


def write_lifts(
    root: Path, firsts: Sequence[int | None] = (5, 4, None, 6, 5, 4)
) -> list[list[Frame]]:
    """A dataset of such episodes; returns their frames."""
    return write_dataset(root, [lifting(i, first=first) for i, first in enumerate(firsts)])


def small(*keys: str, **changes: Any) -> SuccessClassifier:
    """An untrained classifier that looks at these keys."""
    features = {key: NUMBERS if key == STATE else IMAGE for key in keys or (FRONT,)}
    sizes = {"latent_dim": 8, "image_encoder_hidden_dim": 4}
    ranges = {STATE: {"min": [0.0, 0.0], "max": [10.0, 20.0]}} if STATE in features else {}
    content = {"input_features": features, "dataset_stats": ranges, **sizes, **changes}
    return SuccessClassifier(ClassifierConfig(**content), seed=3)
