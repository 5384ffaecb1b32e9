"""Scaling between the units of the data and the networks' [-1, 1], for learning and acting."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from configs.names import ACTION
from configs.policy import GaussianActorConfig
from hil_app.learning.batch import Batch


class Normalizer:
    """Maps [min, max] of `config.dataset_stats` to [-1, 1], feature by feature.

        action = normalizer.unnormalize_action(
            policy.select_action(normalizer.observation(observation))
        )

    Pictures pass as they are, for their encoder to scale. A feature without statistics passes
    unscaled, a constant dimension is centred, values outside
    the range are not clipped, and the discrete action is never scaled.
    """

    def __init__(self, config: GaussianActorConfig, device: str | torch.device = "cpu") -> None:
        self._scales: dict[str, tuple[Tensor, Tensor]] = {}  # key -> centre (n,), half range (n,)
        for key, stats in (config.dataset_stats or {}).items():
            if key in config.image_keys:
                continue
            low, high = (torch.tensor(stats[end], device=device) for end in ("min", "max"))
            half = (high - low) / 2
            self._scales[key] = (low + high) / 2, torch.where(half > 0, half, 1.0)
        if ACTION in self._scales:
            dims = config.continuous_dims
            centre, half = self._scales.pop(ACTION)
            self._action: tuple[Tensor, Tensor] | None = centre[:dims], half[:dims]
        else:
            self._action = None

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
        return {
            **batch,
            "state": self.observation(batch["state"]),
            "action": self.action(batch["action"]),
            "next_state": self.observation(batch["next_state"]),
        }
