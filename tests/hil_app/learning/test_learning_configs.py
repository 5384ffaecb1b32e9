"""Algorithm and policy configs: registry, files, validation, and that no field is dead."""

import subprocess
import sys
from itertools import repeat
from typing import Literal

import pytest
import torch
from pydantic import ValidationError

from configs.learning.algorithm import ALGORITHMS
from hil_app.learning import (
    ACTION,
    OBS_ENV_STATE,
    OBS_IMAGE,
    OBS_STATE,
    FeatureType,
    GaussianActorConfig,
    PolicyFeature,
    RLAlgorithmConfig,
    SACAlgorithm,
    SACAlgorithmConfig,
    make_algorithm,
)
from hil_app.learning import GaussianActorPolicy as Policy


def test_registry_knows_sac():
    assert RLAlgorithmConfig.get_known_choices()["sac"] is SACAlgorithmConfig
    assert RLAlgorithmConfig.get_choice_class("sac") is SACAlgorithmConfig


def test_unknown_algorithm_is_a_key_error_that_lists_the_known():
    with pytest.raises(KeyError, match=r"'ppo'.*sac"):
        RLAlgorithmConfig.get_choice_class("ppo")


@pytest.fixture
def registry():
    """The algorithms; what a test registers is forgotten."""
    with ALGORITHMS.restored():
        yield ALGORITHMS


@pytest.mark.usefixtures("registry")
def test_a_new_algorithm_is_a_config_and_a_class(policy_config):
    class TwinConfig(SACAlgorithmConfig):
        type: Literal["twin"] = "twin"

    policy = Policy(policy_config())
    with pytest.raises(KeyError, match=r"'twin'.*sac"):
        make_algorithm(TwinConfig(), policy)

    class Twin(SACAlgorithm, name="twin"):
        pass

    assert RLAlgorithmConfig.get_choice_class("twin") is TwinConfig
    assert type(make_algorithm(TwinConfig(), policy)) is Twin
    assert SACAlgorithm.name == "sac"


def test_published_defaults():
    config = SACAlgorithmConfig()
    assert (config.actor_lr, config.critic_lr, config.temperature_lr) == (3e-4, 3e-4, 3e-4)
    assert (config.discount, config.critic_target_update_weight) == (0.99, 0.005)
    assert (config.temperature_init, config.use_backup_entropy) == (1.0, True)
    assert (config.utd_ratio, config.policy_update_freq, config.num_critics) == (1, 1, 2)
    assert (config.grad_clip_norm, config.behavior_cloning_weight) == (40.0, 0.0)
    policy = GaussianActorConfig()
    assert (policy.latent_dim, policy.hidden_dims, policy.shared_encoder) == (256, [256, 256], True)
    assert (policy.std_min, policy.std_max, policy.init_final) == (1e-5, 10.0, 0.05)


@pytest.mark.parametrize(("discrete", "expected"), [(3, -2.0), (None, -1.5)])
def test_target_entropy_counts_the_discrete_dimension(policy_config, discrete, expected):
    policy = policy_config(num_discrete_actions=discrete)
    assert SACAlgorithmConfig.from_policy_config(policy).target_entropy == expected
    assert SACAlgorithm(policy=Policy(policy), config=SACAlgorithmConfig()).target_entropy == (
        expected
    )
    kept = SACAlgorithmConfig.from_policy_config(policy, target_entropy=-7.0, discount=0.5)
    assert (kept.target_entropy, kept.discount) == (-7.0, 0.5)


def test_algorithm_config_survives_its_file(tmp_path):
    config = SACAlgorithmConfig(discount=0.97, grad_clip_norm=None, num_subsample_critics=1)
    config.save_pretrained(tmp_path / "new")
    assert RLAlgorithmConfig.from_pretrained(tmp_path / "new") == config


def test_an_algorithm_config_changes_field_by_field_and_what_does_not_fit_changes_nothing():
    config = SACAlgorithmConfig(num_critics=3)
    config.utd_ratio = 4
    config.num_subsample_critics = 2
    for name, wrong in (
        ("utd_ratio", 0),
        ("num_critics", 1),  # of which two are to be drawn
        ("lr_schedule", "linear"),  # needs two more
        ("no_such_field", 1),
    ):
        with pytest.raises(ValidationError):
            setattr(config, name, wrong)
    assert config == SACAlgorithmConfig(num_critics=3, utd_ratio=4, num_subsample_critics=2)
    assert config.model_fields_set == {"num_critics", "utd_ratio", "num_subsample_critics"}


