"""Soft actor-critic (Haarnoja et al. 2018) with a discrete critic for the gripper.

The continuous critics see the observation and the continuous action and learn from the reward.
The discrete critic sees the observation, learns by double DQN (van Hasselt et al. 2016) from the
reward plus the discrete penalty (<= 0), and nothing else sees that penalty (HIL-SERL, Luo et al.
2024).

The encoder is trained by the critic loss alone. The actor and the discrete critic read its
features detached: a second objective of another scale would pull at the features under the
critics' feet, and each parameter stays in one optimiser. Targets have a lagging encoder of their
own. Each observation is encoded once a batch, so the actor's step reads the features from just
before the critic step that it follows.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from configs.algorithm import RLAlgorithmConfig, SACAlgorithmConfig
from hil_app.learning.algorithm import RLAlgorithm, TrainingStats
from hil_app.learning.buffer.batch import Batch, completed
from hil_app.learning.fast import foreach
from hil_app.learning.fast.compiled import compiled, problem_of
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.mlp import CriticEnsemble
from hil_app.learning.sac.losses import Draws, Losses, Transitions, example_batch
from hil_app.learning.sac.optimizers import Slopes, adam, descend, set_rate, slopes
from hil_app.learning.sac.records import Record, peaks, summarise
from hil_app.learning.sac.schedules import rate_factor
from hil_app.learning.sac.temperature import Temperature
from hil_app.support.caches import renew_for_torch

M = TypeVar("M", bound=nn.Module)


class SACAlgorithm(RLAlgorithm, name="sac"):
    """SAC over a GaussianActorPolicy; see the module for what trains what.

    All its random draws come from one generator, seeded with `seed`, on the policy's device.
    """

    config: SACAlgorithmConfig
    config_class = SACAlgorithmConfig

    def __init__(
        self, *, policy: GaussianActorPolicy, config: RLAlgorithmConfig, seed: int = 0
    ) -> None:
        if not isinstance(config, SACAlgorithmConfig):
            raise TypeError(f"SACAlgorithm needs a SACAlgorithmConfig, not {type(config).__name__}")
        super().__init__(policy=policy, config=config, seed=seed)
        self.target_entropy = config.entropy_target(policy.config)
        self.critic_ensemble = CriticEnsemble(
            config.num_critics,
            policy.encoder.output_dim,
            policy.config.continuous_dims,
            config.critic_network_kwargs.widths(policy.config),
            activate_final=config.critic_network_kwargs.activate_final,
            final_activation=config.critic_network_kwargs.final_activation,
            layer_norm=config.layer_norm,
            generator=torch.Generator().manual_seed(seed),
        ).to(policy.device)
        self._temperature = Temperature(
            config.temperature_mode, config.temperature_init, policy.device
        )
        self.critic_target = _frozen_copy(self.critic_ensemble)
        self.target_encoder = _frozen_copy(policy.encoder)
        critic = policy.discrete_critic
        self.discrete_critic_target = None if critic is None else _frozen_copy(critic.head)
        self.losses = Losses(
            config, policy, self.critic_ensemble, self.target_encoder, self.discrete_critic_target,
            self._temperature, self.target_entropy,
        )  # fmt: skip
        self._passes = self._critic_pass, self._actor_pass
        self._warm = not config.compile
        self._owned: dict[str, list[nn.Parameter]] = {}
        self._lagging, self._leading = self._pair_targets()

    @property
    def temperature(self) -> float:
        """The entropy coefficient alpha."""
        return float(self._temperature().detach())

    @property
    def log_alpha(self) -> Tensor:
        """Its logarithm: the parameter itself, unless the config has it learned directly."""
        own = self._temperature.parameter
        return own.log() if self.config.temperature_mode == "direct" else own

    def make_optimizers_and_scheduler(self) -> dict[str, Optimizer]:
        """One fused Adam each for critics (with encoder), actor, temperature, discrete critic.

        The schedule needs no object: `rate_factor` gives the rates of every update.
        """
        groups = self.policy.get_optim_params()
        owned: dict[str, list[nn.Parameter]] = {
            "critic": [*self.critic_ensemble.parameters(), *groups["encoder"]],
            "actor": groups["actor"],
        }
        if self._temperature.learned:
            owned["temperature"] = [self._temperature.parameter]
        if "discrete_critic" in groups:
            owned["discrete_critic"] = groups["discrete_critic"]
        rates = self._rates(1.0)
        self._owned = owned
        self.optimizers = {name: adam(group, rates[name]) for name, group in owned.items()}
        return self.optimizers

    def update(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
        """Take `utd_ratio` batches, a critic step on each; the last also trains the actor.

        A step in which anything is not finite is skipped whole: no optimiser and no target moves,
        it trains no actor, and it counts in `extra["skipped_updates"]` (a total);
        `last_skip_cause` has its cause. Nothing is read from the device before the end.
        """
        if not self.optimizers:
            raise RuntimeError("call make_optimizers_and_scheduler() before update()")
        self._schedule()
        records = []
        for index in range(self.config.utd_ratio):
            batch = completed(next(batch_iterator))
            seen = Transitions.of(batch, self.policy, self.config)
            if not self._warm:
                self.warm_up(len(batch["reward"]))
            record, features = self._train_critics(batch, seen, index)
            records.append(record)
        if self.optimization_step % self.config.policy_update_freq == 0:
            records.append(self._train_actor(record, seen, features))
        self.optimization_step += 1
        return self._report(records)

    @torch.inference_mode()
    def judge(self, state: dict[str, Tensor], action: Tensor) -> Tensor:
        """The value (critics, B) of actions (B, c [+ 1]), of which the discrete part counts not."""
        features = self.policy.encoder(self.policy.perceive(state))
        q: Tensor = self.critic_ensemble(features, action[:, : self.policy.config.continuous_dims])
        return q

    def _train_critics(self, batch: Batch, seen: Transitions, index: int) -> tuple[Record, Tensor]:
        fields, largest = peaks(batch)
        draws = self._draw(len(seen.reward))
        found, features, q_mean = self._passes[0](seen, draws, self._subset())
        outcome = descend(self.optimizers, found, largest, self.config.grad_clip_norm)
        steps = self.optimization_step * self.config.utd_ratio + index + 1
        if steps % self.config.target_update_interval == 0:
            self._follow(self.config.critic_target_update_weight * (1 - outcome.skipped))
        return Record(tuple(found.losses), outcome, {"q_mean": q_mean}, fields, largest), features

    def _train_actor(self, before: Record, seen: Transitions, features: Tensor) -> Record:
        """A step on the batch of the step `before`, unless that one was skipped."""
        found, entropy = self._passes[1](seen, features, self._draw(len(seen.reward)))
        nothing, limit = before.peaks[:0], self.config.grad_clip_norm
        outcome = descend(self.optimizers, found, nothing, limit, before.outcome.skipped)
        self._temperature.keep_valid()
        return Record(tuple(found.losses), outcome, {"entropy": entropy}, (), nothing)

    def _follow(self, share: Tensor) -> None:
        """Move the targets by this share of the way to what they follow."""
        foreach.interpolate(self._lagging, self._leading, share)

    def _critic_pass(
        self, seen: Transitions, draws: Draws, lagging: list[nn.Module]
    ) -> tuple[Slopes, Tensor, Tensor]:
        losses, features, q_mean = self.losses.critic(seen, draws, lagging)
        return slopes(losses, self._owned), features, q_mean

    def _actor_pass(
        self, seen: Transitions, features: Tensor, draws: Draws
    ) -> tuple[Slopes, Tensor]:
        losses, entropy = self.losses.actor(seen, features, draws)
        return slopes(losses, self._owned), entropy

    def _report(self, records: list[Record]) -> TrainingStats:
        summary = summarise(records)
        self.consecutive_skips = self.consecutive_skips + 1 if summary.causes else 0
        self.skipped_updates += len(summary.causes)
        if summary.causes:
            self.last_skip_cause = summary.causes[-1]
        extra = summary.stats.extra
        extra |= {"temperature": self.temperature, "skipped_updates": float(self.skipped_updates)}
        for name, optimizer in self.optimizers.items():
            extra[f"{name}_lr"] = float(optimizer.param_groups[0]["lr"])
        return summary.stats

    def warm_up(self, batch_size: int) -> None:
        """Compile for batches of this size, if the config says so: call it before the run starts.

        Where that is impossible the losses stay as they are, and `compile_problem` says why.
        """
        if self._warm:
            return
        self._warm = True
        generator = self.generator.get_state()
        self.compile_problem = problem_of(lambda: self._compile(batch_size))
        if self.compile_problem:
            renew_for_torch()
            self.compile_problem = problem_of(lambda: self._compile(batch_size))
        self.generator.set_state(generator)
        if self.compile_problem:
            self._passes = self._critic_pass, self._actor_pass

    def _compile(self, batch_size: int) -> None:
        device = self.policy.device
        self._passes = compiled(self._critic_pass, device), compiled(self._actor_pass, device)
        batch = example_batch(self.policy, batch_size)
        self._rehearse(Transitions.of(batch, self.policy, self.config))

    def _rehearse(self, seen: Transitions) -> None:
        """Do all of an update but the steps of the optimisers."""
        size = len(seen.reward)
        _, features, _ = self._passes[0](seen, self._draw(size), self._subset())
        self._passes[1](seen, features, self._draw(size))

    def _draw(self, size: int) -> Draws:
        """Every random number of a step on `size` rows, drawn on the CPU whatever the device."""
        device, rate = self.policy.device, self.config.critic_dropout
        noise = torch.empty(size, self.policy.config.continuous_dims)
        noise = noise.normal_(generator=self.generator).to(device, non_blocking=True)
        if rate is None:
            return Draws(noise, None)
        masks = (
            torch.empty(self.config.num_critics, size, width)
            for width in self.config.critic_network_kwargs.widths(self.policy.config)
        )
        kept = (mask.bernoulli_(1 - rate, generator=self.generator) for mask in masks)
        return Draws(noise, tuple(mask.div_(1 - rate).to(device) for mask in kept))

    def _subset(self) -> list[nn.Module]:
        """The target critics to evaluate: a fresh choice of them (REDQ), or all."""
        count, critics = self.config.num_subsample_critics, list(self.critic_target.critics)
        if count is None or count == len(critics):
            return critics
        order = torch.randperm(len(critics), generator=self.generator)
        return [critics[index] for index in order[:count].tolist()]

    def _schedule(self) -> None:
        config = self.config
        if config.lr_schedule == "constant" and self.optimization_step > config.lr_warmup_steps:
            return  # the rates are at their values, and the user's to change
        rates = self._rates(rate_factor(config, self.optimization_step))
        for name, optimizer in self.optimizers.items():
            set_rate(optimizer, rates[name])

    def _rates(self, factor: float) -> dict[str, float]:
        config = self.config
        rates = {"actor": config.actor_lr, "temperature": config.temperature_lr}
        rates |= {"critic": config.critic_lr, "discrete_critic": config.critic_lr}
        return {name: factor * rate for name, rate in rates.items()}

    def _pair_targets(self) -> tuple[list[Tensor], list[Tensor]]:
        """The lagging tensors and the ones they follow, for one fused interpolation."""
        pairs: list[tuple[nn.Module, nn.Module]] = [
            (self.critic_target, self.critic_ensemble),
            (self.target_encoder, self.policy.encoder),
        ]
        if self.discrete_critic_target is not None and self.policy.discrete_critic is not None:
            pairs.append((self.discrete_critic_target, self.policy.discrete_critic.head))
        lagging: list[Tensor] = [p for target, _ in pairs for p in target.parameters()]
        leading: list[Tensor] = [p for _, online in pairs for p in online.parameters()]
        return lagging, leading

    def get_observation_features(
        self, observations: dict[str, Tensor], next_observations: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor] | None, dict[str, Tensor] | None]:
        """Feature maps that a frozen vision encoder makes of both, to be stored; or None, None.

        Batches may have them in the place of the pictures.
        """
        config = self.policy.config
        if not (config.freeze_vision_encoder and config.image_keys):
            return None, None
        maps = [self.policy.perceive(seen) for seen in (observations, next_observations)]
        first, second = (
            {key: value for key, value in seen.items() if key not in config.input_features}
            for seen in maps
        )
        return first, second

    def state_dict(self) -> dict[str, Tensor]:
        """Temperature, critics and targets; the lagging encoder is `critic_target.features.*`."""
        modules: dict[str, nn.Module | None] = {
            "critic_ensemble": self.critic_ensemble,
            "critic_target": self.critic_target,
            "critic_target.features": self.target_encoder,
            "discrete_critic_target": self.discrete_critic_target,
        }
        state = {self._temperature.name: self._temperature.parameter.detach()}
        for name, module in modules.items():
            if module is not None:
                state |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        return state


def _frozen_copy(module: M) -> M:
    return copy.deepcopy(module).requires_grad_(False)
