"""The learning library without a robot: a buffer, a trainer, one update."""

from hil_app.learning import (
    FeatureType,
    GaussianActorConfig,
    GaussianActorPolicy,
    OnlineOfflineMixer,
    PolicyFeature,
    ReplayBuffer,
    RLTrainer,
    SACAlgorithmConfig,
    make_algorithm,
)

config = GaussianActorConfig(
    input_features={"observation.state": PolicyFeature(FeatureType.STATE, (18,))},
    output_features={"action": PolicyFeature(FeatureType.ACTION, (3,))},
    num_discrete_actions=3,
)
algorithm = make_algorithm(SACAlgorithmConfig(utd_ratio=2), GaussianActorPolicy(config))
algorithm.make_optimizers_and_scheduler()
online = ReplayBuffer(100_000, state_keys=["observation.state"])
trainer = RLTrainer(algorithm=algorithm, data_mixer=OnlineOfflineMixer(online), batch_size=256)
online.add(
    {"observation.state": [0.0] * 18},
    [0.1, 0.0, -0.2, 1.0],
    0.0,
    {"observation.state": [0.1] * 18},
    done=False,
    truncated=False,
)
print(trainer.training_step().to_log_dict())
