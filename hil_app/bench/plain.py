"""SAC as published code has it: the yardstick of the fast form, in speed and in numbers.

It encodes an observation wherever one is used, loops over critics, takes its density from
torch.distributions, has a backward pass a loss and a loop over parameters for the targets. Given
the same batches it is to have the losses, the gradients and the weights of `SACAlgorithm`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.optim import Adam

from configs.learning.networks import CriticNetworkConfig
from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.learning.buffer.batch import Batch
from hil_app.learning.networks.encoders import SpatialEmbedding
from hil_app.learning.networks.mlp import Critic, CriticEnsemble, Dense, Tanh
from hil_app.learning.networks.values import SPREAD
from hil_app.learning.sac.losses import IMITATION_MARGIN
from hil_app.learning.sac.sac import SACAlgorithm

M = TypeVar("M", bound=nn.Module)
Tensors = dict[str, Tensor]


class PlainSAC:
    """What an algorithm is about to do, from copies of its weights and of its random state.

    It follows the options that change the mathematics of the published algorithm, not those that
    other algorithms brought: the entropy coefficient is learned in log space, without dropout.
    """

    def __init__(self, algorithm: SACAlgorithm) -> None:
        self.config, self.target_entropy = algorithm.config, algorithm.target_entropy
        self.policy = plain_copy(algorithm.trained)
        self.critics = plain_critics(algorithm.critic_ensemble)
        self.target_critics = plain_critics(algorithm.critic_target)
        self.target_encoder = plain_copy(algorithm.target_encoder)
        target_network = algorithm.discrete_critic_target
        self.discrete_target = None if target_network is None else plain_copy(target_network)
        self.log_alpha = nn.Parameter(algorithm.log_alpha.detach().clone())
        self.generator = torch.Generator()
        self.generator.set_state(algorithm.generator.get_state())
        self.step = algorithm.optimization_step
        self.optimizers = self._optimizers()
        self.losses: dict[str, float] = {}

    def _optimizers(self) -> dict[str, Adam]:
        config, groups = self.config, self.policy.get_optim_params()
        critic = [*self.critics.parameters(), *groups["encoder"]]
        optimizers = {
            "critic": Adam(critic, config.critic_lr),
            "actor": Adam(groups["actor"], config.actor_lr),
            "temperature": Adam([self.log_alpha], config.temperature_lr),
        }
        if "discrete_critic" in groups:
            optimizers["discrete_critic"] = Adam(groups["discrete_critic"], config.critic_lr)
        return optimizers

    def update(self, batches: Sequence[Batch]) -> dict[str, float]:
        """Train on `utd_ratio` batches; the losses of the last step of each kind."""
        for batch in batches[:-1]:
            self._train_critics(batch)
        last = batches[-1]
        before = [self.encode(last["state"]) for _ in ("actor", "critics", "temperature")]
        self._train_critics(last)
        if self.step % self.config.policy_update_freq == 0:
            noise = self._noise(last)
            self._train_actor(last, before, noise)
        self.step += 1
        return self.losses

    @torch.no_grad()
    def encode(self, observation: Tensors) -> Tensor:
        """Features (B, F) that nothing is to be learned through."""
        features: Tensor = self.policy.encoder(self.policy.perceive(observation))
        return features

    @torch.no_grad()
    def encode_target(self, observation: Tensors) -> Tensor:
        """The same by the target's encoder."""
        features: Tensor = self.target_encoder(self.policy.perceive(observation))
        return features

    def _train_critics(self, batch: Batch) -> None:
        """A step of the critics and one of the discrete critic, both on the weights before."""
        noise = self._noise(batch)
        losses = {"critic": self._critic_loss(batch, noise)}
        if self.policy.discrete_critic is not None:
            losses["discrete_critic"] = self._discrete_loss(batch)
        for name, loss in losses.items():
            self._optimizer_step(name, loss)
        self._update_targets()

    def _critic_loss(self, batch: Batch, noise: Tensor) -> Tensor:
        observation = batch["next_state"]
        with torch.no_grad():
            action, log_prob = self._sample(observation, self.encode(observation), noise)
            inputs = torch.cat((self.encode_target(observation), action), dim=1)
            values = torch.stack([self._value(critic(inputs)) for critic in self._subset()])
            value = values.min(dim=0).values
            if self.config.use_backup_entropy:
                value = value - self.log_alpha.exp() * log_prob
            target = self.config.reward_scale * batch["reward"] + self._discount(batch) * value
        features = self.policy.encoder(self.policy.perceive(batch["state"]))
        inputs = torch.cat((features, self._continuous(batch)), dim=1)
        network = self.config.critic_network_kwargs
        losses = [plain_error(network, critic(inputs), target).mean() for critic in self.critics]
        return torch.stack(losses).sum()

    def _discrete_loss(self, batch: Batch) -> Tensor:
        critic, target_network = self.policy.discrete_critic, self.discrete_target
        assert critic is not None
        assert target_network is not None
        network = self.policy.config.discrete_critic_network_kwargs
        count = self.policy.config.num_discrete_actions or 0
        with torch.no_grad():
            best = critic(self.encode(batch["next_state"])).argmax(dim=1, keepdim=True)
            given = target_network(self.encode_target(batch["next_state"])).unflatten(
                1, (count, -1)
            )
            values = plain_value(network, given).gather(1, best).squeeze(1)
            reward = batch["reward"] + batch["complementary_info"].get(DISCRETE_PENALTY, 0)
            target = self.config.reward_scale * reward + self._discount(batch) * values
        given = critic.head(self.encode(batch["state"])).unflatten(1, (count, -1))
        q, chosen = plain_value(network, given), batch["action"][:, -1:].long()
        rows = zip(given, chosen.flatten(), strict=True)
        loss = plain_error(network, torch.stack([row[one] for row, one in rows]), target).mean()
        taken = q.gather(1, chosen).squeeze(1)
        if self.config.behavior_cloning_weight:
            margin = torch.full_like(q, IMITATION_MARGIN).scatter(1, chosen, 0)
            as_good = target >= q.detach().max(dim=1).values
            loss = loss + self._imitation(batch, (q + margin).max(dim=1).values - taken, as_good)
        return loss

    def _train_actor(self, batch: Batch, before: Sequence[Tensor], noise: Tensor) -> None:
        """A step of the actor and one of the temperature, on features from before the critics'."""
        for_actor, for_critics, for_temperature = before
        action, log_prob = self._sample(batch["state"], for_actor, noise)
        inputs = torch.cat((for_critics, action), dim=1)
        values = torch.stack([self._value(critic(inputs)) for critic in self.critics])
        q = values.min(dim=0).values
        loss = (self.log_alpha.exp().detach() * log_prob - q).mean()
        if self.config.behavior_cloning_weight:
            mean, _ = self.policy.actor(self.policy.actor_features(batch["state"], for_actor))
            error = (mean.tanh() - self._continuous(batch)).abs()
            if self.config.imitation_error == "squared":
                error = error**2
            as_good = q
            if self.config.imitation_filter:
                inputs = torch.cat((for_critics, self._continuous(batch)), dim=1)
                theirs = torch.stack([critic(inputs) for critic in self.critics]).squeeze(2)
                as_good = (theirs.min(dim=0).values >= q).detach()
            loss = loss + self._imitation(batch, error.mean(dim=1), as_good)
        with torch.no_grad():
            _, log_prob = self._sample(batch["state"], for_temperature, noise)
        surplus = log_prob + self.target_entropy
        self._optimizer_step("actor", loss)
        self._optimizer_step("temperature", (-self.log_alpha.exp() * surplus).mean())

    def _value(self, given: Tensor) -> Tensor:
        return plain_value(self.config.critic_network_kwargs, given)

    def _sample(
        self, observation: Tensors, features: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        own = self.policy.actor_features(self.policy.perceive(observation), features)
        mean, log_std = self.policy.actor(own)
        normal, tanh = Normal(mean, log_std.exp()), TanhTransform(cache_size=1)
        action = tanh(normal.mean + normal.stddev * noise)
        squashed = Independent(TransformedDistribution(normal, [tanh]), 1)
        return action, squashed.log_prob(action)  # type: ignore[no-untyped-call]

    def _imitation(self, batch: Batch, row_loss: Tensor, as_good: Tensor) -> Tensor:
        rows = batch["complementary_info"][IS_INTERVENTION]
        wanted = rows * as_good if self.config.imitation_filter else rows
        mean = (row_loss * wanted).sum() / rows.sum().clamp(min=1)
        return self.config.behavior_cloning_weight * mean

    def _optimizer_step(self, name: str, loss: Tensor) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.grad_clip_norm is not None:
            parameters = optimizer.param_groups[0]["params"]
            nn.utils.clip_grad_norm_(parameters, self.config.grad_clip_norm)
        optimizer.step()
        self.losses[f"loss_{name}"] = loss.item()

    @torch.no_grad()
    def _update_targets(self) -> None:
        share = self.config.critic_target_update_weight
        pairs = [(self.target_critics, self.critics), (self.target_encoder, self.policy.encoder)]
        if self.discrete_target is not None and self.policy.discrete_critic is not None:
            pairs.append((self.discrete_target, self.policy.discrete_critic.head))
        for target_network, online_network in pairs:
            for old, new in zip(
                target_network.parameters(), online_network.parameters(), strict=True
            ):
                old.data.copy_(new.data * share + old.data * (1 - share))

    def _subset(self) -> list[nn.Module]:
        count, critics = self.config.num_subsample_critics, list(self.target_critics)
        if count is None or count == len(critics):
            return critics
        order = torch.randperm(len(critics), generator=self.generator)
        return [critics[index] for index in order[:count]]

    def _noise(self, batch: Batch) -> Tensor:
        shape = len(batch["reward"]), self.policy.config.continuous_dims
        return torch.empty(shape).normal_(generator=self.generator)

    def _continuous(self, batch: Batch) -> Tensor:
        return batch["action"][:, : self.policy.config.continuous_dims]

    def _discount(self, batch: Batch) -> Tensor:
        discount = batch["complementary_info"].get(DISCOUNT, self.config.discount)
        return discount * (1 - batch["done"])


def plain_value(network: CriticNetworkConfig, given: Tensor) -> Tensor:
    """Values (...) of what a critic gives (..., 1 or bins)."""
    if network.bins is None:
        return given.squeeze(-1)
    edges = _edges(network)
    return (F.softmax(given, dim=-1) * (edges[1:] + edges[:-1]) / 2).sum(dim=-1)


def plain_error(network: CriticNetworkConfig, given: Tensor, target: Tensor) -> Tensor:
    """Losses (B,) of what a critic gives (B, 1 or bins) where its value should be (B,)."""
    if network.bins is None:
        return F.mse_loss(given.squeeze(-1), target, reduction="none")
    edges = _edges(network)
    width = edges[1] - edges[0]
    spread = SPREAD * width
    around = Normal(target.clamp(edges[0], edges[-1]).unsqueeze(1), spread)
    below = around.cdf(edges)  # type: ignore[no-untyped-call]
    likely = below.diff(dim=1) / (below[:, -1:] - below[:, :1])
    return 2 * (spread**2 + width**2 / 12) * F.cross_entropy(given, likely, reduction="none")


def _edges(network: CriticNetworkConfig) -> Tensor:
    assert network.bins is not None
    assert network.bin_range is not None
    return torch.linspace(*network.bin_range, network.bins + 1)


def plain_copy(module: M) -> M:
    """A copy in which every layer is torch's own, with its memory in the usual order."""
    copied = copy.deepcopy(module)
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Dense):
                setattr(parent, name, _plain_linear(child))
            elif isinstance(child, Tanh):
                setattr(parent, name, nn.Tanh())
            elif isinstance(child, SpatialEmbedding):
                setattr(parent, name, PlainEmbedding(child))
    copied.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return copied


