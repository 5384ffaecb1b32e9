"""A policy as lerobot's SACPolicy (0.4.4) reads it, where the two can be the same.

Its networks for numbers are ours by other names. What is another there, and is set right here:

- it puts the encoded environment before the encoded state, whatever the order of the features;
- it always samples, and takes what its network says for a variance: the spread is held so narrow
  that the sample is the mean, as in an evaluation;
- it scales a range that is none by 1e-8: such a range gets the width that we take it to have;
- it unscales the gripper's choice like a motion: the choice gets a range that leaves it as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from configs.learning.policy import GaussianActorConfig
from configs.names import ACTION, OBS_ENV_STATE, OBS_STATE
from hil_app.learning.networks.actor import MODEL_FILE, GaussianActorPolicy
from hil_app.learning.networks.encoders import Encoder
from hil_app.learning.networks.normalize import Normalizer
from hil_app.runs.export.acting import ExportError
from hil_app.support.files import new_folder

VARIANCE = 1e-12  # of an action before the squash
_ENCODERS = {OBS_ENV_STATE: "env_encoder", OBS_STATE: "state_encoder"}  # in lerobot's order
_NORMS = {"VISUAL": "MEAN_STD", "STATE": "MIN_MAX", "ENV": "MIN_MAX", "ACTION": "MIN_MAX"}


def export_lerobot(policy: GaussianActorPolicy, card: str, folder: Path) -> None:
    """Write what lerobot's ``SACPolicy.from_pretrained`` reads into the new ``folder``.

    Its critics are not written: it acts there, and does not go on learning. ExportError if lerobot
    has no such policy.
    """
    _check(policy.config)
    with new_folder(folder) as draft:
        save_file(_tensors(policy), draft / MODEL_FILE)
        _write(draft / "config.json", _config(policy.config))
        for name, steps in _processors(policy.config).items():
            _write(draft / f"{name}.json", {"name": name, "steps": steps})
        stats = _stats(policy.config)
        save_file(stats, draft / _state_file("pre", 3))
        save_file(stats, draft / _state_file("post", 0))
        (draft / "README.md").write_text(card, encoding="utf-8")


def _check(config: GaussianActorConfig) -> None:
    """ExportError, with the reason, for a policy that lerobot has no networks for."""
    if config.image_keys:
        why = "it looks at images through another network, the same one for all cameras"
    elif OBS_STATE not in config.input_features:
        why = f"it needs {OBS_STATE}, which this policy does not look at"
    elif more := sorted(set(config.input_features) - set(_ENCODERS)):
        why = f"it does not look at {', '.join(more)}"
    elif config.state_encoder_hidden_dim is not None:
        why = "its encoders of numbers have no hidden layer (policy.state_encoder_hidden_dim)"
    elif config.state_scales:
        why = "its encoders read numbers at one scale (policy.state_scales)"
    elif not config.layer_norm:
        why = "its networks always have LayerNorm (policy.layer_norm)"
    elif not config.use_tanh_squash:
        why = "its actions are always squashed by tanh"
    elif config.discrete_critic_network_kwargs.bins and config.num_discrete_actions:
        why = "its discrete critic has no bins (policy.discrete_critic_network_kwargs.bins)"
    else:
        return
    raise ExportError(f"lerobot's SACPolicy cannot be this policy: {why}; --onnx can")


def _tensors(policy: GaussianActorPolicy) -> dict[str, Tensor]:
    """The weights by lerobot's names; of parts that it shares, by the one that it reads."""
    actor = policy.actor
    mean, spread = policy.actor.head.weight.chunk(2)
    mean_bias, spread_bias = policy.actor.head.bias.chunk(2)
    tensors = {
        **_named("actor.encoder.", _encoder(policy, policy.encoder_actor)),
        **_named("actor.network.net.", _ordered(policy, actor.trunk)),
        **_named("actor.mean_layer.", {"weight": mean, "bias": mean_bias}),
        # a variance there is the square of our standard deviation
        **_named("actor.std_layer.", {"weight": 2 * spread, "bias": 2 * spread_bias}),
    }
    if not policy.config.shared_encoder:
        tensors |= _named("critic_ensemble.encoder.", _encoder(policy, policy.encoder_critic))
    if policy.discrete_critic is not None:
        trunk, output = policy.discrete_critic.head
        for name in ("discrete_critic.", "discrete_critic_target."):
            tensors |= _named(f"{name}net.net.", _ordered(policy, trunk))
            tensors |= _named(f"{name}output_layer.", output.state_dict())
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def _encoder(policy: GaussianActorPolicy, encoder: Encoder) -> dict[str, Tensor]:
    branches = zip(policy.config.observation_keys, encoder.branches, strict=True)
    return {
        f"{_ENCODERS[key]}.{name}": tensor
        for key, branch in branches
        for name, tensor in branch.state_dict().items()
    }


