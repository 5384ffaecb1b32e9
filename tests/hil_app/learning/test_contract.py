"""What code that moves here from the published stack relies on."""

import importlib
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Literal

import pytest
import torch
from pydantic import Field
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

import hil_app.learning as learning
from configs.learning.algorithm import ALGORITHMS
from configs.learning.algorithm import RLAlgorithmConfig as DefinedConfig
from configs.learning.policy import GaussianActorConfig as DefinedPolicyConfig
from hil_app.learning import (
    OBS_ENV_STATE,
    OBS_STATE,
    Batch,
    GaussianActorPolicy,
    OnlineOfflineMixer,
    ReplayBuffer,
    RLAlgorithm,
    RLAlgorithmConfig,
    RLTrainer,
    TrainingStats,
    make_algorithm,
)
from hil_app.learning.sac.optimizers import adam, gradients_of, optimizer_step

NAMES = [
    "ACTION",
    "DONE",
    "OBS_IMAGE",
    "OBS_IMAGES",
    "OBS_STATE",
    "REWARD",
    "ActorNetworkConfig",
    "BatchTransition",
    "CriticNetworkConfig",
    "DataMixer",
    "FeatureType",
    "MLP",
    "PolicyConfig",
    "GaussianActorConfig",
    "GaussianActorPolicy",
    "OnlineOfflineMixer",
    "PolicyFeature",
    "RLAlgorithm",
    "RLAlgorithmConfig",
    "RLTrainer",
    "ReplayBuffer",
    "SACAlgorithm",
    "SACAlgorithmConfig",
    "TrainingStats",
    "concatenate_batch_transitions",
    "make_algorithm",
    "make_algorithm_config",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_published_name_is_one_import_away(name):
    assert name in learning.__all__
    assert getattr(importlib.import_module("hil_app.learning"), name) is not None


def test_configs_are_defined_once():
    assert learning.RLAlgorithmConfig is DefinedConfig
    assert learning.GaussianActorConfig is DefinedPolicyConfig


@pytest.fixture
def clone():
    """An algorithm in one file: its config, and a class that learns by imitation alone."""
    with ALGORITHMS.restored():
        yield _cloning_config()


def _cloning_config():
    class CloningConfig(RLAlgorithmConfig):
        type: Literal["cloning"] = "cloning"
        lr: float = Field(default=1e-2, gt=0)

    class Cloning(RLAlgorithm, name="cloning"):
        config: CloningConfig

        def make_optimizers_and_scheduler(self) -> dict[str, Any]:
            groups = self.policy.get_optim_params()
            self.owned = {"actor": [*groups["actor"], *groups["encoder"]]}
            self.optimizers = {"actor": adam(self.owned["actor"], self.config.lr)}
            return self.optimizers

        def update(self, batch_iterator: Iterator[Batch]) -> TrainingStats:
            batch = next(batch_iterator)
            features = self.policy.encoder(batch["state"])
            mean, _ = self.policy.actor(self.policy.actor_features(batch["state"], features))
            loss = F.mse_loss(mean.tanh(), batch["action"][:, :3])
            optimizer_step(
                self.optimizers, gradients_of({"actor": loss}, self.owned), torch.zeros(0), None
            )
            self.optimization_step += 1
            return TrainingStats(losses={"loss_actor": loss.item()})

        def state_dict(self) -> dict[str, torch.Tensor]:
            return {}

    return CloningConfig


def _buffer(make_batch, seed):
    buffer, batch = ReplayBuffer(200, "cpu", [OBS_STATE, OBS_ENV_STATE], seed=seed), make_batch(200)
    for row in range(200):
        state = {key: value[row] for key, value in batch["state"].items()}
        action = torch.cat((state[OBS_STATE][:3].tanh(), batch["action"][row, 3:]))
        buffer.add(state, action, 0.0, state, False, False, {"is_intervention": 1.0})
    return buffer


def test_a_new_algorithm_is_one_file_and_its_config(clone, policy_config, make_batch, tmp_path):
    config = clone.from_policy_config(policy_config(), lr=5e-3)
    algorithm = make_algorithm(config, GaussianActorPolicy(policy_config()))
    assert algorithm.optimizers == {}
    algorithm.make_optimizers_and_scheduler()
    mixer = OnlineOfflineMixer(_buffer(make_batch, 0), _buffer(make_batch, 1))
    trainer = RLTrainer(algorithm=algorithm, data_mixer=mixer, batch_size=64)
    losses = [trainer.training_step().losses["loss_actor"] for _ in range(300)]
    assert losses[-1] < 0.2 * losses[0]
    assert algorithm.optimization_step == 300
    again = make_algorithm(config, GaussianActorPolicy(policy_config(), seed=9))
    again.make_optimizers_and_scheduler()
    again.load_weights(algorithm.get_weights())
    again.load_training_state(algorithm.training_state())
    state = make_batch(4)["state"]
    actions = [a.policy.select_action(state, deterministic=True) for a in (algorithm, again)]
    assert torch.equal(*actions)
    assert again.optimization_step == 300
    config.save_pretrained(tmp_path)
    assert RLAlgorithmConfig.from_pretrained(tmp_path) == config


def test_the_mixer_hears_how_far_to_draw_ahead(make_sac):
    heard = []

    class Mixer:
        def get_iterator(self, batch_size, **ahead):
            heard.append((batch_size, ahead))
            return iter(())

    make_sac().configure_data_iterator(Mixer(), 8)
    make_sac().configure_data_iterator(Mixer(), 9, async_prefetch=True, queue_size=5)
    assert heard == [
        (8, {"async_prefetch": False, "queue_size": 2}),
        (9, {"async_prefetch": True, "queue_size": 5}),
    ]


def test_weights_are_copies_on_the_cpu_in_the_published_groups(make_sac, make_batch):
    sac = make_sac()
    weights = sac.get_weights()
    assert weights.keys() == {"policy", "discrete_critic"}
    kept = {k: v.clone() for k, v in weights["policy"].items()}
    sac.update(repeat(make_batch()))
    assert all(v.device.type == "cpu" and not v.requires_grad for v in weights["policy"].values())
    assert all(torch.equal(kept[key], value) for key, value in weights["policy"].items())


def test_an_algorithm_without_anything_to_warm_up_does_nothing(clone, policy_config):
    algorithm = make_algorithm(clone(), GaussianActorPolicy(policy_config()))
    before = algorithm.generator.get_state()
    algorithm.warm_up(16)
    assert algorithm.compile_problem is None
    assert torch.equal(algorithm.generator.get_state(), before)
