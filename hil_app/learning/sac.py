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
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.optim import Optimizer

from configs.algorithm import RLAlgorithmConfig, SACAlgorithmConfig
from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.actor import GaussianActorPolicy
from hil_app.learning.algorithm import RLAlgorithm, TrainingStats
from hil_app.learning.batch import Batch
from hil_app.learning.distributions import sample
from hil_app.learning.networks import CriticEnsemble
from hil_app.learning.optimizers import adam

M = TypeVar("M", bound=nn.Module)

IMITATION_MARGIN = 0.1
"""The lead the person's discrete choice is given over the others, in units of value, where a
success is worth 1: a few ticks' worth of discount at .97. DQfD's .8 belongs to its own scale."""


class SACAlgorithm(RLAlgorithm, name="sac"):
    """SAC over a GaussianActorPolicy; see the module for what trains what.

    All its random draws come from one generator, seeded with `seed`, on the policy's device.
    """

    config: SACAlgorithmConfig

    def __init__(
        self, *, policy: GaussianActorPolicy, config: RLAlgorithmConfig, seed: int = 0
    ) -> None:
        if not isinstance(config, SACAlgorithmConfig):
            raise TypeError(f"SACAlgorithm needs a SACAlgorithmConfig, not {type(config).__name__}")
        super().__init__(policy=policy, config=config, seed=seed)
        self.target_entropy = config.entropy_target(policy.config)
        self.critic_ensemble = CriticEnsemble(
            config.num_critics,
            policy.encoder.output_dim + policy.config.continuous_dims,
            policy.config.hidden_dims,
            layer_norm=config.layer_norm,
            generator=torch.Generator().manual_seed(seed),
        ).to(policy.device)
        log_alpha = torch.tensor(math.log(config.temperature_init), device=policy.device)
        self.log_alpha = nn.Parameter(log_alpha)
        self.critic_target = _frozen_copy(self.critic_ensemble)
        self.target_encoder = _frozen_copy(policy.encoder)
        critic = policy.discrete_critic
        self.discrete_critic_target = None if critic is None else _frozen_copy(critic.head)

    @property
    def temperature(self) -> float:
        """The entropy coefficient alpha."""
        return self.log_alpha.exp().item()

    def make_optimizers_and_scheduler(self) -> dict[str, Optimizer]:
        """One fused Adam each for critics (with encoder), actor, temperature, discrete critic."""
        config, groups = self.config, self.policy.get_optim_params()
        critic = [*self.critic_ensemble.parameters(), *groups["encoder"]]
        self.optimizers = {
            "critic": adam(critic, config.critic_lr),
            "actor": adam(groups["actor"], config.actor_lr),
            "temperature": adam([self.log_alpha], config.temperature_lr),
        }
        if "discrete_critic" in groups:
            discrete = adam(groups["discrete_critic"], config.critic_lr)
            self.optimizers["discrete_critic"] = discrete
        self._pair_targets()
        return self.optimizers

    def update(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
        """Take `utd_ratio` batches, a critic step on each; the last also trains the actor.

        A step whose gradient is not finite is skipped whole: no optimiser moves, the batch counts
        in `extra["skipped_updates"]` (a total), and it trains no actor.
        """
        if not self.optimizers:
            raise RuntimeError("call make_optimizers_and_scheduler() before update()")
        meter = _Meter()
        for _ in range(self.config.utd_ratio):
            batch = next(batch_iterator)
            features = self.policy.encoder(batch["state"])
            healthy = self._train_critics(batch, features, meter)
        if healthy and self.optimization_step % self.config.policy_update_freq == 0:
            self._train_actor(batch, features.detach(), meter)
        self.optimization_step += 1
        meter.extra["temperature"].append(self.log_alpha.detach().exp())
        return meter.stats(self.skipped_updates)

    def _train_critics(self, batch: Batch, features: Tensor, meter: _Meter) -> bool:
        target, discrete_target = self._targets(batch)
        q = self.critic_ensemble(features, self._continuous(batch["action"]))  # (E, B)
        losses = {"critic": (q - target).square().mean(dim=1).sum()}
        if discrete_target is not None:
            losses["discrete_critic"] = self._discrete_loss(
                batch, features.detach(), discrete_target
            )
        if not self._descend(losses, meter):
            return False
        torch._foreach_lerp_(self._lagging, self._leading, self.config.critic_target_update_weight)
        meter.extra["q_mean"].append(q.detach().mean())
        return True

    @torch.no_grad()
    def _targets(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Targets (B,) of the critics and of the discrete critic, if there is one."""
        next_state, info = batch["next_state"], batch["complementary_info"]
        features, lagging = self.policy.encoder(next_state), self.target_encoder(next_state)
        action, log_prob = self._act(next_state, features)
        value = self.critic_target(lagging, action, self._subset()).amin(dim=0)  # (B,)
        if self.config.use_backup_entropy:
            value = value - self.log_alpha.exp() * log_prob
        discount = info.get(DISCOUNT, self.config.discount) * (1 - batch["done"])  # (B,)
        target = batch["reward"] + discount * value
        critic = self.policy.discrete_critic
        if critic is None or self.discrete_critic_target is None:
            return target, None
        best = critic(features).argmax(dim=1, keepdim=True)  # (B, 1)
        value = self.discrete_critic_target(lagging).gather(1, best).squeeze(1)
        penalty = info.get(DISCRETE_PENALTY, 0.0)
        return target, batch["reward"] + penalty + discount * value

    def _discrete_loss(self, batch: Batch, features: Tensor, target: Tensor) -> Tensor:
        assert self.policy.discrete_critic is not None
        q = self.policy.discrete_critic(features)  # (B, n)
        chosen = batch["action"][:, -1:].long()  # (B, 1)
        q_chosen = q.gather(1, chosen).squeeze(1)
        loss = F.mse_loss(q_chosen, target)
        if self.config.behavior_cloning_weight:
            # A cross-entropy would drive the values apart for ever; the margin (DQfD, Hester et
            # al. 2018) asks for a small lead and then leaves the scale of the values alone.
            rivals = (q + IMITATION_MARGIN).scatter_add(
                1, chosen, q.new_full(chosen.shape, -IMITATION_MARGIN)
            )
            loss = loss + self._imitation(batch, rivals.amax(dim=1) - q_chosen)
        return loss

    def _train_actor(self, batch: Batch, features: Tensor, meter: _Meter) -> None:
        mean, log_std = self.policy.actor(self.policy.actor_features(batch["state"], features))
        action, log_prob = sample(mean, log_std, self.generator)
        q = self.critic_ensemble(features, action).amin(dim=0)  # (B,)
        loss = (self.log_alpha.detach().exp() * log_prob - q).mean()
        if self.config.behavior_cloning_weight:
            # Nair et al. 2018, on the mean: it is what a deterministic policy executes.
            error = mean.tanh() - self._continuous(batch["action"])
            loss = loss + self._imitation(batch, error.square().mean(dim=1))
        surplus = (log_prob.detach() + self.target_entropy).mean()
        losses = {"actor": loss, "temperature": -self.log_alpha.exp() * surplus}
        if self._descend(losses, meter):
            meter.extra["entropy"].append(-log_prob.detach().mean())

    def _imitation(self, batch: Batch, row_loss: Tensor) -> Tensor:
        """Weighted mean of row_loss (B,) over the rows in which the person acted; 0 without any."""
        rows = batch["complementary_info"].get(IS_INTERVENTION)
        if rows is None:
            raise KeyError(
                f"behavior_cloning_weight > 0 needs complementary_info.{IS_INTERVENTION}; "
                f"the batch has {sorted(batch['complementary_info'])}"
            )
        mean = (row_loss * rows).sum() / rows.sum().clamp(min=1)
        return self.config.behavior_cloning_weight * mean

    def _act(self, state: dict[str, Tensor], features: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = self.policy.actor(self.policy.actor_features(state, features))
        return sample(mean, log_std, self.generator)

    def _continuous(self, action: Tensor) -> Tensor:
        return action[:, : self.policy.config.continuous_dims]

    def _subset(self) -> Tensor | None:
        """Indices (k,) of the target critics to evaluate (REDQ); None for all."""
        count = self.config.num_subsample_critics
        if count is None or count == self.config.num_critics:
            return None
        device = self.policy.device
        order = torch.randperm(self.config.num_critics, generator=self.generator, device=device)
        return order[:count]

    def _descend(self, losses: dict[str, Tensor], meter: _Meter) -> bool:
        """Step every optimiser named in losses on its own loss, or none if one is not finite.

        Gradients are asked for by parameter, so a loss moves nothing but its optimiser's own.
        """
        groups = {name: self.optimizers[name].param_groups[0]["params"] for name in losses}
        parameters = [parameter for group in groups.values() for parameter in group]
        gradients = torch.autograd.grad(list(losses.values()), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        limit = self.config.grad_clip_norm or math.inf
        norms = {name: nn.utils.clip_grad_norm_(group, limit) for name, group in groups.items()}
        if not torch.stack([*norms.values(), *losses.values()]).isfinite().all():
            self.skipped_updates += 1
            self.consecutive_skips += 1
            return False
        self.consecutive_skips = 0
        for name in losses:
            self.optimizers[name].step()
            meter.losses[f"loss_{name}"].append(losses[name].detach())
            meter.grad_norms[name].append(norms[name])
        return True

    def _pair_targets(self) -> None:
        """List the lagging tensors and the ones they follow, for one fused interpolation."""
        pairs: list[tuple[nn.Module, nn.Module]] = [
            (self.critic_target, self.critic_ensemble),
            (self.target_encoder, self.policy.encoder),
        ]
        if self.discrete_critic_target is not None and self.policy.discrete_critic is not None:
            pairs.append((self.discrete_critic_target, self.policy.discrete_critic.head))
        self._lagging: list[Tensor] = [p for target, _ in pairs for p in target.parameters()]
        self._leading: list[Tensor] = [
            p.detach() for _, online in pairs for p in online.parameters()
        ]

    def state_dict(self) -> dict[str, Tensor]:
        """Temperature, critics and targets; the lagging encoder is `critic_target.features.*`."""
        modules: dict[str, nn.Module | None] = {
            "critic_ensemble": self.critic_ensemble,
            "critic_target": self.critic_target,
            "critic_target.features": self.target_encoder,
            "discrete_critic_target": self.discrete_critic_target,
        }
        state = {"log_alpha": self.log_alpha.detach()}
        for name, module in modules.items():
            if module is not None:
                state |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        return state


def _frozen_copy(module: M) -> M:
    return copy.deepcopy(module).requires_grad_(False)


class _Meter:
    """Collects what the steps of one update report, and averages it at the end."""

    def __init__(self) -> None:
        self.losses: defaultdict[str, list[Tensor]] = defaultdict(list)
        self.grad_norms: defaultdict[str, list[Tensor]] = defaultdict(list)
        self.extra: defaultdict[str, list[Tensor]] = defaultdict(list)

    def stats(self, skipped: int) -> TrainingStats:
        return TrainingStats(
            _means(self.losses),
            _means(self.grad_norms),
            {**_means(self.extra), "skipped_updates": float(skipped)},
        )


def _means(values: dict[str, list[Tensor]]) -> dict[str, float]:
    return {name: sum(v.item() for v in tensors) / len(tensors) for name, tensors in values.items()}
