"""What the policy sees and does, and the size of its networks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, PrivateAttr, model_validator

from configs.base import MutableConfig
from configs.learning.networks import NetworksConfig, SpreadConfig
from configs.learning.respelled import Respelled, RespelledConfig
from configs.names import ACTION, OBS_IMAGES


class FeatureType(StrEnum):
    """The role a feature plays for the policy."""

    STATE = "STATE"
    ENV = "ENV"
    VISUAL = "VISUAL"
    ACTION = "ACTION"
    REWARD = "REWARD"


_ELSEWHERE = {
    "online_steps": "a run has train.ticks",
    "online_buffer_capacity": "a ReplayBuffer has its capacity, a run learner.online_capacity",
    "offline_buffer_capacity": "a ReplayBuffer has its capacity, a run learner.offline_capacity",
    "online_step_before_learning": "a run has learner.learning_starts",
    "async_prefetch": "an RLTrainer has async_prefetch, a run learner.prefetch",
    "storage_device": "a ReplayBuffer has its storage_device",
    "actor_learner_config": "the learner is a thread, which needs no address",
    "concurrency": "the learner is a thread",
    "normalization_mapping": "numbers are scaled by min and max, images by mean and std, where "
    "dataset_stats has them",
}
"""Published fields of the policy's config, and what there is instead."""

_RANKS = {FeatureType.STATE: 1, FeatureType.ENV: 1, FeatureType.VISUAL: 3}  # of an input's shape
_STATISTICS = {True: ("mean", "std"), False: ("min", "max")}  # by whether it is VISUAL


@dataclass(frozen=True)
class PolicyFeature:
    """One named input or output of the policy: its role and the shape of one sample."""

    type: FeatureType
    shape: tuple[int, ...]


class PolicyConfig(SpreadConfig, MutableConfig):
    """The published block of what :class:`GaussianActorConfig` has beside its other fields.

    One that was read from such a config sets the config's fields, too.
    """

    use_tanh_squash: bool = True
    """Actions are squashed into [-1, 1] by tanh; otherwise they are the Gaussian's own."""

    _config: GaussianActorConfig | None = PrivateAttr(None)

    @classmethod
    def of(cls, config: GaussianActorConfig) -> Self:
        """The block of a config, which goes on being its own."""
        block = cls(**{name: getattr(config, name) for name in cls.model_fields})
        block._config = config
        return block

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PolicyConfig) and dict(self) == dict(other)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in PolicyConfig.model_fields and self._config is not None:
            setattr(self._config, name, value)


class _PolicyBlock(Respelled):
    """`policy_kwargs`, whose fields stand beside the others here."""

    def __init__(self) -> None:
        super().__init__("")

    def read(self, config: GaussianActorConfig) -> PolicyConfig:
        """The block."""
        return PolicyConfig.of(config)

    def write(self, config: GaussianActorConfig, value: Any) -> None:
        """Set all of its fields, those of the default too."""
        for name, part in dict(PolicyConfig.model_validate(value)).items():
            setattr(config, name, part)

    def fields(self, value: Any) -> dict[str, Any]:
        """Those that were given."""
        return PolicyConfig.model_validate(value).model_dump(exclude_unset=True)


class GaussianActorConfig(NetworksConfig, RespelledConfig):
    """A tanh-squashed Gaussian actor, with an argmax over discrete actions beside it.

    It is mutable, because features and statistics become known only once the environment or the
    dataset is open; `validate_features` is called when the networks are built.
    """

    policy_kwargs = _PolicyBlock()  # type: ignore[pydantic-field] # it is none

    use_tanh_squash: bool = True
    """Actions are squashed into [-1, 1] by tanh; otherwise they are the Gaussian's own, of any
    size."""

    device: str = "cpu"
    """Where the policy is built; `policy.to(...)` moves it."""

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
    what is never tried is never learned. A run's own default is 0, for there the operator takes
    over.
    """

    @model_validator(mode="before")
    @classmethod
    def _of_the_policy(cls, given: Any) -> Any:
        for name in _ELSEWHERE.keys() & set(given if isinstance(given, dict) else ()):
            raise ValueError(f"{name} is not the policy's: {_ELSEWHERE[name]}")
        return given

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
    def image_features(self) -> list[str]:
        """The same as `image_keys`, by its published name."""
        return list(self.image_keys)

    @property
    def image_keys(self) -> tuple[str, ...]:
        """The keys that hold images."""
        features = self.input_features.items()
        return tuple(key for key, feature in features if feature.type == FeatureType.VISUAL)

    @property
    def seen_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample by key, as the networks see it: of an image (C, h, w), as small as
        `image_size` has it."""
        return {key: self._seen(key, feature) for key, feature in self.input_features.items()}

    def _seen(self, key: str, feature: PolicyFeature) -> tuple[int, ...]:
        if feature.type != FeatureType.VISUAL:
            return feature.shape
        channels, height, width = feature.shape
        return channels, *self.looks_at(key.removeprefix(f"{OBS_IMAGES}."), height, width)

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
