"""The size and shape of a policy's networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from configs.base import Config, MutableConfig
from configs.camera import CameraName
from configs.text.paths import UserText

WIDEST = 10_000  # of a layer
Width = Annotated[int, Field(ge=1, le=WIDEST)]
Scale = Annotated[float, Field(gt=0, le=1000)]
SIDES = 8, 4096  # least and most of an image [px]
Activation = Literal[
    "ELU", "GELU", "Identity", "LeakyReLU", "Mish", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"
]


class _HiddenLayers(MutableConfig):
    """The hidden layers of a network."""

    hidden_dims: list[Width] | None = Field(default=None, min_length=1, max_length=20)
    """Their widths; null for the policy's hidden_dims."""

    activate_final: bool = True
    """The last of them, too, has a LayerNorm and an activation; otherwise it is linear alone."""

    def widths(self, policy: NetworksConfig) -> list[int]:
        """Return the widths of these layers beside this policy's other networks."""
        return self.hidden_dims or policy.hidden_dims


class ActorNetworkConfig(_HiddenLayers):
    """The hidden layers of the actor."""


class CriticNetworkConfig(_HiddenLayers):
    """The hidden layers of a critic, and the form that its values have."""

    bins: int | None = Field(default=None, ge=2, le=1001)
    """Bins of a categorical critic, which learns how likely a value is to lie in each of them
    (HL-Gauss); null for one that learns the value itself, by squared errors."""

    bin_range: tuple[float, float] | None = None
    """Lowest and highest value [reward] that the bins cover, a little more than there is; what lies
    beyond is taken for these."""

    final_activation: Activation | None = None
    """The activation of the last of them, as torch calls it; null for SiLU, which the others
    have."""

    @model_validator(mode="after")
    def _is_activated(self) -> Self:
        if self.final_activation is not None and not self.activate_final:
            raise ValueError("final_activation needs activate_final")
        return self

    @model_validator(mode="after")
    def _has_whole_bins(self) -> Self:
        if (self.bins is None) != (self.bin_range is None):
            raise ValueError("bins and bin_range belong together: set both, or neither")
        if self.bin_range is not None and not self.bin_range[0] < self.bin_range[1]:
            raise ValueError(f"bin_range {list(self.bin_range)} does not rise")
        return self


class SpreadConfig(Config):
    """The Gaussian that actions are drawn from."""

    std_min: float = Field(default=1e-5, gt=0)
    """Smallest standard deviation before the squash."""

    std_max: float = Field(default=10.0, gt=0)
    """Largest standard deviation before the squash."""

    init_final: float = Field(default=0.05, gt=0)
    """The actor's last layer is drawn from U(-init_final, init_final)."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.std_min >= self.std_max:
            raise ValueError(f"std_min {self.std_min} must be below std_max {self.std_max}")
        return self


class NetworksConfig(SpreadConfig):
    """The size and shape of a policy's networks: what a run chooses about its policy."""

    latent_dim: int = Field(default=256, ge=1, le=WIDEST)
    """Width of each encoded observation feature: a layer of its own before hidden_dims."""

    state_encoder_hidden_dim: Width | None = None
    """Width of a hidden layer before that one, of features that are numbers; null for none."""

    state_scales: list[Scale] = Field(default=[], max_length=8)
    """Features that are numbers are read as they are, and as tanh(scale * number) for each of these
    scales: near 0 a larger one tells smaller differences apart, such as millimetres between the
    gripper and an object, where 1 is half of the number's range."""

    hidden_dims: list[Width] = Field(default=[256, 256], min_length=1, max_length=20)
    """Widths of the hidden layers of the actor, and of every critic, that name none of their own.
    Before them comes each observation's encoder, so [256, 256] has one layer more than a plain
    network that is called so elsewhere (Stable-Baselines3, CleanRL); [256] is as deep as theirs."""

    layer_norm: bool = True
    """LayerNorm in the hidden layers of the actor and the discrete critic."""

    actor_network_kwargs: ActorNetworkConfig = ActorNetworkConfig()
    """The network of the actor."""

    discrete_critic_network_kwargs: CriticNetworkConfig = CriticNetworkConfig()
    """The network of the discrete critic."""

    shared_encoder: bool = True
    """The actor reads the encoder that the critics train; otherwise it trains one of its own."""

    image_size: int | dict[CameraName, int] | None = None
    """Height and width of the images that the policy looks at, of all cameras or by camera [px]:
    they are made so small by averaging, while people see and recordings keep them large. A smaller
    image stays as it is; null leaves all so."""

    vision_encoder_name: Literal["cnn", "resnet10"] = "cnn"
    """What looks at the images: a small network of a few convolutions, or a ResNet-10."""

    vision_encoder_weights: UserText | None = None
    """Where its weights come from: a safetensors file, or a commit of a repository on the Hugging
    Face hub (owner/name@commit); null draws them at random."""

    freeze_vision_encoder: bool = False
    """Keep those weights as they are: the replay buffer then stores what the encoder makes of a
    image instead of the image."""

    image_encoder_hidden_dim: int = Field(default=32, ge=1, le=WIDEST)
    """Channels of the cnn's feature map (a ResNet-10 has 512)."""

    image_embedding_pooling_dim: int = Field(default=8, ge=1, le=WIDEST)
    """Learned spatial weightings that each channel of the feature map is pooled with."""

    discrete_exploration: float = Field(default=0.0, ge=0, le=1)
    """Share of the discrete choices (the gripper's) that are drawn at random, unless the policy
    acts deterministically; 0 always takes the best one, and leaves it to the operator who takes
    over to show others. Where nobody does, .05 is enough to try them all."""

    def looks_at(self, camera: str, height: int, width: int) -> tuple[int, int]:
        """Height and width of a camera's image as the networks see it [px]."""
        size = self.image_size
        side = size.get(camera) if isinstance(size, dict) else size
        return (height, width) if side is None else (min(side, height), min(side, width))

    @field_validator("image_size", mode="before")
    @classmethod
    def _sides(cls, given: Any) -> Any:
        least, most = SIDES
        sides = given.values() if isinstance(given, dict) else [given]
        if given is not None and not all(type(n) is int and least <= n <= most for n in sides):
            raise ValueError(
                f"must be {least} to {most} pixels, or that by camera, as in "
                "{front: 32, wrist: 16}"
            )
        return given

    @field_validator("vision_encoder_name", mode="before")
    @classmethod
    def _named(cls, name: Any) -> Any:
        """The published name of the cnn is null, and a ResNet-10's that of its repository."""
        if isinstance(name, str) and "/" in name:
            raise ValueError(
                f"no code is fetched from {name}: set resnet10, and vision_encoder_weights to a "
                "file or a commit that has its weights"
            )
        return "cnn" if name is None else name
