"""SAC solves what it must be able to solve, in seconds."""

import pytest
import torch

from hil_app.learning import (
    ACTION,
    OBS_STATE,
    FeatureType,
    GaussianActorConfig,
    OnlineOfflineMixer,
    PolicyFeature,
    ReplayBuffer,
    RLTrainer,
    SACAlgorithmConfig,
    make_algorithm,
)
from hil_app.learning import GaussianActorPolicy as Policy

SCALE = 20.0  # the observation's unit, to be normalised away


def _bandit(count, seed):
    """One tick an episode. Best: action s/2, and choice 2 where s > 0, else 0."""
    draw, buffer = torch.Generator().manual_seed(seed), ReplayBuffer(count, "cpu", [OBS_STATE])
    for _ in range(count):
        s, a = (torch.rand(2, generator=draw) * 2 - 1).tolist()
        choice = int(torch.randint(0, 3, (1,), generator=draw))
        right = choice == (2 if s > 0 else 0)
        state = {OBS_STATE: torch.tensor([s * SCALE])}
        buffer.add(
            state, torch.tensor([a, choice]), 1 - 2 * (a - s / 2) ** 2, state, True, False,
            {"discrete_penalty": 0.0 if right else -0.5},
        )  # fmt: skip
    return buffer


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_trap_07_sac_solves_a_bandit_with_an_arm_and_a_gripper_compiled_or_not(compiled):
    config = GaussianActorConfig(
        input_features={OBS_STATE: PolicyFeature(FeatureType.STATE, (1,))},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (1,))},
        dataset_stats={OBS_STATE: {"min": [-SCALE], "max": [SCALE]}},
        num_discrete_actions=3,
        latent_dim=32,
        hidden_dims=[64, 64],
    )
    policy = Policy(config, seed=0)
    rates = {"actor_lr": 3e-3, "critic_lr": 3e-3, "temperature_lr": 3e-3}
    settings = SACAlgorithmConfig(temperature_init=0.01, compile=compiled, **rates)
    algorithm = make_algorithm(settings, policy)
    algorithm.make_optimizers_and_scheduler()
    algorithm.warm_up(128)
    assert algorithm.compile_problem is None
    mixer = OnlineOfflineMixer(_bandit(1500, 0), _bandit(500, 1))
    trainer = RLTrainer(algorithm=algorithm, data_mixer=mixer, batch_size=128)
    for _ in range(400):
        trainer.training_step()
    s = torch.linspace(-0.95, 0.95, 39)[:, None]
    s = s[s.abs().squeeze(1) > 0.1]
    observation = trainer.normalizer.observation({OBS_STATE: s * SCALE})
    action = policy.select_action(observation, deterministic=True)
    assert (action[:, :1] - s / 2).abs().mean() < 0.08
    assert torch.equal(action[:, 1:], torch.where(s > 0, 2.0, 0.0))
