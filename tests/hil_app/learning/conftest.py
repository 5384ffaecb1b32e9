"""Small policies and batches whose values can be told apart."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from hil_app.learning import (
    ACTION,
    OBS_ENV_STATE,
    OBS_STATE,
    Batch,
    FeatureType,
    GaussianActorConfig,
    PolicyFeature,
    SACAlgorithm,
    SACAlgorithmConfig,
)
from hil_app.learning import GaussianActorPolicy as Policy

torch.set_num_threads(1)


def _policy_config(**changes: Any) -> GaussianActorConfig:
    fields: dict[str, Any] = {
        "input_features": {
            OBS_STATE: PolicyFeature(FeatureType.STATE, (4,)),
            OBS_ENV_STATE: PolicyFeature(FeatureType.ENV, (2,)),
        },
        "output_features": {ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
        "num_discrete_actions": 3,
        "latent_dim": 8,
        "hidden_dims": [16, 16],
    }
    return GaussianActorConfig(**{**fields, **changes})


def _batch(size: int = 32, seed: int = 0, **info: torch.Tensor) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    choice = torch.randint(0, 3, (size, 1), generator=draw).float()
    return {
        "state": {
            OBS_STATE: torch.randn(size, 4, generator=draw),
            OBS_ENV_STATE: torch.randn(size, 2, generator=draw),
        },
        "action": torch.cat((torch.rand(size, 3, generator=draw) * 2 - 1, choice), dim=1),
        "reward": torch.rand(size, generator=draw),
        "next_state": {
            OBS_STATE: torch.randn(size, 4, generator=draw),
            OBS_ENV_STATE: torch.randn(size, 2, generator=draw),
        },
        "done": (torch.rand(size, generator=draw) < 0.2).float(),
        "truncated": torch.zeros(size),
        "complementary_info": {
            "discrete_penalty": -torch.rand(size, generator=draw),
            "is_intervention": (torch.rand(size, generator=draw) < 0.3).float(),
            **info,
        },
    }


def _sac(policy: dict[str, Any] | None = None, seed: int = 0, **changes: Any) -> SACAlgorithm:
    algorithm = SACAlgorithm(
        policy=Policy(_policy_config(**(policy or {})), seed=seed),
        config=SACAlgorithmConfig(**changes),
        seed=seed,
    )
    algorithm.make_optimizers_and_scheduler()
    return algorithm


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """What has no seed of its own has the same one in every test."""
    torch.manual_seed(0)


@pytest.fixture
def policy_config() -> Callable[..., GaussianActorConfig]:
    return _policy_config


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    return _batch


@pytest.fixture
def make_sac() -> Callable[..., SACAlgorithm]:
    return _sac


@pytest.fixture
def weights_of() -> Callable[[SACAlgorithm], dict[str, torch.Tensor]]:
    """Copies of everything that training may move."""

    def weights(algorithm: SACAlgorithm) -> dict[str, torch.Tensor]:
        state = {**algorithm.policy.state_dict(), **algorithm.state_dict()}
        return {key: value.clone() for key, value in state.items()}

    return weights
