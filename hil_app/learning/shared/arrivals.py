"""Whether a frame that somebody has sent can be learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.learning.policy import FeatureType, GaussianActorConfig
from configs.names import ACTION
from hil_app.learning.elsewhere.experiences import SentFrame
from hil_app.learning.experience import Observation

_BEYOND = 10.0  # how many of its ranges an observation may lie outside of its range
_ROUNDING = 1e-3  # the same of an action, which is cut to its range
_LARGEST = 1e6  # a reward or a penalty


class FrameRefused(ValueError):
    """A frame is not what the policy sees and does; the message says in what."""


class FrameCheck:
    """Looks at frames for a policy of these features: shapes, kinds, ranges, and finite numbers."""

    def __init__(self, config: GaussianActorConfig) -> None:
        self._choices = config.num_discrete_actions
        (moves,) = (f.shape[0] for f in config.output_features.values())
        self._moves = moves
        self._features = config.input_features
        stats = config.dataset_stats or {}
        scaled = np.ones(moves)
        self._ranges = {ACTION: (-scaled, scaled)} | {
            key: (np.asarray(found["min"]), np.asarray(found["max"]))
            for key, found in stats.items()
            if "min" in found and "max" in found
        }

    def check(self, frame: SentFrame) -> None:
        """Raise FrameRefused unless it can be learned from."""
        for observation in (frame.observation, frame.next_observation):
            self._check_observation(observation)
        self._check_action("action", frame.action)
        self._check_action("policy_action", frame.policy_action)
        for name in ("reward", "discrete_penalty"):
            value = getattr(frame, name)
            if not abs(value) <= _LARGEST:
                raise FrameRefused(f"its {name} is {value}")

    def _check_observation(self, observation: Observation) -> None:
        for key, feature in self._features.items():
            if key not in observation:
                raise FrameRefused(f"it lacks {key}")
            value = observation[key]
            if feature.type is FeatureType.VISUAL:
                channels, height, width = feature.shape
                if value.dtype != np.uint8 or value.shape != (height, width, channels):
                    wanted = f"uint8 {(height, width, channels)}"
                    raise FrameRefused(f"{key} is {value.dtype} {value.shape}, not {wanted}")
            else:
                self._check_numbers(key, value, feature.shape, _BEYOND)

    def _check_action(self, name: str, action: NDArray[Any]) -> None:
        count = self._moves + (self._choices is not None)
        if action.shape != (count,) or not np.isfinite(action).all():
            raise FrameRefused(f"its {name} is {action.tolist()}, not {count} finite numbers")
        if self._choices is not None and action[-1] not in range(self._choices):
            raise FrameRefused(f"its {name} chooses {action[-1]:g} of {self._choices}")
        self._check_range(ACTION, action[: self._moves], _ROUNDING, name)

    def _check_numbers(
        self, key: str, value: NDArray[Any], shape: tuple[int, ...], beyond: float
    ) -> None:
        if value.shape != shape or not np.issubdtype(value.dtype, np.floating):
            raise FrameRefused(f"{key} is {value.dtype} {value.shape}, not numbers {shape}")
        if not np.isfinite(value).all():
            raise FrameRefused(f"{key} has numbers that are not finite")
        self._check_range(key, value, beyond, key)

    def _check_range(self, key: str, value: NDArray[Any], beyond: float, name: str) -> None:
        if key not in self._ranges:
            return
        low, high = self._ranges[key]
        room = beyond * np.maximum(high - low, 1e-6)
        outside = (value < low - room) | (value > high + room)
        if outside.any():
            place = int(np.argmax(outside))
            found, usual = value[place], f"{low[place]:g} to {high[place]:g}"
            raise FrameRefused(f"{name} has {found:g} at {place}, far outside {usual}")
