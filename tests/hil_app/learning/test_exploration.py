"""The discrete critic tries what it does not think best, so that it can learn that it is."""

import pytest
import torch

from hil_app.learning import (
    ACTION,
    OBS_STATE,
    FeatureType,
    GaussianActorConfig,
    GaussianActorPolicy,
    PolicyFeature,
    ReplayBuffer,
    RLTrainer,
    SACAlgorithm,
    SACAlgorithmConfig,
)

ARMS = (0.5, 0.65, 1.0)  # what each pays


def bandit(seed, **config):
    """What the best choice pays after 400 of its own: the arms are in another order a seed."""
    features = {
        "input_features": {OBS_STATE: PolicyFeature(FeatureType.STATE, (1,))},
        "output_features": {ACTION: PolicyFeature(FeatureType.ACTION, (1,))},
    }
    small = {"latent_dim": 16, "hidden_dims": [32], "num_discrete_actions": 3}
    policy = GaussianActorPolicy(GaussianActorConfig(**features, **small, **config), seed=seed)
    rates = SACAlgorithmConfig(actor_lr=1e-3, critic_lr=2e-3)
    algorithm = SACAlgorithm(policy=policy, config=rates, seed=seed)
    algorithm.make_optimizers_and_scheduler()
    buffer = ReplayBuffer(1000, state_keys=[OBS_STATE], seed=seed)
    trainer, state, paid = RLTrainer(algorithm, buffer, 32), {OBS_STATE: torch.zeros(1)}, []
    for tick in range(400):
        action = policy.select_action(state)
        paid.append(ARMS[(int(action[-1]) + seed) % 3])
        buffer.add(state, action, paid[-1], state, done=True, truncated=False)
        if tick >= 20:
            trainer.training_step()
    best = int(policy.select_action(state, deterministic=True)[-1])
    return ARMS[(best + seed) % 3], sum(paid[-200:]) / 200


def test_by_default_a_three_armed_bandit_is_solved_from_its_own_choices():
    for seed in (1, 2):
        best, paid = bandit(seed)
        assert best == 1
        assert paid > 0.95


def test_without_it_some_arm_is_never_tried():
    assert bandit(2, discrete_exploration=0)[0] < 1


def choices(policy, state, **options):
    return policy.select_action(state, **options)[:, -1]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_that_is_drawn_at_random_is_that_of_the_config(make_sac, make_batch, share):
    policy = make_sac(policy={"discrete_exploration": share}).policy
    state = make_batch(6000)["state"]
    best = choices(policy, state, deterministic=True)
    assert torch.equal(choices(policy, state, deterministic=True), best)
    chosen = choices(policy, state)
    others = (chosen != best).float().mean().item()
    assert others == pytest.approx(share * 2 / 3, abs=0.03)
    for choice in range(3):  # of those that are not the best, each is drawn as often
        was = (best != choice).sum()
        tried = ((chosen == choice) & (best != choice)).sum()
        assert tried / was == pytest.approx(share / 3, abs=0.04)


def test_it_repeats_with_the_generator_and_leaves_the_motions_as_they_were(make_sac, make_batch):
    """Without exploration nothing is drawn for it: runs with it turned off are those of before."""
    state = make_batch(50)["state"]
    with_it, without = (make_sac(policy={"discrete_exploration": share}).policy for share in (1, 0))
    first, again = (
        with_it.select_action(state, generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first, again)
    generator, other = (torch.Generator().manual_seed(3) for _ in range(2))
    plain = without.select_action(state, generator=generator)
    assert torch.equal(plain[:, :3], first[:, :3])
    torch.empty(50, 3).normal_(generator=other)
    assert torch.equal(generator.get_state(), other.get_state())
