"""The policy: a tanh-squashed Gaussian for the arm and a discrete critic for the gripper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from configs.learning.algorithm import CONFIG_FILE
from configs.learning.policy import GaussianActorConfig
from configs.text.reading import read_json
from hil_app.learning.buffer.draws import seeded
from hil_app.learning.buffer.values import usable
from hil_app.learning.networks.distributions import gaussian, squash
from hil_app.learning.networks.encoders import Encoder, Perception
from hil_app.learning.networks.mlp import MLP, Dense
from hil_app.learning.networks.values import value_form
from hil_app.learning.networks.weights import (
    Weights,
    check_finite,
    check_fit,
    check_kinds,
    copy_into,
    cpu_copy,
    read_tensors,
)

MODEL_FILE = "model.safetensors"


class Actor(nn.Module):
    """Features (B, F) -> mean and log standard deviation (B, c) before the squash."""

    def __init__(
        self, config: GaussianActorConfig, encoder: Encoder, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder = encoder
        network = config.actor_network_kwargs
        hidden_dims = network.widths(config)
        self.trunk = MLP(
            encoder.output_dim,
            hidden_dims,
            activate_final=network.activate_final,
            layer_norm=config.layer_norm,
            generator=generator,
        )
        outputs = 2 * config.continuous_dims
        self.head = Dense(hidden_dims[-1], outputs, generator, config.init_final)
        self.squashed = config.use_tanh_squash
        self._log_std_range = math.log(config.std_min), math.log(config.std_max)

    def forward(self, features: Tensor, kept: Sequence[Tensor] = ()) -> tuple[Tensor, Tensor]:
        """Mean and log std (..., c) of the Gaussian at features (..., F).

        `kept` is what dropout leaves of what each layer reads: a mask (B, width), already scaled.
        """
        masks, x = iter(kept), features
        for layer in (*self.trunk, self.head):
            x = layer(x * next(masks) if kept and isinstance(layer, Dense) else x)
        mean, log_std = x.chunk(2, dim=-1)
        return mean, log_std.clamp(*self._log_std_range)

    def bounded(self, raw: Tensor) -> Tensor:
        """Actions in [-1, 1] of what was drawn, unless the config has them unbounded."""
        return raw.tanh() if self.squashed else raw

    def drawn(self, mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (..., c) of standard normal noise, and their log density (...,) [nat]."""
        return (squash if self.squashed else gaussian)(mean, log_std, noise)


