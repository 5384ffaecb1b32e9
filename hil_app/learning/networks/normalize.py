"""Scaling between the units of the data and the networks' [-1, 1], for learning and acting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from configs.learning.policy import GaussianActorConfig
from configs.names import ACTION
from hil_app.learning.assumed import tell_once
from hil_app.learning.buffer.batch import Batch

ROUNDING = 1e-6
"""Half a range that is no more than this share of its values, or than this, in any unit, is the
rounding of a constant: scaled up, it would drown the other dimensions or overflow."""


class Normalizer:
    """Maps [min, max] of `config.dataset_stats` to [-1, 1], feature by feature.

        action = normalizer.unnormalize_action(
            policy.select_action(normalizer.observation(observation))
        )

    Images pass as they are, for their encoder to scale. Observed numbers without statistics pass
    unscaled, which is reported by name once; actions without any are in [-1, 1]. Everything passes
    without a config. A dimension that is constant, but for what may be rounding, is centred. Values
    outside the range are not clipped, and the discrete action is never scaled.
    """

    def __init__(
        self, config: GaussianActorConfig | None = None, device: str | torch.device = "cpu"
    ) -> None:
        self._scales: dict[str, tuple[Tensor, Tensor]] = {}  # key -> centre (n,), half range (n,)
        self._action: tuple[Tensor, Tensor] | None = None
        for key, stats in ((config and config.dataset_stats) or {}).items():
            if config is not None and key not in config.image_keys:
                self._scales[key] = _scale(stats, device)
        if config is not None:
            _tell_unscaled(config)
        if config is not None and ACTION in self._scales:
            dims = config.continuous_dims
            centre, half = self._scales.pop(ACTION)
            self._action = centre[:dims], half[:dims]

    @property
    def ranges(self) -> dict[str, tuple[Tensor, Tensor]]:
        """What is mapped to -1 and to 1, (n,) each, of every feature that is scaled."""
        scales = self._scales if self._action is None else {**self._scales, ACTION: self._action}
        return {key: (centre - half, centre + half) for key, (centre, half) in scales.items()}

    def observation(self, observation: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scale each (..., n) feature that has statistics."""
        if not self._scales:
            return dict(observation)
        scaled = dict(observation)
        for key, (centre, half) in self._scales.items():
            scaled[key] = (observation[key] - centre) / half
        return scaled

    def action(self, action: Tensor) -> Tensor:
        """Scale the continuous dimensions of (..., c [+ 1]) to [-1, 1]."""
        if self._action is None:
            return action
        centre, half = self._action
        dims = len(centre)
        return torch.cat(((action[..., :dims] - centre) / half, action[..., dims:]), dim=-1)

    def unnormalize_action(self, action: Tensor) -> Tensor:
        """Undo `action`: from [-1, 1] to the data's unit."""
        if self._action is None:
            return action
        centre, half = self._action
        dims = len(centre)
        return torch.cat((action[..., :dims] * half + centre, action[..., dims:]), dim=-1)

    def batch(self, batch: Batch) -> Batch:
        """Scale the observations and the actions of a batch."""
        if not self._scales and self._action is None:
            return batch
        return {
            **batch,
            "state": self.observation(batch["state"]),
            "action": self.action(batch["action"]),
            "next_state": self.observation(batch["next_state"]),
        }


def _tell_unscaled(config: GaussianActorConfig) -> None:
    numbers = [key for key in config.input_features if key not in config.image_keys]
    if unscaled := sorted(set(numbers) - set(config.dataset_stats or {})):
        tell_once(
            f"dataset_stats has no range of {', '.join(unscaled)}, which the networks see in its "
            "own unit: take one from data by stats_of(buffer), or from what the sensor can give"
        )


def _scale(
    stats: Mapping[str, Sequence[float]], device: str | torch.device
) -> tuple[Tensor, Tensor]:
    """Centre (n,) and half range (n,), which is 1 where the range is none."""
    low, high = (torch.tensor(stats[end], device=device) for end in ("min", "max"))
    half = (high - low) / 2
    rounding = ROUNDING * torch.maximum(low.abs(), high.abs()).clamp(min=1)
    return (low + high) / 2, torch.where(half > rounding, half, 1.0)
