"""What acts: its own copy of the weights, swapped only between two ticks."""

import time

import numpy as np
import pytest
import torch

from hil_app.control.policy import LearnedPolicy, NoPolicy
from hil_app.learning import (
    ACTION,
    OBS_ENV_STATE,
    OBS_STATE,
    FeatureType,
    GaussianActorConfig,
    GaussianActorPolicy,
    PolicyFeature,
)
from hil_app.learning.mailbox import Mailbox

CONFIG = GaussianActorConfig(
    input_features={
        OBS_ENV_STATE: PolicyFeature(FeatureType.ENV, (2,)),
        OBS_STATE: PolicyFeature(FeatureType.STATE, (3,)),
    },
    output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
    num_discrete_actions=3,
    latent_dim=8,
    hidden_dims=[16],
    init_final=1.0,
)
DRAW = np.random.default_rng(1)
SEEN = [
    {
        OBS_STATE: DRAW.normal(size=3).astype(np.float32),
        OBS_ENV_STATE: DRAW.normal(size=2).astype(np.float32),
        "observation.images.front": np.zeros((2, 2, 3), np.uint8),  # not this policy's
    }
    for _ in range(30)
]


def net(seed):
    return GaussianActorPolicy(CONFIG, seed)


def acts(policy):
    return np.stack([policy.act(seen) for seen in SEEN])


def test_weights_are_swapped_by_refresh_alone_and_their_version_with_them():
    mailbox, learner = Mailbox(), net(2)
    policy = LearnedPolicy(net(1), mailbox, deterministic=True)
    policy.refresh()
    before = acts(policy)
    assert policy.version == 0
    mailbox.publish(7, learner.get_weights())
    published = mailbox.newer_than(0).published
    assert np.array_equal(acts(policy), before)
    assert policy.version == 0
    assert not policy.ages
    asked = time.monotonic()
    policy.refresh()
    assert policy.version == 7
    (age,) = policy.ages
    assert asked - published <= age <= time.monotonic() - published
    expected = acts(LearnedPolicy(learner, deterministic=True))
    assert np.array_equal(acts(policy), expected)
    assert not np.array_equal(expected, before)


def test_the_acting_copy_shares_nothing_with_the_parcel():
    mailbox = Mailbox()
    policy = LearnedPolicy(net(1), mailbox, deterministic=True)
    weights = net(2).get_weights()
    mailbox.publish(1, weights)
    policy.refresh()
    before = acts(policy)
    for group in weights.values():
        for tensor in group.values():
            tensor.zero_()
    assert np.array_equal(acts(policy), before)


def test_without_a_mailbox_the_weights_stay():
    policy = LearnedPolicy(net(1), deterministic=True)
    before = acts(policy)
    policy.refresh()
    assert policy.version == 0
    assert np.array_equal(acts(policy), before)


def test_deterministic_acts_the_same_twice_and_sampling_does_not():
    certain = LearnedPolicy(net(1), deterministic=True)
    assert np.array_equal(acts(certain), acts(certain))
    sampling = LearnedPolicy(net(1), deterministic=False)
    assert not np.array_equal(acts(sampling), acts(sampling))


def test_sampling_repeats_with_its_seed():
    first, same, other = (net(seed) for seed in (1, 1, 2))
    other.load_state_dict(first.state_dict())
    sampled = [acts(LearnedPolicy(each, deterministic=False)) for each in (first, same, other)]
    assert np.array_equal(sampled[0], sampled[1])
    assert not np.array_equal(sampled[0], sampled[2])


@pytest.mark.parametrize("deterministic", [True, False])
def test_an_action_is_three_directions_and_a_gripper_command(deterministic):
    policy = LearnedPolicy(net(1), deterministic=deterministic)
    actions = [policy.act(seen) for seen in SEEN]
    assert all(action.shape == (4,) and action.dtype == np.float32 for action in actions)
    assert np.abs(np.stack(actions)[:, :3]).max() <= 1
    assert {action[3] for action in actions} <= {0, 1, 2}


def test_the_policy_sees_its_features_scaled_by_their_ranges():
    stats = {
        OBS_STATE: {"min": [0.0, 10.0, -4.0], "max": [2.0, 30.0, 4.0]},
        OBS_ENV_STATE: {"min": [-1.0, 0.0], "max": [1.0, 8.0]},
    }
    inner = GaussianActorPolicy(CONFIG.model_copy(update={"dataset_stats": stats}), seed=1)
    seen = {OBS_STATE: np.array([2, 20, -2], "f4"), OBS_ENV_STATE: np.array([0.5, 0], "f4")}
    scaled = {OBS_STATE: torch.tensor([1.0, 0, -0.5]), OBS_ENV_STATE: torch.tensor([0.5, -1])}
    action = LearnedPolicy(inner, deterministic=True).act(seen)
    expected = net(1).select_action(scaled, deterministic=True).numpy()
    np.testing.assert_allclose(action, expected, atol=1e-6)


def test_no_policy_leaves_the_robot_as_it_is():
    policy = NoPolicy()
    policy.refresh()
    assert policy.act(SEEN[0]) is None
    assert policy.version == 0
