"""What turns observations into features: one branch a feature, their outputs side by side."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from configs.policy import GaussianActorConfig
from hil_app.learning.networks import Dense


class Encoder(nn.Module):
    """Each feature (B, n) -> Linear -> LayerNorm -> tanh (B, latent_dim), concatenated."""

    def __init__(self, config: GaussianActorConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.keys = config.observation_keys
        self.output_dim = config.latent_dim * len(self.keys)
        self.branches = nn.ModuleList(
            nn.Sequential(
                Dense(config.input_features[key].shape[0], config.latent_dim, generator),
                nn.LayerNorm(config.latent_dim),
                nn.Tanh(),
            )
            for key in self.keys
        )

    def forward(self, observation: Mapping[str, Tensor]) -> Tensor:
        """Features (..., output_dim) of an observation; KeyError for a missing key."""
        try:
            inputs = [observation[key] for key in self.keys]
        except KeyError as error:
            raise KeyError(f"the observation lacks {error}; it has {sorted(observation)}") from None
        encoded = [branch(x) for branch, x in zip(self.branches, inputs, strict=True)]
        return encoded[0] if len(encoded) == 1 else torch.cat(encoded, dim=-1)
