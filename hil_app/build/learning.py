"""What learns in a run: the policy, the algorithm, and the learner with its buffers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from configs.base import ConfigError
from configs.learning.learner import LearnerConfig
from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.names import ACTION
from configs.run import RunConfig
from hil_app.build.actions import Actions
from hil_app.build.observations import KINDS, by_key
from hil_app.build.seeds import seed_of
from hil_app.learning.algorithm import RLAlgorithm
from hil_app.learning.algorithm import make_algorithm as algorithm_of
from hil_app.learning.buffer.credit import TakeOverPenalty
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.values import usable
from hil_app.learning.elsewhere.process import LearnerProcess
from hil_app.learning.elsewhere.remote import RemoteLearner
from hil_app.learning.elsewhere.surface import AnyLearner
from hil_app.learning.learner import Learner, Log
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.sac.q_values import q_values_of
from hil_app.learning.shared.store import SharedStore
from hil_app.learning.store import AnyStore, ExperienceStore
from hil_app.learning.trainer import RLTrainer
from hil_app.support.events import EventLog
from hil_app.support.extras import check_installed
from processors.observation import Observe

_PROCESS = "hil_app.remote.learner_process"
BRIDGE = "hil_app.remote.bridge"
_LEARNERS = {"algorithm", "learner", "train", "ask_for_help", "seed"}  # all that one looks at


def policy_config(
    config: RunConfig,
    parts: Mapping[str, Observe],
    images: Mapping[str, PolicyFeature],
    actions: Actions,
) -> GaussianActorConfig:
    """The policy's config with the features of these ``parts`` and ``images``, and their ranges."""
    features: dict[str, PolicyFeature] = {}
    stats: dict[str, dict[str, list[float]]] = {}
    for key, found in by_key(parts).items():
        features[key] = PolicyFeature(KINDS[key], (sum(len(part.names) for part in found),))
        stats[key] = {
            "min": np.concatenate([part.low for part in found]).tolist(),
            "max": np.concatenate([part.high for part in found]).tolist(),
        }
    if config.processor.observation.images:
        features |= images
    if actions.limits is not None:
        low, high = actions.limits.T.tolist()
        stats[ACTION] = {"min": low, "max": high}
    moves = len(actions.names) - (actions.choices is not None)
    return GaussianActorConfig(
        **config.policy.model_dump(),
        input_features=features,
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (moves,))},
        dataset_stats=stats,
        num_discrete_actions=actions.choices,
    )


def initial_policy(config: RunConfig, features: GaussianActorConfig) -> GaussianActorPolicy:
    """The policy that a training begins with, the same wherever it is made."""
    return make_policy(config, features, "initial weights")


def make_policy(
    config: RunConfig, features: GaussianActorConfig, seed_name: str
) -> GaussianActorPolicy:
    """An untrained policy of these ``features``; ``seed_name`` tells copies apart."""
    return GaussianActorPolicy(features, seed=seed_of(config, seed_name))


def make_algorithm(config: RunConfig, actor: GaussianActorPolicy) -> RLAlgorithm:
    """The learning algorithm, ready to train ``actor``, which it moves to its device."""
    actor.to(_device(config.learner.device))
    built = algorithm_of(config.algorithm, actor, seed=seed_of(config, "algorithm"))
    built.make_optimizers_and_scheduler()
    return built


def make_learner(
    config: RunConfig,
    actor: GaussianActorPolicy,
    events: EventLog,
    log: Log | None = None,
    home: Path | None = None,
) -> AnyLearner:
    """What trains ``actor``, where the config says; ``log`` gets its figures now and then.

    What a learner on another machine has not acknowledged is kept in the run's ``home``.
    """
    if config.learner.where == "thread":
        return thread_learner(config, make_algorithm(config, actor), events, log)
    setup = {
        "config": config.model_dump(mode="json", include=_LEARNERS),
        "policy": actor.config.model_dump(mode="json"),
    }
    if config.learner.where == "ray":
        check_installed("ray", "learner.where: ray")
        return RemoteLearner(BRIDGE, setup, actor, config.learner, events, log, home)
    _device(config.learner.device)
    return LearnerProcess(_PROCESS, setup, actor, config.learner, events, log)


