"""What the policy sees and does, and the size of its networks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.base import Config, MutableConfig
from configs.names import ACTION
from configs.paths import UserText

WIDEST = 10_000  # of a layer
Width = Annotated[int, Field(ge=1, le=WIDEST)]


class FeatureType(StrEnum):
    """The role a feature plays for the policy."""

    STATE = "STATE"
    ENV = "ENV"
    VISUAL = "VISUAL"
    ACTION = "ACTION"
    REWARD = "REWARD"


_RANKS = {FeatureType.STATE: 1, FeatureType.ENV: 1, FeatureType.VISUAL: 3}  # of an input's shape
_STATISTICS = {True: ("mean", "std"), False: ("min", "max")}  # by whether it is VISUAL


@dataclass(frozen=True)
class PolicyFeature:
    """One named input or output of the policy: its role and the shape of one sample."""

    type: FeatureType
    shape: tuple[int, ...]


class CriticNetworkConfig(MutableConfig):
    """The hidden layers of a critic."""

    hidden_dims: list[Width] | None = Field(default=None, min_length=1, max_length=20)
    """Their widths; null for the policy's hidden_dims."""

    def widths(self, policy: ActorNetworkConfig) -> list[int]:
        """Return the widths of the hidden layers of such a critic beside this policy."""
        return self.hidden_dims or policy.hidden_dims


class ActorNetworkConfig(Config):
    """The size and shape of a policy's networks: what a run chooses about its policy."""

    latent_dim: int = Field(default=256, ge=1, le=WIDEST)
    """Width of each encoded observation feature: a layer of its own before hidden_dims."""

    hidden_dims: list[Width] = Field(default=[256, 256], min_length=1, max_length=20)
    """Widths of the hidden layers of the actor, and of every critic that names none of its own.
    Before them comes each observation's encoder, so [256, 256] has one layer more than a plain
    network that is called so elsewhere (Stable-Baselines3, CleanRL); [256] is as deep as theirs."""

    layer_norm: bool = True
    """LayerNorm in the hidden layers of the actor and the discrete critic."""

    discrete_critic_network_kwargs: CriticNetworkConfig = CriticNetworkConfig()
    """The network of the discrete critic."""

    shared_encoder: bool = True
    """The actor reads the encoder that the critics train; otherwise it trains one of its own."""

    vision_encoder_name: Literal["cnn", "resnet10"] = "cnn"
    """What looks at the pictures: a small network of a few convolutions, or a ResNet-10."""

    vision_encoder_weights: UserText | None = None
    """Where its weights come from: a safetensors file, or a commit of a repository on the Hugging
    Face hub (owner/name@commit); null draws them at random."""

    freeze_vision_encoder: bool = False
    """Keep those weights as they are: the replay buffer then stores what the encoder makes of a
    picture instead of the picture."""

    image_encoder_hidden_dim: int = Field(default=32, ge=1, le=WIDEST)
    """Channels of the cnn's feature map (a ResNet-10 has 512)."""

    image_embedding_pooling_dim: int = Field(default=8, ge=1, le=WIDEST)
    """Learned spatial weightings that each channel of the feature map is pooled with."""

    std_min: float = Field(default=1e-5, gt=0)
    """Smallest standard deviation before the squash."""

    std_max: float = Field(default=10.0, gt=0)
    """Largest standard deviation before the squash."""

    init_final: float = Field(default=0.05, gt=0)
    """The actor's last layer is drawn from U(-init_final, init_final)."""

    discrete_exploration: float = Field(default=0.0, ge=0, le=1)
    """Share of the discrete choices (the gripper's) that are drawn at random, unless the policy
    acts deterministically; 0 always takes the best one, and leaves it to the person who takes over
    to show others. Where nobody does, .05 is enough to try them all."""

    @model_validator(mode="after")
    def _spread(self) -> Self:
        if self.std_min >= self.std_max:
            raise ValueError(f"std_min {self.std_min} must be below std_max {self.std_max}")
        return self


