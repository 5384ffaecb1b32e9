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
from hil_app.learning.actor import GaussianActorPolicy
from hil_app.learning.algorithm import RLAlgorithm, TrainingStats, make_algorithm
from hil_app.learning.batch import Batch, DataMixer
from hil_app.learning.mixer import OnlineOfflineMixer
from hil_app.learning.normalize import Normalizer
from hil_app.learning.presets import algorithm_config_of, policy_config_of
from hil_app.learning.replay import ReplayBuffer
from hil_app.learning.returns import NStepReturns
from hil_app.learning.sac import SACAlgorithm
from hil_app.learning.statistics import stats_of
from hil_app.learning.trainer import RLTrainer
from hil_app.learning.weights import Weights

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
