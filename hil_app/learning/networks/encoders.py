"""What turns observations into features: one branch a feature, their outputs side by side.

Images arrive as uint8 (B, C, H, W) and become numbers only here. A frozen vision encoder is no
part of the `Encoder`: it runs once an observation, before it, and its feature maps can be stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from configs.learning.policy import GaussianActorConfig
from hil_app.learning.buffer.images import map_key
from hil_app.learning.networks.mlp import MLP, Dense, Tanh
from hil_app.learning.networks.vision import (
    ImageScaler,
    VisionEncoder,
    make_scaler,
    make_squint,
    make_vision_encoder,
)


class Perception(nn.Module):
    """What happens to an observation before the trained encoders: nothing here is ever trained.

    Images are made as small as the policy looks at them and scaled, and where the vision encoder is
    frozen they become its feature maps. Two policies of the same config perceive the same, whatever
    their seeds.
    """

    def __init__(self, config: GaussianActorConfig) -> None:
        super().__init__()
        self.keys = config.image_keys
        self.squints = nn.ModuleList(make_squint(config, key) for key in self.keys)
        self.scalers = nn.ModuleList(make_scaler(config, key) for key in self.keys)
        self.encoders: nn.ModuleList | None = None
        if config.freeze_vision_encoder:
            same = torch.Generator().manual_seed(0)
            encoders = (make_vision_encoder(config, key, same) for key in self.keys)
            self.encoders = nn.ModuleList(encoders).requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, observation: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the trained encoders read; a map that is already there stays as it is.

        Raises KeyError if there is neither image nor map.
        """
        perceived = dict(observation)
        for index, key in enumerate(self.keys):
            if self.encoders is None:
                perceived[key] = self.scalers[index](self.squints[index](observation[key]))
            elif map_key(key) not in perceived:
                scaler, encoder = self.scalers[index], self.encoders[index]
                assert isinstance(scaler, ImageScaler)
                image = perceived.pop(key).to(scaler.mean.device)
                perceived[map_key(key)] = encoder(scaler(self.squints[index](image)))
        return perceived

    def kept(self, observation: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What a replay buffer keeps of it: feature maps, or images as small as it looks at."""
        if self.encoders is not None:
            perceived: dict[str, Tensor] = self(observation)
            return perceived
        images = zip(self.keys, self.squints, strict=True)
        small: dict[str, Tensor] = {key: squint(observation[key]) for key, squint in images}
        return {**observation, **small}

    def map_shape(self, key: str) -> tuple[int, int, int] | None:
        """Shape (D, h, w) of the feature map of the image at `key`; None if it has none here."""
        if self.encoders is None:
            return None
        encoder = self.encoders[self.keys.index(key)]
        assert isinstance(encoder, VisionEncoder)
        return encoder.map_shape


class Encoder(nn.Module):
    """Each feature (B, ...) -> (B, latent_dim), concatenated.

    It reads what `perception` makes of an observation: feature maps of a frozen vision encoder, or
    scaled images, which it looks at with a vision encoder of its own.
    """

    def __init__(
        self, config: GaussianActorConfig, perception: Perception, generator: torch.Generator
    ) -> None:
        super().__init__()
        names = config.observation_keys
        mapped = config.image_keys if config.freeze_vision_encoder else ()
        self.keys = tuple(map_key(key) if key in mapped else key for key in names)
        self.output_dim = config.latent_dim * len(names)
        self.branches = nn.ModuleList(_branch(config, key, perception, generator) for key in names)

    def forward(self, observation: Mapping[str, Tensor]) -> Tensor:
        """Features (..., output_dim) of an observation; KeyError for a missing key."""
        try:
            inputs = [observation[key] for key in self.keys]
        except KeyError as error:
            raise KeyError(f"the observation lacks {error}; it has {sorted(observation)}") from None
        encoded = [branch(x) for branch, x in zip(self.branches, inputs, strict=True)]
        return encoded[0] if len(encoded) == 1 else torch.cat(encoded, dim=-1)


class Scales(nn.Module):
    """Numbers (..., n) -> (..., n * (1 + scales)): themselves, and the tanh of each multiple."""

    def __init__(self, scales: Sequence[float]) -> None:
        super().__init__()
        self.scales = tuple(scales)
        self.tanh = Tanh()

    def forward(self, x: Tensor) -> Tensor:
        """What is large in it is as it was, and what is small is there large, too."""
        return torch.cat([x, *(self.tanh(scale * x) for scale in self.scales)], dim=-1)


class SpatialEmbedding(nn.Module):
    """A feature map (..., C, h, w) -> (..., C * n): n learned weightings of its places.

    Where something is, not only whether it is there, survives such a pooling (as in HIL-SERL, Luo
    et al. 2024).
    """

    def __init__(self, shape: tuple[int, int, int], count: int, generator: torch.Generator) -> None:
        super().__init__()
        channels, height, width = shape
        self.output_dim = channels * count
        self.weight = nn.Parameter(torch.empty(channels, height * width, count))
        with torch.no_grad():
            self.weight.normal_(0, (height * width) ** -0.5, generator=generator)

    def forward(self, maps: Tensor) -> Tensor:
        """Pool every channel with its own weightings."""
        pooled = torch.einsum("...cp,cpn->...cn", maps.flatten(-2), self.weight)
        return pooled.flatten(-2)


def _branch(
    config: GaussianActorConfig, key: str, perception: Perception, generator: torch.Generator
) -> nn.Module:
    layers: list[nn.Module] = []
    inputs = config.input_features[key].shape[0]
    if key in config.image_keys:
        shape = perception.map_shape(key)
        if shape is None:
            own = make_vision_encoder(config, key, generator)
            layers, shape = [own], own.map_shape
        pool = SpatialEmbedding(shape, config.image_embedding_pooling_dim, generator)
        layers, inputs = [*layers, pool], pool.output_dim
    else:
        if config.state_scales:
            layers = [Scales(config.state_scales)]
            inputs *= 1 + len(config.state_scales)
        if (hidden := config.state_encoder_hidden_dim) is not None:
            layers.append(MLP(inputs, [hidden], activate_final=True, generator=generator))
            inputs = hidden
    last = [Dense(inputs, config.latent_dim, generator), nn.LayerNorm(config.latent_dim), Tanh()]
    return nn.Sequential(*layers, *last)