def test_an_algorithm_config_knows_its_policy_and_takes_it_along(policy_config, tmp_path):
    policy = policy_config()
    config = SACAlgorithmConfig.from_policy_config(policy)
    assert config.policy_config is policy
    assert config.discrete_critic_network_kwargs is policy.discrete_critic_network_kwargs
    assert SACAlgorithmConfig().policy_config is None
    assert SACAlgorithmConfig().discrete_critic_network_kwargs is None
    config.save_pretrained(tmp_path)
    again = RLAlgorithmConfig.from_pretrained(tmp_path)
    assert again == config
    assert again.policy_config == policy


def test_critics_may_have_networks_of_their_own(policy_config):
    policy = policy_config(hidden_dims=[5], discrete_critic_network_kwargs={"hidden_dims": [6, 7]})
    config = SACAlgorithmConfig(critic_network_kwargs={"hidden_dims": [8, 9]}, critic_dropout=0.1)
    algorithm = SACAlgorithm(policy=Policy(policy), config=config)
    widths = {
        name: {p.shape[0] for key, p in module.named_parameters() if key.endswith("bias")}
        for name, module in {
            "actor": algorithm.policy.actor.trunk,
            "discrete": algorithm.discrete_critic_target,
            "critics": algorithm.critic_target,
        }.items()
    }
    assert widths == {"actor": {5}, "discrete": {6, 7, 3}, "critics": {8, 9, 1}}
    as_the_policy = SACAlgorithm(policy=Policy(policy), config=SACAlgorithmConfig())
    assert as_the_policy.critic_ensemble.critics[0].first.weight.shape[0] == 5


@pytest.mark.parametrize("text", ["[]", "null", "3"])
def test_a_file_that_is_no_config_is_said_to_be_none(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match="has no keys and values"):
        RLAlgorithmConfig.from_pretrained(tmp_path)


def test_a_file_with_an_unknown_type_is_a_key_error(tmp_path):
    (tmp_path / "config.json").write_text('{"type": "ppo"}')
    with pytest.raises(KeyError, match="ppo"):
        RLAlgorithmConfig.from_pretrained(tmp_path)


def test_policy_config_survives_json(policy_config):
    config = policy_config(dataset_stats={ACTION: {"min": [0.0] * 3, "max": [1.0] * 3}})
    assert GaussianActorConfig.model_validate_json(config.model_dump_json()) == config


def test_policy_config_is_mutable_and_checked():
    config = GaussianActorConfig()
    config.latent_dim = 5
    assert config.latent_dim == 5
    with pytest.raises(ValidationError):
        config.latent_dim = 0
    with pytest.raises(ValidationError, match="must be below std_max"):
        config.std_min = 50.0
    assert (config.latent_dim, config.std_min) == (5, 1e-5)
    with pytest.raises(ValidationError, match="image_encoder"):
        GaussianActorConfig(image_encoder=1)


@pytest.mark.parametrize("model", [GaussianActorConfig, SACAlgorithmConfig])
def test_every_field_has_a_description(model):
    assert all(field.description for field in model.model_fields.values())


STATE = PolicyFeature(FeatureType.STATE, (4,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_features": {}}, "input_features is empty"),
        (
            {
                "input_features": {
                    OBS_STATE: STATE,
                    OBS_IMAGE: PolicyFeature(FeatureType.REWARD, (1,)),
                }
            },
            r"'observation.image' is REWARD.*observation.state: STATE \(4,\)",
        ),
        ({"input_features": {OBS_STATE: PolicyFeature(FeatureType.STATE, (2, 2))}}, r"\(n,\)"),
        ({"output_features": {}}, "got nothing"),
        ({"output_features": {"act": PolicyFeature(FeatureType.ACTION, (3,))}}, r"act: ACTION"),
        ({"output_features": {ACTION: STATE}}, "of type ACTION"),
        ({"dataset_stats": {"other": {"min": [0.0], "max": [1.0]}}}, "observation.state"),
        ({"dataset_stats": {OBS_STATE: {"mean": [0.0] * 4}}}, "min and max"),
        ({"dataset_stats": {OBS_STATE: {"min": [0.0], "max": [1.0]}}}, "the feature has 4"),
        ({"dataset_stats": {OBS_ENV_STATE: {"min": [0.0, 2.0], "max": [1.0, 1.0]}}}, "above"),
        ({"std_min": 2.0, "std_max": 1.0}, "must be below"),
    ],
)
def test_unusable_features_are_refused(policy_config, changes, message):
    with pytest.raises(ValueError, match=message):
        policy_config(**changes).validate_features()
    with pytest.raises(ValueError, match=message):
        Policy(policy_config(**changes))