class DiscreteCritic(nn.Module):
    """Features (B, F) -> the value (B, n) of each discrete action."""

    def __init__(
        self, config: GaussianActorConfig, encoder: Encoder, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoder = encoder
        network = config.discrete_critic_network_kwargs
        hidden_dims = network.widths(config)
        trunk = MLP(
            encoder.output_dim,
            hidden_dims,
            activate_final=network.activate_final,
            final_activation=network.final_activation,
            layer_norm=config.layer_norm,
            generator=generator,
        )
        self.form = value_form(network)
        outputs = (config.num_discrete_actions or 0) * self.form.outputs
        last = Dense(hidden_dims[-1], outputs, generator)
        self.form.begin(last)
        self.head = nn.Sequential(trunk, last)

    def forward(self, features: Tensor) -> Tensor:
        """Values (..., n) at features (..., F)."""
        return self.form.value(self.given(features))

    def given(self, features: Tensor) -> Tensor:
        """What the head gives (..., n, form.outputs) for the same."""
        return self.apart(self.head(features))

    def apart(self, given: Tensor) -> Tensor:
        """What a head gives (..., n * form.outputs) as (..., n, form.outputs)."""
        return given.reshape(*given.shape[:-1], -1, self.form.outputs)


class GaussianActorPolicy(nn.Module):
    """The acting side: observations, already normalised, to normalised actions.

    It is built on `config.device`. Images come as uint8 (C, H, W). `perceive` does with them what
    nobody trains, and the encoders read what it returns. `encoder` belongs to the critics, which
    train it; the discrete critic reads it too. The actor reads the same object if
    `config.shared_encoder`, else one of its own. `seed` fixes the initial weights and the sampling;
    without one, `torch.manual_seed` does. Torch's global random state is left as it is.

    Raises:
        ValueError: the features of the config are unusable, or torch cannot compute on its device.
        VisionError: the weights of its vision encoder are not to be had.
    """

    name: ClassVar[str] = "gaussian_actor"
    config_class: ClassVar[type[GaussianActorConfig]] = GaussianActorConfig

    def __init__(self, config: GaussianActorConfig, seed: int | None = None) -> None:
        super().__init__()
        config.validate_features()
        self.config = config
        device = usable(config.device)
        self.generator = seeded(seed)
        self.perceive = Perception(config)
        self.encoder = Encoder(config, self.perceive, self.generator)
        shared = config.shared_encoder
        own = self.encoder if shared else Encoder(config, self.perceive, self.generator)
        self.actor = Actor(config, own, self.generator)
        self.discrete_critic = (
            DiscreteCritic(config, self.encoder, self.generator)
            if config.num_discrete_actions is not None
            else None
        )
        self.to(device)

    @property
    def encoder_critic(self) -> Encoder:
        """The encoder that the critics train."""
        return self.encoder

    @property
    def encoder_actor(self) -> Encoder:
        """The encoder that the actor reads; the critics' if `config.shared_encoder`."""
        return self.actor.encoder

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        weight: Tensor = self.actor.head.weight
        return weight.device

    def forward(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Actions drawn for observations, or for the `state` of a batch, with gradients.

        Returns:
            `action` (B, c), its `log_prob` (B,) [nat] and `action_mean` (B, c) before the squash;
            there is no discrete choice in them.
        """
        perceived = self.perceive(batch.get("state", batch))
        features = self.actor_features(perceived, self.encoder(perceived))
        mean, log_std = self.actor(features.detach() if self.config.shared_encoder else features)
        noise = torch.empty(mean.shape).normal_(generator=self.generator).to(mean.device)
        action, log_prob = self.actor.drawn(mean, log_std, noise)
        return {"action": action, "log_prob": log_prob, "action_mean": mean}

    def reset(self) -> None:
        """Begin an episode: there is nothing to forget, as an action depends on its tick alone."""

    def select_action(
        self,
        batch: Mapping[str, Tensor],
        *,
        deterministic: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Action (c [+ 1],) for one observation, or (B, c [+ 1]) for a batch of B.

        The continuous part in [-1, 1] is tanh(mean) if deterministic, else a sample drawn on the
        CPU from `generator` (the policy's own unless given). The last entry, where there are
        discrete actions, is the index of the best one; unless deterministic, a share of
        `config.discrete_exploration` of them is drawn at random instead.
        """
        with torch.inference_mode():
            action = self._action(batch, deterministic, generator or self.generator)
        return action.clone()  # a tensor like any other, which may be changed and learned from

    def deterministic(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What `select_action` gives deterministically, in a form that torch can trace."""
        return self._action(batch, True, self.generator)

    def _action(
        self, batch: Mapping[str, Tensor], deterministic: bool, generator: torch.Generator
    ) -> Tensor:
        perceived = self.perceive(batch)
        features = self.encoder(perceived)
        mean, log_std = self.actor(self.actor_features(perceived, features))
        if not deterministic:
            noise = torch.empty(mean.shape).normal_(generator=generator)
            mean = torch.addcmul(mean, log_std.exp(), noise.to(mean.device))
        action = self.actor.bounded(mean)
        if self.discrete_critic is None:
            return action
        choice = self.discrete_critic(features).argmax(dim=-1, keepdim=True)
        if not deterministic:
            choice = self._explored(choice, generator)
        return torch.cat((action, choice.to(action.dtype)), dim=-1)

    def _explored(self, best: Tensor, generator: torch.Generator) -> Tensor:
        """The best choices (..., 1), a share of them replaced by random ones."""
        share, count = self.config.discrete_exploration, self.config.num_discrete_actions
        if not share or count is None:
            return best
        explores = torch.rand(best.shape, generator=generator) < share
        tried = torch.randint(count, best.shape, generator=generator)
        return torch.where(explores.to(best.device), tried.to(best.device), best)

    def replay_state(self, features: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """What a replay buffer keeps of one observation of the loop: `replay_keys`."""
        kept = self.perceive.kept(self.observation(features))
        return {key: tensor.cpu().numpy() for key, tensor in kept.items()}

    @property
    def replay_keys(self) -> tuple[str, ...]:
        """The keys that `replay_state` gives: a frozen encoder's maps in its images' place."""
        return self.encoder.keys

    def observation(self, features: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        """Tensors of one observation of the loop, whose images are (H, W, C).

        Only read-only arrays, which torch knows nothing of, are copied. Raises KeyError for a
        missing key.
        """
        tensors = {
            key: torch.from_numpy(np.require(features[key], requirements="W"))
            for key in self.config.observation_keys
        }
        for key in self.config.image_keys:
            tensors[key] = tensors[key].permute(2, 0, 1)
        return tensors

    def actor_features(self, observation: Mapping[str, Tensor], features: Tensor) -> Tensor:
        """What the actor reads (B, F): the critics' `features`, or those of its own encoder."""
        if self.config.shared_encoder:
            return features
        own: Tensor = self.actor.encoder(observation)
        return own

    def get_optim_params(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by what trains them; no parameter is in two groups."""
        actor = self.actor.named_parameters()
        shared = self.config.shared_encoder
        groups = {
            "actor": [p for name, p in actor if not (shared and name.startswith("encoder."))],
            "encoder": list(self.encoder.parameters()),
        }
        if self.discrete_critic is not None:
            groups["discrete_critic"] = list(self.discrete_critic.head.parameters())
        return groups

    def get_weights(self) -> dict[str, dict[str, Tensor]]:
        """Copies, on the CPU, of all that acting needs."""
        return {group: cpu_copy(tensors) for group, tensors in self._acting_tensors().items()}

    def load_actor_weights(self, weights: Weights, device: str | torch.device = "cpu") -> None:
        """Copy what `get_weights` returned into this policy, in place, and move it to `device`.

        Nothing changes on an error.

        Raises:
            KeyError: a group or a name is missing, or is more than this policy has.
            ValueError: a shape does not fit, or a weight is not finite or not real.
        """
        for group, tensors in weights.items():
            check_finite(tensors, group)
        self.swap_actor_weights(weights)
        if self.device != torch.device(device):
            self.to(device)

    def swap_actor_weights(self, weights: Weights) -> None:
        """The same for weights that are known to be finite: it takes as long as the copy."""
        own = self._acting_tensors()
        if set(weights) != set(own):
            raise KeyError(f"weights have {sorted(weights)}, the policy needs {sorted(own)}")
        for group, tensors in own.items():
            check_fit(tensors, weights[group])
        for group, tensors in own.items():
            copy_into(tensors, weights[group])

    def _acting_tensors(self) -> dict[str, dict[str, Tensor]]:
        groups: dict[str, dict[str, Tensor]] = {"policy": dict(self.actor.named_parameters())}
        if self.discrete_critic is not None:
            groups["discrete_critic"] = dict(self.discrete_critic.named_parameters())
        return groups

    def save_pretrained(self, directory: str | Path) -> None:
        """Write `model.safetensors` and `config.json` into the directory, made if needed."""
        path = Path(directory)
        path.mkdir(parents=True, exist_ok=True)
        (path / CONFIG_FILE).write_text(
            self.config.model_dump_json(indent=2) + "\n", encoding="utf-8"
        )
        save_model(self, str(path / MODEL_FILE))

    @classmethod
    def from_pretrained(
        cls,
        directory: str | Path,
        seed: int | None = None,
        *,
        config: GaussianActorConfig | None = None,
    ) -> GaussianActorPolicy:
        """Rebuild the policy that `save_pretrained` wrote; `seed` fixes its sampling.

        A `config` comes in the place of the one that lies there, and must have the same networks.

        Raises:
            ValueError: the file of the weights is cut off, or a weight is not finite or not real.
            RuntimeError: the weights are of other networks.
        """
        path = Path(directory)
        config = config or GaussianActorConfig.model_validate(read_json(path / CONFIG_FILE))
        # the saved weights hold the vision encoder's own, so their first source need not be there
        policy = cls(config.model_copy(update={"vision_encoder_weights": None}), seed)
        check_kinds(policy.state_dict(), read_tensors(path / MODEL_FILE))
        load_model(policy, str(path / MODEL_FILE))
        policy.config = config
        return policy