def thread_learner(
    config: RunConfig, algorithm: RLAlgorithm, events: EventLog, log: Log | None = None
) -> Learner:
    """The learner thread with its buffers; ``log`` gets its figures now and then."""
    store: AnyStore = _rows(config, algorithm, *_buffers(config, algorithm, None))
    return _learner(config, algorithm, store, events, log)


def shared_learner(
    config: RunConfig, algorithm: RLAlgorithm, events: EventLog, log: Log | None = None
) -> tuple[Learner, SharedStore]:
    """The same for several robots, and what they have come to."""
    store = SharedStore(
        partial(_buffers, config, algorithm),
        partial(_rows, config, algorithm),
        config.learner.learning_starts,
    )
    return _learner(config, algorithm, store, events, log), store


def _learner(
    config: RunConfig,
    algorithm: RLAlgorithm,
    store: AnyStore,
    events: EventLog,
    log: Log | None,
) -> Learner:
    settings = config.learner
    trainer = RLTrainer(
        algorithm=algorithm,
        data_mixer=store.mixer(settings.online_ratio),
        batch_size=settings.batch_size,
        async_prefetch=settings.prefetch is not None,
        queue_size=settings.prefetch or 1,
    )
    return Learner(
        trainer,
        store,
        settings,
        events,
        log,
        config.train.log_every,
        None if config.ask_for_help is None else q_values_of(trainer),
    )


def _rows(
    config: RunConfig, algorithm: RLAlgorithm, online: ReplayBuffer, offline: ReplayBuffer
) -> ExperienceStore:
    """What fills these buffers."""
    return ExperienceStore(
        online,
        offline,
        n_steps=config.learner.n_steps,
        discount=config.algorithm.discount,
        keep=algorithm.policy.replay_state,
        failures=config.train.count_demonstrations == "all",
        take_over=_take_over(config.learner),
    )


def _buffers(
    config: RunConfig, algorithm: RLAlgorithm, robot: str | None
) -> tuple[ReplayBuffer, ReplayBuffer]:
    """The online and the offline buffer of a robot, or of the only one."""
    whose = "" if robot is None else f" of {robot}"
    settings = config.learner
    return (
        _buffer(config, algorithm, settings.online_capacity, f"online buffer{whose}"),
        _buffer(config, algorithm, settings.offline_capacity, f"offline buffer{whose}"),
    )


def _take_over(settings: LearnerConfig) -> TakeOverPenalty | None:
    penalty, ticks = settings.takeover_penalty, settings.takeover_ticks
    return TakeOverPenalty(penalty, ticks) if penalty else None


def _device(name: str) -> torch.device:
    """ConfigError unless there is such a device."""
    try:
        return usable(name)
    except ValueError as error:
        raise ConfigError(f"learner.device: {error}") from error


def scaled(shift: int, policy: GaussianActorConfig, key: str) -> int:
    """A move by ``shift`` [px] of the image at ``key``, in pixels of what the policy sees of it."""
    large, small = policy.input_features[key].shape, policy.seen_shapes[key]
    share = min(after / before for before, after in zip(large[1:], small[1:], strict=True))
    return max(round(shift * share), 1) if shift else 0


def _buffer(config: RunConfig, algorithm: RLAlgorithm, capacity: int, name: str) -> ReplayBuffer:
    shift, policy = config.learner.random_shift, algorithm.policy.config
    return ReplayBuffer(
        capacity,
        algorithm.policy.device,
        algorithm.policy.replay_keys,
        use_drq=shift is not None,
        image_pad={key: scaled(shift or 0, policy, key) for key in policy.image_keys},
        photometric=config.learner.photometric,
        seed=seed_of(config, name),
    )
