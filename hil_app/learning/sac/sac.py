"""Soft actor-critic (Haarnoja et al. 2018) with a discrete critic for the gripper.

The continuous critics see the observation and the continuous action and learn from the reward.
The discrete critic sees the observation, learns by double DQN (van Hasselt et al. 2016) from the
reward plus the discrete penalty (<= 0), and nothing else sees that penalty (HIL-SERL, Luo et al.
2024). One update::

    for each of utd_ratio batches of transitions (s, a, r, s'):
        a' ~ policy(s')
        target = r + discount (1 - done) (min Q_target(s', a') - alpha log policy(a' | s'))
        critics, with the encoder, descend (Q(s, a) - target)^2
        the discrete critic does the same for the gripper's choices, of r + penalty
        the targets move a little towards the critics
    with the last of them:
        a ~ policy(s)
        the actor descends alpha log policy(a | s) - min Q(s, a)
        the temperature descends alpha (entropy of the policy - target entropy)

The encoder is trained by the critic loss alone. The actor and the discrete critic read its
features detached: a second objective of another scale would pull at the features under the
critics' feet, and each parameter stays in one optimiser. Targets have a target encoder of their
own. Each observation is encoded once a batch, so the actor's step reads the features from just
before the critic step that it follows.

With `actor_average` it is `trained.actor` that all this trains and asks; the policy's own, which
acts, follows it: an average of the newest ones (Polyak and Juditsky 1992).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from configs.learning.algorithm import RLAlgorithmConfig, SACAlgorithmConfig
from hil_app.learning.algorithm import RLAlgorithm, TrainingStats
from hil_app.learning.buffer.batch import Batch, completed
from hil_app.learning.buffer.draws import seeded
from hil_app.learning.fast import foreach
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.mlp import CriticEnsemble, Dense
from hil_app.learning.networks.values import value_form
from hil_app.learning.sac.losses import Losses, StepNoise, Transitions, example_batch
from hil_app.learning.sac.optimizers import adam, optimizer_step, set_rate
from hil_app.learning.sac.passes import ActorPass, Passes
from hil_app.learning.sac.records import StepRecord, max_abs, summarise
from hil_app.learning.sac.schedules import learning_rates, rate_factor
from hil_app.learning.sac.temperature import Temperature

M = TypeVar("M", bound=nn.Module)


class SACAlgorithm(RLAlgorithm, name="sac"):
    """SAC over a GaussianActorPolicy; see the module for what trains what.

    All its random draws come from one generator, seeded with `seed`.
    """

    config: SACAlgorithmConfig
    config_class = SACAlgorithmConfig

    def __init__(
        self, *, policy: GaussianActorPolicy, config: RLAlgorithmConfig, seed: int | None = None
    ) -> None:
        if not isinstance(config, SACAlgorithmConfig):
            raise TypeError(f"SACAlgorithm needs a SACAlgorithmConfig, not {type(config).__name__}")
        super().__init__(policy=policy, config=config, seed=seed)
        self.trained = policy if config.actor_average is None else _with_own_actor(policy)
        self.target_entropy = config.entropy_target(policy.config)
        self.critic_ensemble = CriticEnsemble(
            config.num_critics,
            policy.encoder.output_dim,
            policy.config.continuous_dims,
            config.critic_network_kwargs.widths(policy.config),
            activate_final=config.critic_network_kwargs.activate_final,
            final_activation=config.critic_network_kwargs.final_activation,
            layer_norm=config.layer_norm,
            form=value_form(config.critic_network_kwargs),
            generator=seeded(seed),
        ).to(policy.device)
        self._temperature = Temperature(
            config.temperature_mode, config.temperature_init, policy.device
        )
        self.critic_target = _frozen_copy(self.critic_ensemble)
        self.target_encoder = _frozen_copy(policy.encoder)
        critic = policy.discrete_critic
        self.discrete_critic_target = None if critic is None else _frozen_copy(critic.head)
        self.losses = Losses(
            config, self.trained, self.critic_ensemble, self.target_encoder,
            self.discrete_critic_target, self._temperature, self.target_entropy,
        )  # fmt: skip
        self._passes = Passes(self.losses, policy.device)
        self._warm = not config.compile
        self._targets, self._followed = self._pair_targets()
        actors = (one.get_optim_params()["actor"] for one in (policy, self.trained))
        self._acting, self._actor = actors

    def update(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
        """Take `utd_ratio` batches, a critic step on each; the last also trains the actor.

        A step in which anything is not finite is skipped whole: no optimiser and no target moves,
        it trains no actor, and it counts in `extra["skipped_updates"]` (a total);
        `last_skip_cause` has its cause. Before the end nothing is read from the device but whether
        the discrete choices are some.
        """
        return self._update(batch_iterator, self._passes.actor)

    def warm_start(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
        """The same, but the actor imitates what was done in the batch."""
        return self._update(batch_iterator, self._passes.imitation)

    def _update(self, batch_iterator: Iterator[Batch], actor_pass: ActorPass) -> TrainingStats:
        if not self.optimizers:
            raise RuntimeError("call make_optimizers_and_scheduler() before update()")
        self._schedule()
        records = []
        for index in range(self.config.utd_ratio):
            batch = completed(next(batch_iterator))
            transitions = Transitions.of(batch, self.policy, self.config)
            if not self._warm:
                self.warm_up(len(batch["reward"]))
            record, features = self._train_critics(batch, transitions, index)
            records.append(record)
        if self.optimization_step % self.config.policy_update_freq == 0:
            records.append(self._train_actor(actor_pass, record, transitions, features))
        self.optimization_step += 1
        return self._report(records)

    def _train_critics(
        self, batch: Batch, transitions: Transitions, index: int
    ) -> tuple[StepRecord, Tensor]:
        fields, largest = max_abs(batch)
        draws = self._draw(len(transitions.reward))
        found, features, q_mean = self._passes.critic(transitions, draws, self._subset())
        outcome = optimizer_step(self.optimizers, found, largest, self.config.grad_clip_norm)
        steps = self.optimization_step * self.config.utd_ratio + index + 1
        if steps % self.config.target_update_interval == 0:
            self._follow(self.config.critic_target_update_weight * (1 - outcome.skipped))
        return StepRecord(
            tuple(found.losses), outcome, {"q_mean": q_mean}, fields, largest
        ), features

    def _train_actor(
        self, actor_pass: ActorPass, before: StepRecord, transitions: Transitions, features: Tensor
    ) -> StepRecord:
        """A step on the batch of the step `before`, unless that one was skipped."""
        found, entropy = actor_pass(transitions, features, self._draw_for_actor(len(features)))
        nothing, limit = before.max_abs[:0], self.config.grad_clip_norm
        outcome = optimizer_step(self.optimizers, found, nothing, limit, before.outcome.skipped)
        self._temperature.keep_valid()
        if (share := self.config.actor_average) is not None:
            share = 1.0 if actor_pass == self._passes.imitation else share
            foreach.interpolate(self._acting, self._actor, share * (1 - outcome.skipped))
        return StepRecord(tuple(found.losses), outcome, {"entropy": entropy}, (), nothing)

    def _follow(self, share: Tensor) -> None:
        """Move the targets by this share of the way to what they follow."""
        foreach.interpolate(self._targets, self._followed, share)

    def _draw(self, size: int) -> StepNoise:
        """Every random number of a step on `size` rows, drawn on the CPU whatever the device."""
        device, rate = self.policy.device, self.config.critic_dropout
        noise = torch.empty(size, self.policy.config.continuous_dims)
        noise = noise.normal_(generator=self.generator).to(device, non_blocking=True)
        if rate is None:
            return StepNoise(noise, None)
        widths = self.config.critic_network_kwargs.widths(self.policy.config)
        shapes = ((self.config.num_critics, size, width) for width in widths)
        return StepNoise(noise, tuple(self._mask(shape, rate) for shape in shapes))

    def _draw_for_actor(self, size: int) -> StepNoise:
        """The same for a step of the actor."""
        draws, rate = self._draw(size), self.config.actor_dropout
        if rate is None:
            return draws
        layers = (layer for layer in self.policy.actor.modules() if isinstance(layer, Dense))
        encoder = {*self.policy.actor.encoder.modules()}
        widths = (layer.in_features for layer in layers if layer not in encoder)
        return draws._replace(actor=tuple(self._mask((size, width), rate) for width in widths))

    def _mask(self, shape: tuple[int, ...], rate: float) -> Tensor:
        """What dropout leaves, scaled so that the mean stays."""
        mask = torch.empty(shape).bernoulli_(1 - rate, generator=self.generator)
        return mask.div_(1 - rate).to(self.policy.device)

    def _subset(self) -> list[nn.Module]:
        """The target critics to evaluate: a fresh choice of them (REDQ), or all."""
        count, critics = self.config.num_subsample_critics, list(self.critic_target.critics)
        if count is None or count == len(critics):
            return critics
        order = torch.randperm(len(critics), generator=self.generator)
        return [critics[index] for index in order[:count].tolist()]

    def _report(self, records: list[StepRecord]) -> TrainingStats:
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

    def make_optimizers_and_scheduler(self) -> dict[str, Optimizer]:
        """One fused Adam each for critics (with encoder), actor, temperature, discrete critic.

        The schedule needs no object: `rate_factor` gives the rates of every update.
        """
        groups = self.trained.get_optim_params()
        owned: dict[str, list[nn.Parameter]] = {
            "critic": [*self.critic_ensemble.parameters(), *groups["encoder"]],
            "actor": groups["actor"],
        }
        if self._temperature.learned:
            owned["temperature"] = [self._temperature.parameter]
        if "discrete_critic" in groups:
            owned["discrete_critic"] = groups["discrete_critic"]
        rates = learning_rates(self.config)
        self._passes.trained = owned
        self.optimizers = {name: adam(group, rates[name]) for name, group in owned.items()}
        return self.optimizers

    def _schedule(self) -> None:
        config = self.config
        if config.lr_schedule == "constant" and self.optimization_step > config.lr_warmup_steps:
            return  # the rates are at their values, and the user's to change
        rates = learning_rates(config, rate_factor(config, self.optimization_step))
        for name, optimizer in self.optimizers.items():
            set_rate(optimizer, rates[name])

    def warm_up(self, batch_size: int) -> None:
        """Compile for batches of this size, if the config says so: call it before the run starts.

        Where that is impossible the losses stay as they are, and `compile_problem` says why.
        """
        if self._warm:
            return
        self._warm = True
        generator = self.generator.get_state()
        self.compile_problem = self._passes.compile(lambda: self._rehearse(batch_size))
        self.generator.set_state(generator)

    def _rehearse(self, size: int) -> None:
        """Do all of an update on a batch of this size but the steps of the optimisers."""
        transitions = Transitions.of(example_batch(self.policy, size), self.policy, self.config)
        _, features, _ = self._passes.critic(transitions, self._draw(size), self._subset())
        self._passes.actor(transitions, features, self._draw_for_actor(size))

    @torch.inference_mode()
    def q_values(self, state: dict[str, Tensor], action: Tensor, *, target: bool = False) -> Tensor:
        """The value (critics, B) of actions (B, c [+ 1]), of which the discrete part counts not."""
        encoder = self.target_encoder if target else self.policy.encoder
        critics = self.critic_target if target else self.critic_ensemble
        features = encoder(self.policy.perceive(state))
        q: Tensor = critics(features, action[:, : self.policy.config.continuous_dims])
        return q

    @property
    def temperature(self) -> float:
        """The entropy coefficient alpha."""
        return float(self._temperature().detach())

    @property
    def log_alpha(self) -> Tensor:
        """Its logarithm: the parameter itself, unless the config has it learned directly."""
        own = self._temperature.parameter
        return own.log() if self.config.temperature_mode == "direct" else own

    def _pair_targets(self) -> tuple[list[Tensor], list[Tensor]]:
        """The target tensors and the online ones they follow, for one fused interpolation."""
        pairs: list[tuple[nn.Module, nn.Module]] = [
            (self.critic_target, self.critic_ensemble),
            (self.target_encoder, self.policy.encoder),
        ]
        if self.discrete_critic_target is not None and self.policy.discrete_critic is not None:
            pairs.append((self.discrete_critic_target, self.policy.discrete_critic.head))
        targets: list[Tensor] = [p for target, _ in pairs for p in target.parameters()]
        followed: list[Tensor] = [p for _, online in pairs for p in online.parameters()]
        return targets, followed

    def get_observation_features(
        self, observations: dict[str, Tensor], next_observations: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor] | None, dict[str, Tensor] | None]:
        """Feature maps that a frozen vision encoder makes of both, to be stored; or None, None.

        Batches may have them in the place of the images.
        """
        config = self.policy.config
        if not (config.freeze_vision_encoder and config.image_keys):
            return None, None
        maps = [
            self.policy.perceive(transitions) for transitions in (observations, next_observations)
        ]
        first, second = (
            {key: value for key, value in transitions.items() if key not in config.input_features}
            for transitions in maps
        )
        return first, second

    def state_dict(self) -> dict[str, Tensor]:
        """Temperature, critics and targets; the target encoder is `critic_target.features.*`."""
        modules: dict[str, nn.Module | None] = {
            "critic_ensemble": self.critic_ensemble,
            "critic_target": self.critic_target,
            "critic_target.features": self.target_encoder,
            "discrete_critic_target": self.discrete_critic_target,
            "actor": None if self.trained is self.policy else self.trained.actor,
        }
        state = {self._temperature.name: self._temperature.parameter.detach()}
        for name, module in modules.items():
            if module is not None:
                state |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
        return state


def _frozen_copy(module: M) -> M:
    return copy.deepcopy(module).requires_grad_(False)


def _with_own_actor(policy: GaussianActorPolicy) -> GaussianActorPolicy:
    """The same policy, but for an actor of its own that begins as a copy."""
    other = copy.copy(policy)
    other._modules = {**policy._modules}
    other.actor = copy.deepcopy(policy.actor, {id(policy.encoder): policy.encoder})
    return other
