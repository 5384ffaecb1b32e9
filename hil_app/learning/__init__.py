"""Learning: the algorithm contract, SAC, the policy, replay, mixing and training."""

from configs.algorithm import RLAlgorithmConfig, SACAlgorithmConfig
from configs.names import (
    ACTION,
    COMPLEMENTARY_INFO,
    DISCOUNT,
    DISCRETE_PENALTY,
    DONE,
    IS_INTERVENTION,
    OBS_ENV_STATE,
    OBS_IMAGE,
    OBS_IMAGES,
    OBS_STATE,
    REWARD,
    TRUNCATED,
)
from configs.policy import CriticNetworkConfig, FeatureType, GaussianActorConfig, PolicyFeature
from hil_app.learning.algorithm import RLAlgorithm, TrainingStats, make_algorithm
from hil_app.learning.buffer.batch import Batch, DataMixer
from hil_app.learning.buffer.mixer import OnlineOfflineMixer
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.returns import NStepReturns
from hil_app.learning.buffer.statistics import stats_of
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.normalize import Normalizer
from hil_app.learning.networks.weights import Weights
from hil_app.learning.presets import algorithm_config_of, policy_config_of
from hil_app.learning.sac.sac import SACAlgorithm
from hil_app.learning.trainer import RLTrainer

__all__ = [
    "ACTION",
    "COMPLEMENTARY_INFO",
    "DISCOUNT",
    "DISCRETE_PENALTY",
    "DONE",
    "IS_INTERVENTION",
    "OBS_ENV_STATE",
    "OBS_IMAGE",
    "OBS_IMAGES",
    "OBS_STATE",
    "REWARD",
    "TRUNCATED",
    "Batch",
    "CriticNetworkConfig",
    "DataMixer",
    "FeatureType",
    "GaussianActorConfig",
    "GaussianActorPolicy",
    "NStepReturns",
    "Normalizer",
    "OnlineOfflineMixer",
    "PolicyFeature",
    "RLAlgorithm",
    "RLAlgorithmConfig",
    "RLTrainer",
    "ReplayBuffer",
    "SACAlgorithm",
    "SACAlgorithmConfig",
    "TrainingStats",
    "Weights",
    "algorithm_config_of",
    "make_algorithm",
    "policy_config_of",
    "stats_of",
]
