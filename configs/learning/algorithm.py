"""How the policy is trained. One of your own: a subclass of :class:`RLAlgorithmConfig`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from configs.base import Changeable
from configs.learning.networks import CriticNetworkConfig
from configs.learning.policy import GaussianActorConfig
from configs.learning.respelled import Respelled, RespelledConfig
from configs.registry import Registry, RegistryError
from configs.text.reading import read_json

CONFIG_FILE = "config.json"
_POLICY = "policy_config"  # beside the fields in that file
_DISCRETE = "discrete_critic_network_kwargs"
EntropyMode: TypeAlias = Literal["log", "direct", "fixed"]
Schedule: TypeAlias = Literal["constant", "linear", "cosine"]
ImitationError: TypeAlias = Literal["squared", "absolute"]
ConfigClass: TypeAlias = "type[RLAlgorithmConfig]"  # the field `type` hides the builtin below


class RLAlgorithmConfig(RespelledConfig):
    """Base of every algorithm's config; a subclass registers itself under its `type`."""

    type: str
    """Name of the algorithm."""

    discount: float = Field(default=0.99, ge=0, le=1)
    """Discount a tick; a batch's own `complementary_info.discount` comes before it."""

    _policy_config: GaussianActorConfig | None = PrivateAttr(None)

    @property
    def policy_config(self) -> GaussianActorConfig | None:
        """The policy that this is for, if it was said; no file of a run names it."""
        return self._policy_config

    @policy_config.setter
    def policy_config(self, policy: GaussianActorConfig | None) -> None:
        self._policy_config = policy

    @model_validator(mode="wrap")
    @classmethod
    def _for_a_policy(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not (isinstance(given, dict) and _POLICY in given):
            return handler(given)
        policy = given[_POLICY]
        config = handler({name: value for name, value in given.items() if name != _POLICY})
        if policy is not None:
            config._policy_config = GaussianActorConfig.model_validate(policy)
        return config

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class under its `type`. Raises RegistryError if the name is taken."""
        super().__pydantic_init_subclass__(**kwargs)
        ALGORITHMS.register()(cls)

    @classmethod
    def get_known_choices(cls) -> dict[str, ConfigClass]:
        """Every registered config class by its name."""
        return {entry.name: entry.config for entry in ALGORITHMS}

    @classmethod
    def get_choice_class(cls, name: str) -> ConfigClass:
        """Return the class registered as `name`; KeyError, listing the names, if there is none."""
        try:
            return ALGORITHMS[name].config
        except RegistryError as error:
            raise KeyError(str(error)) from None

    @property
    def critics(self) -> int:
        """Critics that may disagree about an action."""
        return 0

    @property
    def compiles(self) -> bool:
        """Whether `warm_up` has much to do before a run starts."""
        return False

    @property
    def warm_starts(self) -> bool:
        """Whether it can learn from demonstrations alone: `warm_start`."""
        return False

    @classmethod
    def from_policy_config(cls, policy_config: GaussianActorConfig, **overrides: Any) -> Self:
        """Make a config that fits this policy. ValueError if its features are unusable."""
        policy_config.validate_features()
        return cls.model_validate({_POLICY: policy_config, **overrides})

    def save_pretrained(self, directory: str | Path) -> None:
        """Write `config.json` into the directory, which is made if needed."""
        path = Path(directory)
        path.mkdir(parents=True, exist_ok=True)
        data = self.model_dump(mode="json")
        if self.policy_config is not None:
            data[_POLICY] = self.policy_config.model_dump(mode="json")
        (path / CONFIG_FILE).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, directory: str | Path) -> RLAlgorithmConfig:
        """Read `config.json`; its `type` picks the class.

        KeyError for an unknown type; ValueError for what is no config.
        """
        data = read_json(Path(directory) / CONFIG_FILE)
        if not isinstance(data, dict):
            raise ValueError(f"{directory}: {CONFIG_FILE} has no keys and values")
        return cls.get_choice_class(data.get("type", "")).model_validate(data)


ALGORITHMS: Registry[RLAlgorithmConfig] = Registry("algorithm", RLAlgorithmConfig, default="sac")


@ALGORITHMS.register("hil_app.learning.sac.sac:SACAlgorithm")
class SACAlgorithmConfig(RLAlgorithmConfig):
    """Soft actor-critic with a discrete critic beside it; the defaults are lerobot's."""

    type: Literal["sac"] = "sac"
    """Name of the algorithm."""

    actor_lr: float = Field(default=3e-4, gt=0)
    """Adam's step size for the actor."""

    critic_lr: float = Field(default=3e-4, gt=0)
    """Adam's step size for the critics, their encoder and the discrete critic."""

    temperature_lr: float = Field(default=3e-4, gt=0)
    """Adam's step size for the temperature or its logarithm, where it is learned."""

    lr_schedule: Schedule = "constant"
    """How every step size falls after the warm-up: not at all, on a line, or on half a cosine."""

    lr_warmup_steps: int = Field(default=0, ge=0)
    """Updates in which the step sizes rise from 0 to their values."""

    lr_decay_steps: int | None = Field(default=None, ge=1)
    """Updates, the warm-up included, after which a linear or cosine schedule is at its end."""

    lr_final_fraction: float | None = Field(default=None, ge=0, le=1)
    """Share of the step sizes that is left at the end of a linear or cosine schedule."""

    reward_scale: float = Field(default=1.0, gt=0)
    """Factor on the reward and on the discrete penalty before they are learned from."""

    use_backup_entropy: bool = True
    """The critics' target counts the entropy of the next action."""

    critic_target_update_weight: float = Field(default=0.005, gt=0, le=1)
    """Share of the online parameters that enters the target networks after each critic step."""

    target_update_interval: int = Field(default=1, ge=1)
    """The target networks move after every n-th critic step."""

    num_critics: int = Field(default=2, ge=1, le=100)
    """Critics in the ensemble."""

    num_subsample_critics: int | None = Field(default=None, ge=1, le=100)
    """Critics, drawn again for each target, over which the minimum is taken; null for all."""

    critic_network_kwargs: CriticNetworkConfig = CriticNetworkConfig()
    """The network of each critic of the ensemble."""

    critic_dropout: float | None = Field(default=None, gt=0, lt=1)
    """Share of the critics' hidden units that is left out at random in training (DroQ), never in
    their targets; null for none."""

    actor_dropout: float | None = Field(default=None, gt=0, lt=1)
    """Share of what each layer of the actor reads that is left out at random while it is trained,
    never while it acts, so that it learns no operator's shaking by heart; null for none."""

    actor_average: float | None = Field(default=None, gt=0, lt=1)
    """Share of the trained actor that enters the one that acts, after each step of it but those of
    the warm start, which it follows whole: an average of the newest 1/share; null for none."""

    temperature_mode: EntropyMode = "log"
    """The temperature is learned by its logarithm, directly, or stays fixed at temperature_init."""

    temperature_init: float = Field(default=1.0, gt=0)
    """The temperature before the first update."""

    target_entropy: float | None = None
    """Entropy [nat] that the temperature steers to; null for -(c + 1 if discrete)/2."""

    utd_ratio: int = Field(default=1, ge=1, le=1000)
    """Batches, each a critic step, in one update; the last one also trains the actor."""

    policy_update_freq: int = Field(default=1, ge=1)
    """The actor and the temperature are trained in every n-th update."""

    grad_clip_norm: float | None = Field(default=40.0, gt=0)
    """Largest gradient norm of each optimiser; null for no clipping."""

    layer_norm: bool = True
    """LayerNorm in the hidden layers of the critics."""

    behavior_cloning_weight: float = Field(default=0.0, ge=0)
    """Weight of imitating the operator's actions in rows with `is_intervention`; 0 for off."""

    imitation_error: ImitationError = "squared"
    """How far the policy is from the operator's action: squared, so that it does the mean of what
    the operator does in such a state, or absolute, so that it does the median: it decides where the
    operator does now this, now that, and mistakes that are rare count for little."""

    compile: Changeable[bool] = False
    """Compile the losses before the run starts: a minute the first time, then kept on disk."""

    use_torch_compile = Respelled("compile")  # type: ignore[pydantic-field] # it is none

    imitation_filter: bool = False
    """Imitate the operator only where the critics expect at least as much of that as of the
    policy's own action (Nair et al. 2018), so that a poor one does not cap what is learned."""

    @model_validator(mode="after")
    def _filter_has_what_it_filters(self) -> Self:
        if self.imitation_filter and not self.behavior_cloning_weight:
            raise ValueError("imitation_filter needs behavior_cloning_weight > 0: set both or none")
        return self

    @model_validator(mode="after")
    def _schedule_is_whole(self) -> Self:
        given = {name: getattr(self, name) for name in ("lr_decay_steps", "lr_final_fraction")}
        if self.lr_schedule == "constant":
            for name, value in given.items():
                if value is not None:
                    raise ValueError(f"{name} needs lr_schedule linear or cosine, not constant")
            return self
        for name, value in given.items():
            if value is None:
                raise ValueError(f"lr_schedule {self.lr_schedule} needs {name}")
        if (self.lr_decay_steps or 0) <= self.lr_warmup_steps:
            raise ValueError(
                f"lr_decay_steps {self.lr_decay_steps} must exceed "
                f"lr_warmup_steps {self.lr_warmup_steps}"
            )
        return self

    @model_validator(mode="after")
    def _subsample_fits(self) -> Self:
        if self.num_subsample_critics is not None and self.num_subsample_critics > self.num_critics:
            raise ValueError(
                f"num_subsample_critics {self.num_subsample_critics} exceeds "
                f"num_critics {self.num_critics}"
            )
        return self

    @classmethod
    def from_policy_config(cls, policy_config: GaussianActorConfig, **overrides: Any) -> Self:
        """Make a config with the target entropy of this policy, unless the overrides give one."""
        config = super().from_policy_config(policy_config, **overrides)
        config.target_entropy = config.entropy_target(policy_config)
        return config

    @model_validator(mode="wrap")
    @classmethod
    def _critic_is_the_policys(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Take the published field, which says again what the policy says."""
        if not (isinstance(given, dict) and _DISCRETE in given):
            return handler(given)
        wanted = CriticNetworkConfig.model_validate(given[_DISCRETE])
        config = handler({name: value for name, value in given.items() if name != _DISCRETE})
        if config.discrete_critic_network_kwargs != wanted:
            raise ValueError(f"{_DISCRETE} is the policy's: give it to its config")
        return config

    @property
    def critics(self) -> int:
        """Critics of the ensemble."""
        return self.num_critics

    @property
    def compiles(self) -> bool:
        """As configured."""
        return self.compile

    @property
    def warm_starts(self) -> bool:
        """It imitates, while its critics learn."""
        return True

    @property
    def discrete_critic_network_kwargs(self) -> CriticNetworkConfig | None:
        """The network of the policy's discrete critic, where the policy is known."""
        policy = self.policy_config
        return None if policy is None else policy.discrete_critic_network_kwargs

    def entropy_target(self, policy_config: GaussianActorConfig) -> float:
        """Return the entropy [nat] to steer to for a policy with these actions."""
        if self.target_entropy is not None:
            return self.target_entropy
        return -policy_config.action_dims / 2