class PlainEmbedding(nn.Module):
    """A spatial embedding as a product with every weighting, summed over the places."""

    def __init__(self, embedding: SpatialEmbedding) -> None:
        super().__init__()
        self.weight = nn.Parameter(embedding.weight.detach().clone())  # (C, h*w, n)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, C, h, w) -> (B, C * n)."""
        spread = maps.flatten(2).unsqueeze(-1)  # (B, C, h*w, 1)
        return (spread * self.weight).sum(dim=2).flatten(1)


@torch.no_grad()
def plain_critics(ensemble: CriticEnsemble) -> nn.ModuleList:
    """The members of an ensemble, each a stack of torch's own layers: (B, F + c) -> (B, 1)."""
    return nn.ModuleList(_plain_critic(cast(Critic, critic)) for critic in ensemble.critics)


def _plain_critic(critic: Critic) -> nn.Sequential:
    first = _plain_linear(critic.first)
    first.weight = nn.Parameter(torch.cat((critic.first.weight, critic.action.t()), dim=1))
    layers: list[nn.Module] = [first]
    for norm, deeper in zip(critic.norms, [*critic.deeper, critic.output], strict=True):
        layers += [copy.deepcopy(norm), nn.SiLU(), _plain_linear(cast(Dense, deeper))]
    return nn.Sequential(*layers)


def _plain_linear(layer: Dense) -> nn.Linear:
    plain = nn.Linear(layer.in_features, layer.out_features)
    plain.load_state_dict(layer.state_dict())
    return plain