class GaussianActorConfig(ActorNetworkConfig, MutableConfig):
    """A tanh-squashed Gaussian actor, with an argmax over discrete actions beside it.

    It is mutable, because features and statistics become known only once the environment or the
    dataset is open; `validate_features` is called when the networks are built.
    """

    input_features: dict[str, PolicyFeature] = {}
    """Observations by key; STATE and ENV features of shape (n,), VISUAL ones of shape (C, H, W)."""

    output_features: dict[str, PolicyFeature] = {}
    """The key "action": an ACTION feature of shape (c,), the continuous dimensions only."""

    dataset_stats: dict[str, dict[str, list[float]]] | None = None
    """Per feature {"min": [...], "max": [...]} in the feature's own unit, mapped to [-1, 1]; a
    feature without statistics passes unscaled. Per VISUAL feature {"mean": [...], "std": [...]} of
    its C channels, in shares of full brightness."""

    num_discrete_actions: int | None = Field(default=None, ge=2)
    """Choices of the discrete dimension (3 for a gripper: close, stay, open); null for none."""

    discrete_exploration: float = Field(default=0.05, ge=0, le=1)
    """Share of these choices that are drawn at random, unless the policy acts deterministically:
    what is never tried is never learned. A run's own default is 0, for there a person takes over.
    """

    @property
    def continuous_dims(self) -> int:
        """Number of continuous action dimensions c."""
        return self.output_features[ACTION].shape[0]

    @property
    def action_dims(self) -> int:
        """Length of an action: c, plus 1 where there is a discrete dimension."""
        return self.continuous_dims + (self.num_discrete_actions is not None)

    @property
    def observation_keys(self) -> tuple[str, ...]:
        """The keys the encoder reads, in the order in which it concatenates them."""
        return tuple(self.input_features)

    @property
    def image_keys(self) -> tuple[str, ...]:
        """The keys that hold pictures."""
        features = self.input_features.items()
        return tuple(key for key, feature in features if feature.type == FeatureType.VISUAL)

    def validate_features(self) -> None:
        """Raise ValueError, listing what is there, unless networks can be built from this."""
        _validate_inputs(self.input_features)
        _validate_action(self.output_features)
        self._validate_stats()

    def _validate_stats(self) -> None:
        features = {**self.input_features, **self.output_features}
        for key, stats in (self.dataset_stats or {}).items():
            if key not in features:
                raise ValueError(f"dataset_stats has {key!r}; the features are {sorted(features)}")
            low, high = names = _STATISTICS[features[key].type == FeatureType.VISUAL]
            if set(stats) != set(names):
                raise ValueError(
                    f"dataset_stats[{key!r}] needs {low} and {high}, has {sorted(stats)}"
                )
            # a dataset's own statistics count the discrete dimension; only the first c are read
            allowed = {features[key].shape[0]} | ({self.action_dims} if key == ACTION else set())
            if len(stats[low]) != len(stats[high]) or len(stats[low]) not in allowed:
                raise ValueError(
                    f"dataset_stats[{key!r}] has {len(stats[low])} {low} and "
                    f"{len(stats[high])} {high} values; the feature has {features[key].shape[0]}"
                )
            pairs = zip(stats[low], stats[high], strict=True)
            if low == "min" and any(least > most for least, most in pairs):
                raise ValueError(f"dataset_stats[{key!r}] has a min above its max: {stats}")
            if high == "std" and min(stats[high]) <= 0:
                raise ValueError(f"dataset_stats[{key!r}] has a std that is not positive: {stats}")


def _validate_inputs(features: dict[str, PolicyFeature]) -> None:
    if not features:
        raise ValueError("input_features is empty: name at least one STATE, ENV or VISUAL feature")
    for key, feature in features.items():
        if feature.type not in _RANKS:
            raise ValueError(
                f"input feature {key!r} is {feature.type}; this policy encodes "
                f"{', '.join(_RANKS)} features, got {_summary(features)}"
            )
        if len(feature.shape) != _RANKS[feature.type] or min(feature.shape) < 1:
            wanted = "(C, H, W)" if feature.type == FeatureType.VISUAL else "(n,)"
            raise ValueError(
                f"input feature {key!r} needs shape {wanted}, got {_summary(features)}"
            )


def _validate_action(features: dict[str, PolicyFeature]) -> None:
    action = features.get(ACTION)
    if set(features) != {ACTION} or action is None or action.type != FeatureType.ACTION:
        raise ValueError(
            f"output_features needs exactly {ACTION!r} of type ACTION, got {_summary(features)}"
        )
    if len(action.shape) != 1 or action.shape[0] < 1:
        raise ValueError(f"the action needs shape (c,) with c >= 1, got {action.shape}")


def _summary(features: dict[str, PolicyFeature]) -> str:
    return ", ".join(f"{key}: {f.type} {f.shape}" for key, f in features.items()) or "nothing"
