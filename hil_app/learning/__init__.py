"""Learning: the algorithm contract, SAC, the policy, replay, mixing and training."""

from configs.learning.algorithm import RLAlgorithmConfig, SACAlgorithmConfig
from configs.learning.networks import ActorNetworkConfig, CriticNetworkConfig
from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyConfig, PolicyFeature
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
from hil_app.learning.algorithm import (
    RLAlgorithm,
    TrainingStats,
    make_algorithm,
    make_algorithm_config,
)
from hil_app.learning.buffer.batch import Batch, DataMixer
from hil_app.learning.buffer.mixer import OnlineOfflineMixer, concatenate
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.returns import NStepReturns
from hil_app.learning.buffer.statistics import stats_of
from hil_app.learning.experience import Experience
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.mlp import MLP
from hil_app.learning.networks.normalize import Normalizer
from hil_app.learning.networks.weights import Weights
from hil_app.learning.presets import algorithm_config_of, policy_config_of
from hil_app.learning.sac.sac import SACAlgorithm
from hil_app.learning.store import ExperienceStore
from hil_app.learning.trainer import RLTrainer

# their published names
BatchTransition = Batch
concatenate_batch_transitions = concatenate

__all__ = [
    "ACTION",
    "COMPLEMENTARY_INFO",
    "DISCOUNT",
    "DISCRETE_PENALTY",
    "DONE",
    "IS_INTERVENTION",
    "MLP",
    "OBS_ENV_STATE",
    "OBS_IMAGE",
    "OBS_IMAGES",
    "OBS_STATE",
    "REWARD",
    "TRUNCATED",
    "ActorNetworkConfig",
    "Batch",
    "BatchTransition",
    "CriticNetworkConfig",
    "DataMixer",
    "Experience",
    "ExperienceStore",
    "FeatureType",
    "GaussianActorConfig",
    "GaussianActorPolicy",
    "NStepReturns",
    "Normalizer",
    "OnlineOfflineMixer",
    "PolicyConfig",
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
    "concatenate_batch_transitions",
    "make_algorithm",
    "make_algorithm_config",
    "policy_config_of",
    "stats_of",
]
