"""Code written for the published stack finds its fields, and each does what it says."""

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from hil_app.learning import (
    MLP,
    OBS_STATE,
    ActorNetworkConfig,
    CriticNetworkConfig,
    GaussianActorConfig,
    PolicyConfig,
    ReplayBuffer,
    RLAlgorithmConfig,
    RLTrainer,
    SACAlgorithm,
    SACAlgorithmConfig,
    make_algorithm_config,
)
from hil_app.learning import GaussianActorPolicy as Policy


def test_the_block_of_the_policy_is_the_fields_beside_the_others():
    config = GaussianActorConfig(policy_kwargs=PolicyConfig(std_min=0.1, std_max=3.0))
    assert (config.std_min, config.std_max, config.init_final) == (0.1, 3.0, 0.05)
    assert config.policy_kwargs == PolicyConfig(std_min=0.1, std_max=3.0)
    assert config == GaussianActorConfig(policy_kwargs={"std_min": 0.1}, std_max=3.0)
    config.policy_kwargs.std_max = 4.0
    config.init_final = 0.2
    assert (config.std_max, config.policy_kwargs.init_final) == (4.0, 0.2)
    config.policy_kwargs = PolicyConfig(std_max=5.0)
    assert (config.std_min, config.std_max, config.init_final) == (1e-5, 5.0, 0.05)


def test_what_the_block_refuses_changes_nothing():
    config = GaussianActorConfig()
    with pytest.raises(ValidationError, match=r"std_min 50.* must be below std_max 10"):
        config.policy_kwargs.std_min = 50.0
    assert config == GaussianActorConfig()


@pytest.mark.parametrize("compiles", [True, False])
def test_a_respelled_field_is_given_read_and_set_by_either_name(compiles):
    config = SACAlgorithmConfig(use_torch_compile=compiles)
    assert (config.compile, config.use_torch_compile) == (compiles, compiles)
    config.use_torch_compile = not compiles
    assert config == SACAlgorithmConfig(compile=not compiles)


def test_two_spellings_may_not_say_different_things():
    assert SACAlgorithmConfig(use_torch_compile=True, compile=True).compile
    with pytest.raises(ValidationError, match="use_torch_compile says compile is True"):
        SACAlgorithmConfig(use_torch_compile=True, compile=False)
    with pytest.raises(ValidationError, match="policy_kwargs says std_max is 3"):
        GaussianActorConfig(policy_kwargs={"std_max": 3.0}, std_max=4.0)


def test_files_have_one_spelling(policy_config, tmp_path):
    policy = policy_config(policy_kwargs={"std_max": 3.0})
    config = SACAlgorithmConfig(policy_config=policy, use_torch_compile=True)
    config.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["compile"]
    assert saved["policy_config"]["std_max"] == 3.0
    assert not {"use_torch_compile", "policy_kwargs"} & {*saved, *saved["policy_config"]}
    again = RLAlgorithmConfig.from_pretrained(tmp_path)
    assert (again, again.policy_config) == (config, policy)


def test_an_algorithms_config_knows_its_policys(policy_config):
    policy = policy_config(discrete_critic_network_kwargs={"hidden_dims": [5]})
    config = SACAlgorithmConfig(
        policy_config=policy, discrete_critic_network_kwargs=CriticNetworkConfig(hidden_dims=[5])
    )
    assert config.policy_config is policy
    assert config.discrete_critic_network_kwargs is policy.discrete_critic_network_kwargs
    config.policy_config = other = policy_config()
    config.utd_ratio = 3
    assert config.policy_config is other
    for known in ({"policy_config": policy}, {}):
        with pytest.raises(ValidationError, match="is the policy's: give it to its config"):
            SACAlgorithmConfig(discrete_critic_network_kwargs={"hidden_dims": [6]}, **known)
    with pytest.raises(ValidationError, match="GaussianActorConfig"):
        SACAlgorithmConfig(policy_config="small")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("online_buffer_capacity", "learner.online_capacity"),
        ("online_step_before_learning", "learner.learning_starts"),
        ("storage_device", "ReplayBuffer"),
        ("normalization_mapping", "dataset_stats"),
    ],
)
def test_a_field_that_is_elsewhere_says_where(field, said):
    with pytest.raises(ValidationError, match=rf"{field} is not the policy's: .*{said}"):
        GaussianActorConfig(**{field: 1})


