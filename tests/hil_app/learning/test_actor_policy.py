"""The policy: actions, shapes, seeds, weights and files."""

import math

import pytest
import torch

from hil_app.learning import ACTION, OBS_ENV_STATE, OBS_STATE, FeatureType, PolicyFeature
from hil_app.learning import GaussianActorPolicy as Policy


def _observation(*lead):
    draw = torch.Generator().manual_seed(7)
    return {
        OBS_STATE: torch.randn(*lead, 4, generator=draw),
        OBS_ENV_STATE: torch.randn(*lead, 2, generator=draw),
    }


@pytest.mark.parametrize(("discrete", "dims"), [(3, 4), (None, 3)])
@pytest.mark.parametrize("lead", [(), (1,), (5,)])
@pytest.mark.parametrize("deterministic", [True, False])
def test_action_shapes_and_ranges(policy_config, discrete, dims, lead, deterministic):
    policy = Policy(policy_config(num_discrete_actions=discrete))
    action = policy.select_action(_observation(*lead), deterministic=deterministic)
    assert action.shape == (*lead, dims)
    assert action[..., :3].abs().max() <= 1
    if discrete:
        assert set(action[..., 3].flatten().tolist()) <= {0.0, 1.0, 2.0}


def test_a_batch_acts_as_its_rows_do(policy_config):
    policy, batch = Policy(policy_config()), _observation(5)
    together = policy.select_action(batch, deterministic=True)
    alone = [
        policy.select_action({k: v[i] for k, v in batch.items()}, deterministic=True)
        for i in range(5)
    ]
    torch.testing.assert_close(together, torch.stack(alone))


def test_trap_06_deterministic_is_the_squashed_mean(policy_config):
    policy, observation = Policy(policy_config(std_min=0.5)), _observation(6)
    mean, _ = policy.actor(policy.encoder(observation))
    actions = [policy.select_action(observation, deterministic=True) for _ in range(2)]
    assert torch.equal(actions[0], actions[1])
    assert torch.equal(actions[0][:, :3], mean.tanh())
    sampled = [policy.select_action(observation) for _ in range(2)]
    assert not torch.equal(sampled[0][:, :3], sampled[1][:, :3])
    assert torch.equal(sampled[0][:, 3], actions[0][:, 3])


def test_the_discrete_action_is_the_best_one(policy_config):
    policy = Policy(policy_config())
    assert policy.discrete_critic is not None
    output = policy.discrete_critic.head[-1]
    for best in range(3):
        output.bias.data = torch.nn.functional.one_hot(torch.tensor(best), 3) * 100.0
        chosen = policy.select_action(_observation(9), deterministic=True)[:, 3]
        assert (chosen == best).all()


def test_samples_have_the_actors_spread(policy_config):
    policy = Policy(policy_config(std_min=0.2999, std_max=0.3))
    observation = {k: v.expand(20_000, -1) for k, v in _observation(1).items()}
    raw = policy.select_action(observation)[:, :3].double().atanh()
    mean, log_std = policy.actor(policy.encoder(observation))
    torch.testing.assert_close(log_std.exp(), torch.full_like(log_std, 0.3), rtol=1e-3, atol=0)
    torch.testing.assert_close(raw.mean(0).float(), mean[0], atol=0.01, rtol=0)
    torch.testing.assert_close(raw.std(0).float(), torch.full((3,), 0.3), atol=0.01, rtol=0)


def test_log_std_is_clamped(policy_config):
    policy = Policy(policy_config(std_min=0.1, std_max=0.2))
    policy.actor.head.bias.data[3:] = torch.tensor([-50.0, 0.0, 50.0])
    _, log_std = policy.actor(policy.encoder(_observation(2)))
    assert log_std.min().item() == pytest.approx(math.log(0.1))
    assert log_std.max().item() == pytest.approx(math.log(0.2))


def test_the_seed_fixes_weights_and_samples(policy_config):
    first, same, other = (Policy(policy_config(), seed) for seed in (1, 1, 2))
    a, b, c = (policy.select_action(_observation(3)) for policy in (first, same, other))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_an_explicit_generator_draws_instead_of_the_policys(policy_config):
    policy, observation = Policy(policy_config()), _observation(3)
    before = policy.generator.get_state()
    actions = [
        policy.select_action(observation, generator=torch.Generator().manual_seed(5))
        for _ in range(2)
    ]
    assert torch.equal(actions[0], actions[1])
    assert torch.equal(policy.generator.get_state(), before)


