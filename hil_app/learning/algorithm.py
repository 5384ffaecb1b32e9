"""What every learning algorithm offers, and the registry that builds one from its config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from configs.learning.algorithm import ALGORITHMS, RLAlgorithmConfig
from configs.learning.policy import GaussianActorConfig
from configs.registry import RegistryError
from hil_app.learning.buffer.batch import Batch, DataMixer
from hil_app.learning.buffer.draws import seeded
from hil_app.learning.networks.actor import MODEL_FILE, GaussianActorPolicy
from hil_app.learning.networks.weights import (
    Weights,
    check_finite,
    copy_into,
    cpu_copy,
    read_tensors,
)
from hil_app.learning.sac.optimizers import load_optimizer_tensors, optimizer_tensors, set_rate

_COUNTERS = ("optimization_step", "skipped_updates", "consecutive_skips")


@dataclass
class TrainingStats:
    """What one update reports; a step that was skipped or not due reports nothing."""

    losses: dict[str, float] = field(default_factory=dict)
    grad_norms: dict[str, float] = field(default_factory=dict)
    extra: dict[str, float] = field(default_factory=dict)

    def to_log_dict(self) -> dict[str, float]:
        """Everything in one flat dict; the gradient norms under `<name>_grad_norm`."""
        norms = {f"{name}_grad_norm": value for name, value in self.grad_norms.items()}
        return {**self.losses, **norms, **self.extra}


class RLAlgorithm(ABC):
    """An algorithm that trains a policy from batches of normalised transitions.

        algorithm = make_algorithm(config, policy)
        algorithm.make_optimizers_and_scheduler()
        batches = algorithm.configure_data_iterator(mixer, batch_size=256)
        stats = algorithm.update(batches)
        acting.load_actor_weights(algorithm.get_weights())

    Until `make_optimizers_and_scheduler` is called it is actor-side: `optimizers` is empty.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[RLAlgorithmConfig]] = RLAlgorithmConfig
    optimization_step: int = 0  # updates so far

    def __init_subclass__(cls, *, name: str | None = None) -> None:
        super().__init_subclass__()
        if name is not None:
            cls.name = name
            ALGORITHMS.provide(name, cls)

    def __init__(
        self, *, policy: GaussianActorPolicy, config: RLAlgorithmConfig, seed: int | None = None
    ) -> None:
        self.policy = policy
        self.config = config
        self.generator = seeded(seed)
        self.optimizers: dict[str, Optimizer] = {}
        self.skipped_updates = 0
        self.consecutive_skips = 0
        self.last_skip_cause: str | None = None
        self.compile_problem: str | None = None

    @property
    def policy_config(self) -> GaussianActorConfig:
        """The config of the policy."""
        return self.policy.config

    @abstractmethod
    def update(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
        """Train on the next batches. RuntimeError before `make_optimizers_and_scheduler`."""

    def warm_start(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
        """Train on the next batches, of demonstrations alone, before the policy acts.

        NotImplementedError if it does not know how; then its config's `warm_starts` says so.
        """
        raise NotImplementedError(f"{self.name} does not learn from demonstrations alone")

    @abstractmethod
    def make_optimizers_and_scheduler(self) -> dict[str, Optimizer]:
        """Make this the learner's side, and return the optimisers by name."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """What the algorithm owns beside the policy; the tensors are the live ones."""

    def get_optimizers(self) -> dict[str, Optimizer]:
        """The optimisers by name; empty on the actor's side."""
        own: dict[str, Optimizer] = vars(self).get("optimizers", {})
        return own

    def warm_up(self, batch_size: int) -> None:  # noqa: B027 - most have nothing to do
        """Do what would make the first update on batches of this size slow, before a robot moves.

        Nothing learned and no random state changes. Where something cannot be done,
        `compile_problem` says why, and updates go on without it.
        """

    def q_values(self, state: dict[str, Tensor], action: Tensor, *, target: bool = False) -> Tensor:
        """What each of its critics makes of actions (B, c [+ 1]) in states: values (critics, B).

        With `target` it is their target networks that are asked. States and actions are normalised.
        Nothing is drawn, learned or changed. NotImplementedError if the algorithm has no critics of
        such actions.
        """
        raise NotImplementedError(f"{self.name} has no critics that could evaluate an action")

    def configure_data_iterator(
        self,
        data_mixer: DataMixer,
        batch_size: int,
        *,
        async_prefetch: bool = False,
        queue_size: int = 2,
    ) -> Iterator[Batch]:
        """Return the endless batches that `update` is to be fed from; see `DataMixer`."""
        return data_mixer.get_iterator(
            batch_size, async_prefetch=async_prefetch, queue_size=queue_size
        )

    def get_weights(self) -> Weights:
        """Copies, on the CPU, of what acting needs: "policy" and perhaps "discrete_critic"."""
        return self.policy.get_weights()

    def load_weights(self, weights: Weights, device: str | torch.device = "cpu") -> None:
        """Copy what `get_weights` returned into the policy, in place."""
        self.policy.load_actor_weights(weights, device)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Copy `state` in place, so that optimisers keep their parameters.

        Raises:
            KeyError: the names are not those of `state_dict`.
            ValueError: a shape differs.
        """
        copy_into(self.state_dict(), state)

    def training_state(self) -> dict[str, Tensor]:
        """Copies, on the CPU, of what going on bit for bit takes beside the weights.

        Optimisers (moments, steps, learning rates), random generators and counters. With
        `policy.state_dict()` and `state_dict()` it is all there is.
        """
        state = {name: torch.tensor(getattr(self, name)) for name in _COUNTERS}
        state |= {f"generator.{name}": g.get_state() for name, g in self._generators.items()}
        for name, optimizer in self.optimizers.items():
            rate = torch.as_tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
            tensors = {"lr": rate, **optimizer_tensors(optimizer)}
            state |= {f"optimizer.{name}.{key}": value for key, value in tensors.items()}
        return cpu_copy(state)

    def load_training_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy what `training_state` returned, in place.

        Raises:
            RuntimeError: before `make_optimizers_and_scheduler`.
            KeyError: names are missing, or there are more.
            ValueError: a shape differs, or a number is not finite.
        """
        if not self.optimizers:
            raise RuntimeError("call make_optimizers_and_scheduler() before load_training_state()")
        check_finite(state, "the training state")
        parts = self._parts(state)
        for name, optimizer in self.optimizers.items():
            own = parts[f"optimizer.{name}"]
            set_rate(optimizer, own.pop("lr").item())
            load_optimizer_tensors(optimizer, own)
        for name, generator in self._generators.items():
            generator.set_state(state[f"generator.{name}"].cpu())
        for name in _COUNTERS:
            setattr(self, name, int(state[name]))

    @property
    def _generators(self) -> dict[str, torch.Generator]:
        return {"algorithm": self.generator, "policy": self.policy.generator}

    def _parts(self, state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        """The state by optimiser, once the names of its parts are known to be right."""
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in state.items():
            if key.startswith("optimizer."):
                _, name, rest = key.split(".", 2)
                parts.setdefault(f"optimizer.{name}", {})[rest] = value
            else:
                parts[key] = {}
        expected = {*_COUNTERS, *(f"generator.{name}" for name in self._generators)}
        expected |= {f"optimizer.{name}" for name in self.optimizers}
        if parts.keys() != expected:
            raise KeyError(
                f"the training state has {sorted(parts)}, this algorithm needs {sorted(expected)}"
            )
        return parts

    def save_pretrained(self, directory: str | Path) -> None:
        """Write `model.safetensors` (the state) and `config.json`; the policy saves itself."""
        self.config.save_pretrained(directory)
        state = {key: tensor.detach().contiguous() for key, tensor in self.state_dict().items()}
        save_file(state, str(Path(directory) / MODEL_FILE))

    @classmethod
    def from_pretrained(
        cls,
        directory: str | Path,
        *,
        policy: GaussianActorPolicy,
        config: RLAlgorithmConfig | None = None,
        seed: int | None = None,
    ) -> Self:
        """Rebuild what `save_pretrained` wrote, around this policy, on the actor's side.

        A `config` comes in the place of the one that lies there, such as with other step sizes.

        Raises:
            KeyError: the config names an unknown algorithm, or the tensors are of another one.
            TypeError: it names another algorithm than the class this is called on.
            ValueError: a tensor has another shape, or numbers that are not finite.
        """
        config = config or RLAlgorithmConfig.from_pretrained(directory)
        algorithm = make_algorithm(config, policy, seed=seed)
        if not isinstance(algorithm, cls):
            raise TypeError(f"{directory} holds {algorithm.name!r}, not {cls.__name__}")
        algorithm.load_state_dict(read_tensors(Path(directory) / MODEL_FILE))
        return algorithm


def make_algorithm_config(algorithm_type: str, **fields: Any) -> RLAlgorithmConfig:
    """The config of an algorithm by its name, with these fields.

    Raises:
        KeyError: there is no such algorithm, whose names it has.
        ValidationError: a field is unknown or out of its range.
    """
    return RLAlgorithmConfig.get_choice_class(algorithm_type)(**fields)


def make_algorithm(
    cfg: RLAlgorithmConfig, policy: GaussianActorPolicy, *, seed: int | None = None
) -> RLAlgorithm:
    """Build the algorithm registered for this config; KeyError, listing the names, if none is.

    `seed` fixes its random draws; without one, `torch.manual_seed` does.
    """
    try:
        make = ALGORITHMS.factory(cfg)
    except RegistryError as error:
        raise KeyError(str(error)) from error
    algorithm: RLAlgorithm = make(policy=policy, config=cfg, seed=seed)
    return algorithm