def _ordered(policy: GaussianActorPolicy, trunk: nn.Module) -> dict[str, Tensor]:
    """A trunk's weights, those of its first layer in lerobot's order of the features."""
    keys, state = policy.config.observation_keys, dict(trunk.state_dict())
    blocks = dict(zip(keys, state["0.weight"].chunk(len(keys), dim=1), strict=True))
    state["0.weight"] = torch.cat([blocks[key] for key in _ENCODERS if key in blocks], dim=1)
    return state


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _config(config: GaussianActorConfig) -> dict[str, Any]:
    """The fields of lerobot's SACConfig that are not its defaults."""
    actor, discrete = config.actor_network_kwargs, config.discrete_critic_network_kwargs
    return {
        "type": "sac",
        "input_features": _features(config, config.observation_keys),
        "output_features": _features(config, [ACTION]),
        "normalization_mapping": _NORMS,
        "dataset_stats": _ranges(config),
        "device": "cpu",
        "push_to_hub": False,
        "shared_encoder": config.shared_encoder,
        "num_discrete_actions": config.num_discrete_actions,
        "latent_dim": config.latent_dim,
        "use_torch_compile": False,
        "actor_network_kwargs": {
            "hidden_dims": actor.widths(config),
            "activate_final": actor.activate_final,
        },
        "discrete_critic_network_kwargs": {
            "hidden_dims": discrete.widths(config),
            "activate_final": discrete.activate_final,
            "final_activation": discrete.final_activation,
        },
        "policy_kwargs": {
            "use_tanh_squash": True,
            "std_min": VARIANCE,
            "std_max": VARIANCE,
            "init_final": config.init_final,
        },
    }


def _features(config: GaussianActorConfig, keys: Iterable[str]) -> dict[str, Any]:
    known = {**config.input_features, **config.output_features}
    return {key: {"type": known[key].type.value, "shape": list(known[key].shape)} for key in keys}


def _processors(config: GaussianActorConfig) -> dict[str, list[dict[str, Any]]]:
    """lerobot's steps before and after the policy."""
    device = {"registry_name": "device_processor", "config": {"device": "cpu"}}
    both = _features(config, [*config.observation_keys, ACTION])
    scaling = {"eps": 1e-8, "norm_map": _NORMS}
    return {
        "policy_preprocessor": [
            {"registry_name": "rename_observations_processor", "config": {"rename_map": {}}},
            {"registry_name": "to_batch_processor", "config": {}},
            device,
            {
                "registry_name": "normalizer_processor",
                "config": {**scaling, "features": both},
                "state_file": _state_file("pre", 3),
            },
        ],
        "policy_postprocessor": [
            {
                "registry_name": "unnormalizer_processor",
                "config": {**scaling, "features": _features(config, [ACTION])},
                "state_file": _state_file("post", 0),
            },
            device,
        ],
    }


def _state_file(place: str, number: int) -> str:
    kind = "normalizer" if place == "pre" else "unnormalizer"
    return f"policy_{place}processor_step_{number}_{kind}_processor.safetensors"


def _ranges(config: GaussianActorConfig) -> dict[str, dict[str, list[float]]]:
    """The range of each number, as our scaling has it; a choice passes as it is."""
    ranges = Normalizer(config).ranges
    if ACTION in ranges and config.num_discrete_actions is not None:
        low, high = ranges[ACTION]
        ranges[ACTION] = torch.cat((low, -torch.ones(1))), torch.cat((high, torch.ones(1)))
    return {key: {"min": low.tolist(), "max": high.tolist()} for key, (low, high) in ranges.items()}


def _stats(config: GaussianActorConfig) -> dict[str, Tensor]:
    return {
        f"{key}.{end}": torch.tensor(values)
        for key, range_ in _ranges(config).items()
        for end, values in range_.items()
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