def test_subsampling_more_critics_than_there_are_is_refused():
    with pytest.raises(ValidationError, match="exceeds num_critics 2"):
        SACAlgorithmConfig(num_subsample_critics=3)


SAC_FIELDS = {
    "actor_lr": 1e-2,
    "critic_lr": 1e-2,
    "temperature_lr": 1e-2,
    "discount": 0.5,
    "use_backup_entropy": False,
    "critic_target_update_weight": 0.5,
    "num_critics": 3,
    "num_subsample_critics": 1,
    "temperature_init": 0.1,
    "target_entropy": 3.0,
    "utd_ratio": 2,
    "policy_update_freq": 2,
    "grad_clip_norm": 0.01,
    "layer_norm": False,
    "behavior_cloning_weight": 1.0,
    "reward_scale": 2.0,
    "target_update_interval": 2,
    "critic_network_kwargs": {"hidden_dims": [7]},
    "critic_dropout": 0.5,
    "actor_dropout": 0.5,
    "temperature_mode": "direct",
    "lr_warmup_steps": 2,
}
ELSEWHERE = {
    "type",
    "compile",
    "lr_schedule",
    "lr_decay_steps",
    "lr_final_fraction",
    "imitation_filter",
    "imitation_error",
    "actor_average",
}  # each has tests of its own: test_compiled, test_sac_options, test_imitation_filter, and so on
POLICY_FIELDS = {
    "latent_dim": 9,
    "state_encoder_hidden_dim": 9,
    "state_scales": [4.0],
    "hidden_dims": [16, 8],
    "actor_network_kwargs": {"hidden_dims": [7]},
    "use_tanh_squash": False,
    "discrete_critic_network_kwargs": {"hidden_dims": [7]},
    "layer_norm": False,
    "shared_encoder": False,
    "std_min": 0.9999,
    "std_max": 0.5,
    "init_final": 0.5,
    "num_discrete_actions": 4,
}


def test_the_lists_of_fields_below_are_complete():
    elsewhere = {"input_features", "output_features", "dataset_stats"}
    elsewhere |= {name for name in GaussianActorConfig.model_fields if "vision" in name}
    elsewhere |= {"image_encoder_hidden_dim", "image_embedding_pooling_dim"}  # in test_encoders
    elsewhere |= {"image_size"}  # in test_squint
    elsewhere |= {"discrete_exploration"}  # in test_exploration
    elsewhere |= {"device"}  # in test_published_spellings
    assert SAC_FIELDS.keys() == SACAlgorithmConfig.model_fields.keys() - ELSEWHERE
    assert POLICY_FIELDS.keys() == GaussianActorConfig.model_fields.keys() - elsewhere


def _trained(make_sac, make_batch, weights_of, **changes):
    algorithm = make_sac(**changes)
    for _ in range(3):
        algorithm.update(repeat(make_batch()))
    return weights_of(algorithm)


@pytest.mark.parametrize(
    "changes",
    [{name: value} for name, value in SAC_FIELDS.items()]
    + [{"policy": {name: value}} for name, value in POLICY_FIELDS.items()],
    ids=str,
)
def test_no_field_is_dead(make_sac, make_batch, weights_of, changes):
    usual = _trained(make_sac, make_batch, weights_of)
    changed = _trained(make_sac, make_batch, weights_of, **changes)
    assert usual.keys() != changed.keys() or any(
        usual[key].shape != changed[key].shape or not torch.equal(usual[key], changed[key])
        for key in usual
    )


def test_configs_do_not_import_torch():
    modules = "sys, configs.learning.algorithm, configs.learning.policy"
    code = f"import {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
