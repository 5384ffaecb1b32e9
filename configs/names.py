"""The names that observations, actions and outcomes have in batches and datasets."""

from __future__ import annotations

ACTION = "action"
OBS_STATE = "observation.state"
OBS_ENV_STATE = "observation.environment_state"
OBS_IMAGE = "observation.image"
OBS_IMAGES = "observation.images"
REWARD = "next.reward"
DONE = "next.done"
TRUNCATED = "next.truncated"

COMPLEMENTARY_INFO = "complementary_info"
DISCRETE_PENALTY = "discrete_penalty"
IS_INTERVENTION = "is_intervention"
DISCOUNT = "discount"
