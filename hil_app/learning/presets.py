"""The learning part of a preset or of a run's file, for programs of one's own."""

from __future__ import annotations

from typing import Any

from configs.learning.algorithm import RLAlgorithmConfig
from configs.learning.policy import GaussianActorConfig
from configs.load import read, validate


def algorithm_config_of(preset: str, **changes: Any) -> RLAlgorithmConfig:
    """The algorithm of a preset, such as "rlpd", or of a run's YAML file, with these changes.

    Raises:
        ConfigError: there is no such preset or file, whose names it has, or it is no config.
        ValidationError: a change is no field of the algorithm's, or out of its range.
    """
    config = validate(read(preset)).algorithm
    return type(config).model_validate({**config.model_dump(), **changes})


def policy_config_of(preset: str, **changes: Any) -> GaussianActorConfig:
    """The policy's networks of a preset, for the features and the statistics given as changes.

        config = policy_config_of(
            "rlpd",
            input_features={OBS_STATE: PolicyFeature(FeatureType.STATE, (7,))},
            output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
            dataset_stats=stats_of(buffer),
        )

    Raises as `algorithm_config_of` does.
    """
    config = validate(read(preset)).policy
    return GaussianActorConfig.model_validate({**config.model_dump(), **changes})
