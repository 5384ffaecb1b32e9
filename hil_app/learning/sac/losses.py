"""The losses of SAC as functions of a batch, the networks and every random number they use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from configs.learning.algorithm import SACAlgorithmConfig
from configs.learning.policy import GaussianActorConfig
from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.buffer.batch import Batch
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.mlp import CriticEnsemble
from hil_app.learning.sac.temperature import Temperature

IMITATION_MARGIN = 0.1
"""The lead the operator's discrete choice is given over the others, in units of value, where a
success is worth 1: a few ticks' worth of discount at .97. DQfD's .8 belongs to its own scale."""


class Transitions(NamedTuple):
    """A batch in the form the losses read: nothing in it is optional but an operator's rows."""

    state: dict[str, Tensor]  # as the policy perceives it
    next_state: dict[str, Tensor]
    action: Tensor  # (B, c [+ 1])
    choice: Tensor | None  # (B, 1) of the discrete actions
    reward: Tensor  # (B,)
    penalty: Tensor  # (B,) <= 0
    discount: Tensor  # (B,), 0 where the episode ended
    intervention: Tensor | None  # (B,) 0 or 1

    @classmethod
    def of(
        cls, batch: Batch, policy: GaussianActorPolicy, config: SACAlgorithmConfig
    ) -> Transitions:
        """What to learn from in a batch.

        KeyError if it lacks what the config needs; ValueError if it has actions that are none, or
        anything of another shape than the policy's.
        """
        check_shapes(batch, policy.config)
        count = policy.config.num_discrete_actions
        info, reward = batch["complementary_info"], batch["reward"]
        operator = info.get(IS_INTERVENTION)
        if config.behavior_cloning_weight and operator is None:
            raise KeyError(
                f"behavior_cloning_weight > 0 needs complementary_info.{IS_INTERVENTION}; "
                f"the batch has {sorted(info)}"
            )
        discount = info[DISCOUNT] if DISCOUNT in info else torch.full_like(reward, config.discount)
        penalty = info[DISCRETE_PENALTY] if DISCRETE_PENALTY in info else torch.zeros_like(reward)
        return cls(
            policy.perceive(batch["state"]),
            policy.perceive(batch["next_state"]),
            batch["action"].to(torch.float32),
            None if count is None else choices(batch["action"], count),
            config.reward_scale * reward,
            config.reward_scale * penalty,
            discount * (1 - batch["done"]),
            operator,
        )


def check_shapes(batch: Batch, config: GaussianActorConfig) -> None:
    """ValueError that names what has another shape than the policy and the actions ask for."""
    rows = len(batch["action"])
    asked: list[tuple[str, Tensor, tuple[int, ...]]] = []
    asked.append(("action", batch["action"], (config.action_dims,)))
    for group, state in (("state", batch["state"]), ("next_state", batch["next_state"])):
        for key, shape in config.seen_shapes.items():
            if key in state:  # else there is what a frozen vision encoder makes of it
                whole = config.input_features[key].shape
                large = state[key].shape[1:] == whole
                asked.append((f"{group}.{key}", state[key], whole if large else shape))
    for name, value, shape in asked:
        if value.shape != (rows, *shape):
            raise ValueError(
                f"{name} has shape {tuple(value.shape)}; for {rows} actions the policy needs "
                f"{(rows, *shape)}"
            )