def test_the_published_names_of_vision_encoders():
    assert GaussianActorConfig(vision_encoder_name=None).vision_encoder_name == "cnn"
    with pytest.raises(ValidationError, match=r"no code is fetched .*set resnet10"):
        GaussianActorConfig(vision_encoder_name="someone/resnet10")


def test_an_algorithms_config_by_its_name():
    assert make_algorithm_config("sac", utd_ratio=4) == SACAlgorithmConfig(utd_ratio=4)
    assert SACAlgorithm.config_class is SACAlgorithmConfig
    with pytest.raises(KeyError, match=r"'ppo'.*sac"):
        make_algorithm_config("ppo")


def widths(module):
    return [layer.out_features for layer in module.modules() if isinstance(layer, nn.Linear)]


def test_every_network_has_widths_of_its_own(policy_config, make_sac):
    networks = {
        "hidden_dims": [7],
        "actor_network_kwargs": ActorNetworkConfig(hidden_dims=[5, 6]),
        "discrete_critic_network_kwargs": {"hidden_dims": [4]},
    }
    policy = Policy(policy_config(**networks))
    assert widths(policy.actor.trunk) == [5, 6]
    assert widths(policy.discrete_critic.head) == [4, 3]
    assert widths(make_sac(networks).critic_ensemble.critics[0]) == [7, 1]


def test_the_last_hidden_layer_may_be_linear_or_have_an_activation_of_its_own(make_sac, make_batch):
    def kinds(module):
        return [type(layer).__name__ for layer in module.children()]

    linear, other = {"activate_final": False}, {"final_activation": "Tanh"}
    sac = make_sac(
        {"actor_network_kwargs": linear, "discrete_critic_network_kwargs": other},
        critic_network_kwargs=other,
    )
    assert kinds(sac.policy.actor.trunk) == ["Dense", "LayerNorm", "SiLU", "Dense"]
    assert kinds(sac.policy.discrete_critic.head[0])[-1] == "Tanh"
    critic = sac.critic_ensemble.critics[0]
    seen = []
    critic.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    loose = make_sac(critic_network_kwargs=linear).critic_ensemble.critics[0]
    loose.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    inputs = torch.randn(8, 16), torch.randn(8, 3)
    critic(*inputs), loose(*inputs)
    torch.testing.assert_close(seen[0].atanh().mean(dim=1), torch.zeros(8), atol=1e-4, rtol=0)
    assert len(loose.norms) == len(critic.norms) - 1 == 1
    assert (seen[1] < -0.3).any()  # less than SiLU ever gives
    assert "loss_critic" in sac.update(iter([make_batch()])).losses
    with pytest.raises(ValidationError, match="needs activate_final"):
        CriticNetworkConfig(final_activation="Tanh", activate_final=False)


def test_without_the_squash_actions_are_the_gaussians(policy_config, make_sac, make_batch):
    wide = {"use_tanh_squash": False, "init_final": 5.0, "std_min": 0.5}
    policy = Policy(policy_config(policy_kwargs=wide), seed=1)
    batch = make_batch(500)
    drawn = policy(batch)
    mean = drawn["action_mean"]
    assert mean.abs().max() > 1.5
    assert torch.equal(policy.select_action(batch["state"], deterministic=True)[:, :3], mean)
    features = policy.encoder(policy.perceive(batch["state"]))
    _, log_std = policy.actor(features)
    wanted = torch.distributions.Normal(mean, log_std.exp()).log_prob(drawn["action"]).sum(dim=1)
    torch.testing.assert_close(drawn["log_prob"], wanted, rtol=1e-4, atol=1e-4)
    sac = make_sac({"policy_kwargs": wide}, behavior_cloning_weight=1.0)
    assert sac.update(iter([batch])).losses["loss_actor"] != 0


def test_forward_draws_actions_with_their_density_and_trains_no_shared_encoder(policy_config):
    policy = Policy(policy_config())
    state = {OBS_STATE: torch.randn(6, 4), "observation.environment_state": torch.randn(6, 2)}
    drawn = policy({"state": state})
    assert {k: tuple(v.shape) for k, v in drawn.items()} == {
        "action": (6, 3), "log_prob": (6,), "action_mean": (6, 3),
    }  # fmt: skip
    assert drawn["action"].abs().max() < 1
    drawn["log_prob"].sum().backward()
    assert all(p.grad is None for p in policy.encoder_critic.parameters())
    assert policy.encoder_actor is policy.encoder_critic
    assert policy.reset() is None
    apart = Policy(policy_config(shared_encoder=False))
    assert apart.encoder_actor is not apart.encoder_critic
    apart(state)["log_prob"].sum().backward()
    assert all(p.grad is not None for p in apart.encoder_actor.parameters())