def test_building_and_acting_leave_the_global_random_state_alone(policy_config):
    before = torch.get_rng_state()
    Policy(policy_config()).select_action(_observation())
    assert torch.equal(torch.get_rng_state(), before)


def test_init_final_bounds_the_last_layer(policy_config):
    head = Policy(policy_config(init_final=0.01)).actor.head
    assert 0.005 < head.weight.abs().max() <= 0.01
    assert head.bias.abs().max() <= 0.01


def test_a_missing_observation_says_what_is_there(policy_config):
    with pytest.raises(KeyError, match=r"environment_state.*observation\.state"):
        Policy(policy_config()).select_action({OBS_STATE: torch.zeros(4)})


def test_one_feature_needs_no_other(policy_config):
    features = {OBS_ENV_STATE: PolicyFeature(FeatureType.ENV, (2,))}
    policy = Policy(policy_config(input_features=features))
    assert policy.select_action({OBS_ENV_STATE: torch.zeros(2)}).shape == (4,)


@pytest.mark.parametrize("shared", [True, False])
def test_every_parameter_has_one_optimiser_group(policy_config, shared):
    policy = Policy(policy_config(shared_encoder=shared))
    groups = policy.get_optim_params()
    listed = [id(p) for group in groups.values() for p in group]
    assert sorted(listed) == sorted(id(p) for p in policy.parameters())
    assert (policy.actor.encoder is policy.encoder) == shared


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("discrete", [3, None])
def test_weights_carry_the_behaviour(policy_config, shared, discrete):
    config = policy_config(shared_encoder=shared, num_discrete_actions=discrete)
    source, target = Policy(config, 1), Policy(config, 2)
    weights = source.get_weights()
    assert weights["policy"].keys() == source.actor.state_dict().keys()
    assert ("discrete_critic" in weights) == (discrete is not None)
    pointers = [p.data_ptr() for p in target.parameters()]
    target.load_actor_weights(weights)
    assert [p.data_ptr() for p in target.parameters()] == pointers
    expected = source.select_action(_observation(9), deterministic=True)
    assert torch.equal(target.select_action(_observation(9), deterministic=True), expected)


def test_weights_are_copies(policy_config):
    policy = Policy(policy_config())
    weights = policy.get_weights()
    before = weights["policy"]["head.weight"].clone()
    policy.actor.head.weight.data += 1
    assert torch.equal(weights["policy"]["head.weight"], before)


def test_weights_that_do_not_fit_are_refused(policy_config):
    policy = Policy(policy_config())
    weights = policy.get_weights()
    with pytest.raises(KeyError, match="discrete_critic"):
        policy.load_actor_weights({"policy": weights["policy"]})
    less = {k: v for k, v in weights["policy"].items() if k != "head.bias"}
    with pytest.raises(KeyError, match=r"head\.bias"):
        policy.load_actor_weights({**weights, "policy": less})
    with pytest.raises(ValueError, match=r"head\.bias has shape \(6,\), not \(2,\)"):
        policy.load_actor_weights(
            {**weights, "policy": {**weights["policy"], "head.bias": torch.zeros(2)}}
        )


@pytest.mark.parametrize("shared", [True, False])
def test_files_carry_the_behaviour(policy_config, tmp_path, shared):
    stats = {ACTION: {"min": [-2.0] * 3, "max": [2.0] * 3}}
    policy = Policy(policy_config(shared_encoder=shared, dataset_stats=stats), 3)
    policy.save_pretrained(tmp_path / "policy")
    assert sorted(p.name for p in (tmp_path / "policy").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    again = Policy.from_pretrained(tmp_path / "policy")
    assert again.config == policy.config
    expected = policy.select_action(_observation(9), deterministic=True)
    assert torch.equal(again.select_action(_observation(9), deterministic=True), expected)


def test_a_read_only_image_is_seen_like_any_other(policy_config):
    """A camera gives read-only images; torch warns of such arrays, which is an error here."""
    policy = Policy(policy_config())
    features = {key: value.numpy() for key, value in _observation().items()}
    for array in features.values():
        array.setflags(write=False)
    seen = policy.observation(features)
    for key, value in _observation().items():
        torch.testing.assert_close(seen[key], value)
