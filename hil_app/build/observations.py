"""What the policy sees of a robot, and how a tick is rewarded; both orders are fixed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from configs.base import ConfigError
from configs.learning.policy import FeatureType, PolicyFeature
from configs.names import OBS_ENV_STATE, OBS_IMAGES, OBS_STATE
from configs.processor import ImageConfig, ProcessorConfig
from configs.run import RunConfig
from hil_app.build.actions import wrist_of
from processors import events, gripper_penalty, observation
from processors.base import Step, Transition
from processors.classifier import ClassifiedSuccess
from processors.observation import Observe
from robots.base import F32, RobotSpec, Sense, TruthSource
from robots.kinematics import Kinematics

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.rewards.classifier import SuccessClassifier

KINDS = {OBS_STATE: FeatureType.STATE, OBS_ENV_STATE: FeatureType.ENV}


def observations(
    config: ProcessorConfig, spec: RobotSpec, kinematics: Kinematics | None
) -> dict[str, Observe]:
    """The parts of the observation that the config asks for, in order.

    Raises ConfigError for one that the robot does not sense.
    """
    parts = dict(_measured(config, spec))
    if kinematics is not None:
        return parts | dict(_in_space(config, spec, kinematics))
    if config.observation.object and spec.environment:
        parts["environment"] = observation.environment(spec)
    _check_seen(config, spec, parts)
    return parts


def _check_seen(config: ProcessorConfig, spec: RobotSpec, parts: Mapping[str, Observe]) -> None:
    """Raise ConfigError if there is nothing in what the policy is to see."""
    if not parts and not (config.observation.images and spec.cameras):
        raise ConfigError(
            "processor.observation: the policy would see nothing of this robot: turn on joints, "
            "or images where it has cameras"
        )


def _measured(config: ProcessorConfig, spec: RobotSpec) -> Iterator[tuple[str, Observe]]:
    wanted = config.observation
    if wanted.joints == "all":
        yield "joints", observation.joint_positions(spec)
    elif wanted.joints == "gripper":
        if spec.gripper is None:
            raise ConfigError(
                "processor.observation.joints: this robot has no gripper: set all, or null"
            )
        ends = _gripper(config) if spec.arm is not None else _f32(spec.gripper_ends)
        yield "joints", observation.gripper_position(spec, ends)
    if wanted.joint_velocity:
        _check_sensed(spec, "velocities", "joint_velocity")
        yield "joint velocity", observation.joint_velocity(spec)
    if wanted.motor_current:
        _check_sensed(spec, "currents", "motor_current")
        yield "motor current", observation.motor_current(spec)


def _check_sensed(spec: RobotSpec, sense: Sense, option: str) -> None:
    if sense not in spec.senses:
        known = ", ".join(sorted(spec.senses)) or "none"
        raise ConfigError(
            f"processor.observation.{option}: this robot does not sense its {sense} (beside its "
            f"joints it senses: {known}): turn it off"
        )


def _in_space(
    config: ProcessorConfig, spec: RobotSpec, kinematics: Kinematics
) -> Iterator[tuple[str, Observe]]:
    wanted, locate, wrist = config.observation, kinematics.tip, wrist_of(config, kinematics)
    low, high, step = _f32(config.bounds.min), _f32(config.bounds.max), _f32(config.step_size)
    if wanted.end_effector:
        relative = wanted.end_effector == "relative"
        yield "end effector", observation.end_effector_pose(locate, low, high, relative)
        if wrist:
            yield "wrist", observation.wrist_pose(wrist)
    if wanted.target:
        yield "target", observation.target_offset(locate, step)
        if wrist:
            yield "wrist target", observation.wrist_offset(wrist)
        yield "gripper target", observation.gripper_target(spec, _gripper(config))
    if wanted.object:
        if not spec.environment:
            raise ConfigError(
                "processor.observation.object: this robot senses no objects: set null"
            )
        relative = wanted.object == "relative"
        yield "object", observation.object_positions(spec, locate, low, high, relative)


def by_key(parts: Mapping[str, Observe]) -> dict[str, list[Observe]]:
    """The parts of each feature, in order."""
    ordered = sorted(parts.values(), key=lambda part: part.key)
    return {key: list(same) for key, same in groupby(ordered, key=lambda part: part.key)}


def image_features(config: ImageConfig, spec: RobotSpec) -> dict[str, PolicyFeature]:
    """The images of all cameras, as they are after crop and resize.

    Raises ConfigError for a crop of a camera that is not there.
    """
    if unknown := config.crop.keys() - spec.cameras.keys():
        known = ", ".join(spec.cameras) or "none"
        name = min(unknown)
        raise ConfigError(f"processor.images.crop.{name}: no such camera; cameras: {known}")
    found, regions = {}, config.regions(spec.cameras)
    for name, size in spec.cameras.items():
        seen = regions.get(name, (0, 0, *size))[2:]
        height, width = config.resize or seen
        found[f"{OBS_IMAGES}.{name}"] = PolicyFeature(FeatureType.VISUAL, (3, height, width))
    return found


def env_steps(
    config: RunConfig,
    spec: RobotSpec,
    parts: Mapping[str, Observe],
    truth: TruthSource | None,
    classified: ClassifiedSuccess | None,
    reward: Step[Transition],
    end: TruthSource | None = None,
) -> dict[str, Step[Transition]]:
    """From what the robot sensed to features, reward and the episode's end, in order.

    ``parts`` are those of the observation. Success is what a simulated world says, or what is
    ``classified``, and without either what the operator says. A world may have an ``end`` of its
    own.
    """
    grip, images = config.processor.gripper, config.processor.images
    steps: dict[str, Step[Transition]] = dict(parts)
    if spec.cameras:
        steps["images"] = observation.images(images.regions(spec.cameras), images.resize)
    if truth is not None:
        steps["simulated success"] = events.simulated_success(truth)
    if classified is not None:
        steps["success classifier"] = classified
    if end is not None:
        steps["end of the world's episode"] = events.end_of_world(end)
    steps["operator events"] = events.operator_events
    steps["reward"] = reward
    if grip.penalty is not None and spec.gripper is not None:
        ends = (grip.closed, grip.open) if spec.arm is not None else spec.gripper_ends
        steps["gripper penalty"] = gripper_penalty.gripper_penalty(
            spec.gripper, grip.penalty, *ends
        )
    if config.env.time_limit is not None:
        steps["time limit"] = events.time_limit(config.env.time_limit)
    return steps


def success_classifier(
    config: RunConfig, shown: Mapping[str, PolicyFeature]
) -> SuccessClassifier | None:
    """The trained classifier that the config names, warmed up; it is ``shown`` these features.

    Raises ConfigError if it looks at something else, and ClassifierError if it cannot be read.
    """
    wanted = config.processor.success_classifier
    if wanted is None:
        return None
    import torch

    from hil_app.rewards.classifier import load_classifier

    torch.set_num_threads(1)  # two would fight each other and the loop for the cores
    classifier = load_classifier(wanted.checkpoint)
    for key, feature in classifier.config.input_features.items():
        if key not in shown or shown[key].shape != feature.shape:
            given = ", ".join(f"{name} {each.shape}" for name, each in shown.items())
            raise ConfigError(
                f"processor.success_classifier: {wanted.checkpoint} was trained on {key} "
                f"{feature.shape}; this config gives it {given}"
            )
    classifier.warm_up()
    return classifier


def _gripper(config: ProcessorConfig) -> F32:
    """The ends (2,) of the gripper's way [%]."""
    return _f32((config.gripper.closed, config.gripper.open))


def _f32(values: Sequence[float]) -> F32:
    return np.array(values, np.float32)