def example_batch(policy: GaussianActorPolicy, size: int) -> Batch:
    """A batch of zeros for this policy, with all that a batch can have, each tensor its own.

    Images lie in memory as those of a replay buffer do.
    """
    config, device = policy.config, policy.device
    images = set(config.image_keys)

    def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(size, *shape, device=device, dtype=dtype)

    def state() -> dict[str, Tensor]:
        return {
            key: zeros(*shape, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
            if key in images
            else zeros(*shape)
            for key, shape in config.seen_shapes.items()
        }

    return {
        "state": state(),
        "next_state": state(),
        "action": zeros(config.action_dims),
        "reward": zeros(),
        "done": zeros(),
        "truncated": zeros(),
        "complementary_info": {
            key: zeros() for key in (DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION)
        },
    }


def choices(action: Tensor, count: int) -> Tensor:
    """The discrete choices (B, 1), in 0 ... count - 1, that actions (B, c + 1) end with.

    They are rounded, as the published contract has it, and what is not finite is left to whoever
    skips such batches. ValueError for a number that is no choice then.
    """
    given = action[:, -1:].nan_to_num(0, 0, 0)
    rounded = given.round()
    found = rounded.clamp(0, count - 1)
    off = (rounded - found).abs()
    if off.numel() and off.amax().item() > 0:
        wrong = given.flatten()[off.argmax()].item()
        raise ValueError(
            f"an action ends with {wrong:g}, which is no discrete choice: the last entry is a "
            f"whole number from 0 to {count - 1} (num_discrete_actions {count})"
        )
    return found.long()


class StepNoise(NamedTuple):
    """The random numbers of a step of the critics, or of the actor."""

    noise: Tensor  # (B, c), standard normal
    kept: tuple[Tensor, ...] | None  # (E, B, width) a hidden layer of the critics
    actor: tuple[Tensor, ...] = ()  # (B, width) a layer of the actor, of what it reads


@dataclass(frozen=True, eq=False)
class Losses:
    """The networks that the losses go through; it draws nothing and changes nothing."""

    config: SACAlgorithmConfig
    policy: GaussianActorPolicy
    critics: CriticEnsemble
    target_encoder: nn.Module
    discrete_target: nn.Module | None
    temperature: Temperature
    target_entropy: float

    def critic(
        self, batch: Transitions, draws: StepNoise, target_features: Sequence[nn.Module]
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Losses of the critics and of the discrete critic, features (B, F), and the mean Q.

        The minimum over the `target_features` critics is their target.
        """
        features: Tensor = self.policy.encoder(batch.state)
        target, discrete_target = self.targets(batch, draws, target_features)
        given = self.critics.given(features, self._continuous(batch), kept=draws.kept)
        form = self.critics.form
        losses = {"critic": form.error(given, target).mean(dim=1).sum()}  # of (E, B)
        if discrete_target is not None:
            losses["discrete_critic"] = self._discrete(batch, features.detach(), discrete_target)
        return losses, features.detach(), form.value(given.detach()).mean()

    @torch.no_grad()
    def targets(
        self, batch: Transitions, draws: StepNoise, critics: Sequence[nn.Module]
    ) -> tuple[Tensor, Tensor | None]:
        """Targets (B,) of the critics and of the discrete critic, if there is one."""
        next_observation = batch.next_state
        features, target_features = (
            self.policy.encoder(next_observation),
            self.target_encoder(next_observation),
        )
        mean, log_std = self.policy.actor(self.policy.actor_features(next_observation, features))
        action, log_prob = self.policy.actor.drawn(mean, log_std, draws.noise)
        value = torch.stack([critic(target_features, action) for critic in critics]).amin(
            dim=0
        )  # (B,)
        if self.config.use_backup_entropy:
            value = value - self.temperature() * log_prob
        target = batch.reward + batch.discount * value
        critic = self.policy.discrete_critic
        if critic is None or self.discrete_target is None:
            return target, None
        best = critic(features).argmax(dim=1, keepdim=True)  # (B, 1)
        values = critic.form.value(critic.apart(self.discrete_target(target_features)))  # (B, n)
        value = values.gather(1, best).squeeze(1)
        return target, batch.reward + batch.penalty + batch.discount * value

    def _discrete(self, batch: Transitions, features: Tensor, target: Tensor) -> Tensor:
        critic, chosen = self.policy.discrete_critic, batch.choice
        assert critic is not None
        assert chosen is not None
        given = critic.given(features)  # (B, n, outputs)
        taken = given.take_along_dim(chosen.unsqueeze(2), dim=1).squeeze(1)
        loss = critic.form.error(taken, target).mean()
        if self.config.behavior_cloning_weight:
            # A cross-entropy would drive the values apart for ever; the margin (DQfD, Hester et
            # al. 2018) asks for a small lead and then leaves the scale of the values alone.
            q, q_chosen = critic.form.value(given), critic.form.value(taken)  # (B, n), (B,)
            lead = torch.full_like(q_chosen, IMITATION_MARGIN).unsqueeze(1)
            rivals = (q + IMITATION_MARGIN).scatter_add(1, chosen, -lead)
            # of what it is worth, what followed tells: no critic compares with its own best choice
            as_good = target >= q.detach().amax(dim=1) if self.config.imitation_filter else None
            loss = loss + self._imitation(batch, rivals.amax(dim=1) - q_chosen, as_good)
        return loss

    def actor(
        self, batch: Transitions, features: Tensor, draws: StepNoise
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of the actor and of the temperature, and the policy's entropy [nat]."""
        seen = self.policy.actor_features(batch.state, features)
        mean, log_std = self.policy.actor(seen, draws.actor)
        action, log_prob = self.policy.actor.drawn(mean, log_std, draws.noise)
        q = self.critics(features, action, kept=draws.kept).amin(dim=0)  # (B,)
        alpha = self.temperature()
        loss = (alpha.detach() * log_prob - q).mean()
        if self.config.behavior_cloning_weight:
            # Nair et al. 2018, on the mean: it is what a deterministic policy executes.
            error = self._distance(self.policy.actor.bounded(mean), batch)
            as_good = self._as_good(batch, features, q)
            loss = loss + self._imitation(batch, error, as_good)
        return self._with_temperature(loss, log_prob)

    def imitation(
        self, batch: Transitions, features: Tensor, draws: StepNoise
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The same where the actor is to do what the operator did, whatever critics say of it.

        Of what it draws the distance is taken, and not of its mean, so that it also learns how
        little it may stray. Without a flag all that was done is the operator's.
        """
        seen = self.policy.actor_features(batch.state, features)
        mean, log_std = self.policy.actor(seen, draws.actor)
        action, log_prob = self.policy.actor.drawn(mean, log_std, draws.noise)
        error = self._distance(action, batch)
        rows = torch.ones_like(error) if batch.intervention is None else batch.intervention
        loss = (self.temperature().detach() * log_prob).mean()
        loss = loss + (error * rows).sum() / rows.sum().clamp(min=1)
        return self._with_temperature(loss, log_prob)

    def _with_temperature(self, loss: Tensor, log_prob: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        entropy = -log_prob.detach().mean()
        losses = {"actor": loss}
        if self.temperature.learned:
            losses["temperature"] = self.temperature() * (entropy - self.target_entropy)
        return losses, entropy

    @torch.no_grad()
    def _as_good(self, batch: Transitions, features: Tensor, q: Tensor) -> Tensor | None:
        """Whether (B,) the critics expect as much of what was done as ``q`` (B,) of the policy."""
        if not self.config.imitation_filter:
            return None
        theirs: Tensor = self.critics(features, self._continuous(batch)).amin(dim=0)
        return theirs >= q

    def _imitation(self, batch: Transitions, row_loss: Tensor, as_good: Tensor | None) -> Tensor:
        """Weighted mean over the interventions of row_loss (B,), which counts if it is as good."""
        assert batch.intervention is not None
        rows = batch.intervention
        wanted = rows if as_good is None else rows * as_good
        mean = (row_loss * wanted).sum() / rows.sum().clamp(min=1)
        return self.config.behavior_cloning_weight * mean

    def _distance(self, action: Tensor, batch: Transitions) -> Tensor:
        """How far (B,) actions (B, c) are from what was done."""
        off = action - self._continuous(batch)
        squared = self.config.imitation_error == "squared"
        return (off.square() if squared else off.abs()).mean(dim=1)

    def _continuous(self, batch: Transitions) -> Tensor:
        return batch.action[:, : self.policy.config.continuous_dims]
