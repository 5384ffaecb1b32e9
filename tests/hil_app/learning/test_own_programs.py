"""Configs from presets, and statistics from data, for programs without a run."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from configs.load import ConfigError, presets, read, validate
from hil_app.learning import (
    ACTION,
    OBS_IMAGES,
    OBS_STATE,
    FeatureType,
    GaussianActorPolicy,
    Normalizer,
    PolicyFeature,
    ReplayBuffer,
    algorithm_config_of,
    make_algorithm,
    policy_config_of,
    stats_of,
)

FRONT = f"{OBS_IMAGES}.front"
FEATURES = {
    "input_features": {OBS_STATE: PolicyFeature(FeatureType.STATE, (2,))},
    "output_features": {ACTION: PolicyFeature(FeatureType.ACTION, (1,))},
}


def filled(count=150):
    """Row i: state (i, -i/10), next state the one of i + 1, action (3 - i), an image of i % 256."""
    buffer = ReplayBuffer(1000, state_keys=[OBS_STATE, FRONT])
    for i in range(count):
        now, then = (
            {OBS_STATE: np.array([n, -n / 10]), FRONT: np.full((3, 4, 4), n % 256, np.uint8)}
            for n in (i, i + 1)
        )
        buffer.add(now, [3.0 - i], 0.0, then, done=False, truncated=False)
    return buffer


def test_statistics_are_those_of_all_rows():
    stats = stats_of(filled())
    assert stats[OBS_STATE] == {"min": [0, -15], "max": [150, 0]}
    assert stats[ACTION] == {"min": [-146], "max": [3]}
    shown = np.array([*range(150), *range(1, 151)]) / 255
    assert stats[FRONT]["mean"] == pytest.approx([shown.mean()] * 3)
    assert stats[FRONT]["std"] == pytest.approx([shown.std()] * 3)


def test_a_policy_can_be_made_with_them():
    stats = stats_of(filled())
    features = {
        "input_features": {
            **FEATURES["input_features"],
            FRONT: PolicyFeature(FeatureType.VISUAL, (3, 4, 4)),
        }
    }
    config = policy_config_of("rlpd", **{**FEATURES, **features}, dataset_stats=stats)
    policy = GaussianActorPolicy(config)
    seen = Normalizer(config).observation({OBS_STATE: torch.tensor([150.0, -15.0])})
    assert seen[OBS_STATE].tolist() == [1, -1]
    assert policy.perceive.scalers[0].std.flatten().tolist() == pytest.approx(stats[FRONT]["std"])


def test_images_that_never_change_still_have_a_scale():
    buffer = ReplayBuffer(3, state_keys=[FRONT])
    dark = {FRONT: np.zeros((3, 4, 4), np.uint8)}
    buffer.add(dark, [0.0], 0.0, dark, done=False, truncated=False)
    assert stats_of(buffer)[FRONT] == {"mean": [0.0] * 3, "std": [1 / 255] * 3}


def test_what_is_not_finite_or_not_there_has_no_statistics():
    with pytest.raises(ValueError, match="empty: add transitions"):
        stats_of(ReplayBuffer(3, state_keys=["s"]))
    buffer = ReplayBuffer(3, state_keys=["s"])
    buffer.add({"s": [np.nan]}, [0.0], 0.0, {"s": [0.0]}, done=False, truncated=False)
    with pytest.raises(ValueError, match="s has numbers that are not finite"):
        stats_of(buffer)


@pytest.mark.parametrize("preset", presets())
def test_every_preset_gives_an_algorithm_and_a_policy(preset):
    whole = validate(read(preset))
    assert algorithm_config_of(preset) == whole.algorithm
    config = policy_config_of(preset, **FEATURES, hidden_dims=[16])
    assert config.hidden_dims == [16]
    assert config.std_max == whole.policy.std_max
    changed = algorithm_config_of(preset, actor_lr=0.5)
    assert (changed.actor_lr, changed.discount) == (0.5, whole.algorithm.discount)


def test_they_work_together():
    policy = GaussianActorPolicy(policy_config_of("sim_pick_lift", **FEATURES))
    algorithm = make_algorithm(algorithm_config_of("sim_pick_lift"), policy)
    assert len(algorithm.critic_ensemble.critics) == 4


def test_what_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"no preset or file 'ppo'.*rlpd"):
        algorithm_config_of("ppo")
    with pytest.raises(ValidationError, match="pace"):
        policy_config_of("rlpd", pace=3)