def test_numbers_may_have_a_hidden_layer_before_the_latent_one(policy_config):
    plain, deep = Policy(policy_config()), Policy(policy_config(state_encoder_hidden_dim=5))
    assert widths(plain.encoder.branches[0]) == [8]
    assert widths(deep.encoder.branches[0]) == [5, 8]


def test_a_policy_is_built_on_its_device(policy_config):
    assert Policy(policy_config(device="cpu")).device.type == "cpu"
    with pytest.raises(ValueError, match="cannot compute on 'nowhere'"):
        Policy(policy_config(device="nowhere"))


def test_the_multilayer_perceptron():
    layers = MLP(3, [4, 5], dropout_rate=0.5, final_activation="ReLU", activate_final=True)
    assert [type(layer).__name__ for layer in layers.net] == [
        "Dense", "Dropout", "LayerNorm", "SiLU", "Dense", "Dropout", "LayerNorm", "ReLU",
    ]  # fmt: skip
    assert layers.net is layers
    own = nn.GELU()
    plain = MLP(3, [4, 5], own, layer_norm=False)
    assert list(plain)[1] is own
    assert [type(layer).__name__ for layer in plain] == ["Dense", "GELU", "Dense"]
    assert plain(torch.zeros(2, 3)).shape == (2, 5)


def test_transitions_may_come_as_batches_of_one():
    buffer = ReplayBuffer(5, state_keys=["s", "image"])
    image = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(1, 3, 8, 8)
    state = {"s": torch.tensor([[1.0, 2.0]]), "image": torch.from_numpy(image)}
    buffer.add(state, torch.tensor([[3.0]]), 0.0, state, False, False)
    batch = buffer.sample(1)
    assert batch["state"]["s"].tolist() == [[1, 2]]
    assert batch["action"].tolist() == [[3]]
    assert torch.equal(batch["next_state"]["image"], torch.from_numpy(image))


class Doubled:
    def process_observation(self, observation):
        return {key: 2 * value for key, value in observation.items()}


def test_a_trainer_makes_optimisers_and_has_a_preprocessor_see_every_observation(
    policy_config, make_batch
):
    stats = {OBS_STATE: {"min": [-1.0] * 4, "max": [1.0] * 4}}
    sac = SACAlgorithm(
        policy=Policy(policy_config(dataset_stats=stats)), config=SACAlgorithmConfig()
    )
    given, seen = make_batch(4), []
    sac.configure_data_iterator = lambda *_, **__: iter([given])
    trainer = RLTrainer(sac, None, 4, preprocessor=Doubled())
    assert set(sac.optimizers) == {"critic", "actor", "temperature", "discrete_critic"}
    sac.update = lambda batches: seen.append(next(batches))
    trainer.training_step()
    for group in ("state", "next_state"):
        torch.testing.assert_close(seen[0][group][OBS_STATE], 2 * given[group][OBS_STATE])
    assert given["state"].keys() == seen[0]["state"].keys()


def test_torchs_seed_is_that_of_whatever_has_none(policy_config, make_batch):
    def drawn(seed, own=None):
        torch.manual_seed(seed)
        everywhere = torch.get_rng_state()
        policy = Policy(policy_config(), own)
        sac = SACAlgorithm(policy=policy, config=SACAlgorithmConfig(), seed=own)
        buffer = ReplayBuffer(50, state_keys=["s"], seed=own)
        for number in range(50):
            buffer.add({"s": [number]}, [0.0], 0.0, {"s": [number]}, False, False)
        rows = buffer.sample(5)["state"]["s"].flatten()
        assert torch.equal(torch.get_rng_state(), everywhere)
        weights = sac.critic_ensemble.critics[0].output.bias
        actions = policy.select_action(make_batch(2)["state"]).flatten()
        return torch.cat((rows, weights, actions)).tolist()

    assert drawn(1) == drawn(1) != drawn(2)
    assert drawn(1, own=2) == drawn(2)
