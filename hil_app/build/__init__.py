"""The only place where configs become objects. The order of every pipeline is fixed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
import torch

from configs.env import EnvConfig
from configs.events import Tell, tell_nobody
from configs.load import ConfigError
from configs.names import ACTION, OBS_ENV_STATE, OBS_IMAGES, OBS_STATE
from configs.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.processor import ProcessorConfig
from configs.robot import ROBOTS, FollowerConfig
from configs.run import RunConfig
from configs.teleop import TELEOPS, LeaderConfig, TeleopConfig
from hil_app.build import devices
from hil_app.build.workspace import check_reachable
from hil_app.control.loop import Loop
from hil_app.control.policy import Policy
from hil_app.learning.algorithm import RLAlgorithm, make_algorithm
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.values import usable
from hil_app.learning.learner import Learner, Log
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.sac.q_values import judge_of
from hil_app.learning.store import ExperienceStore
from hil_app.learning.trainer import RLTrainer
from hil_app.rewards.classifier import load_classifier
from hil_app.support.events import EventLog
from processors import action, events, gripper_penalty, leader, observation
from processors.base import Command, Pipeline, Step, Transition
from processors.classifier import ClassifiedSuccess
from processors.observation import Observe
from processors.wrist import ROLL, Wrist
from robots.base import F32
from robots.kinematics import Kinematics
from robots.so100 import SO100Robot
from robots.twin.robot import SimRobot
from teleop.base import Acts, Teleop
from teleop.device import Device
from teleop.no_teleop import HandsOff
from teleop.window.client import Window

CAN_GRIP = 3  # close, stay, open


Body = SimRobot | SO100Robot


def robot(
    config: RunConfig, tell: Tell = tell_nobody, emergency: Callable[[], bool] = lambda: False
) -> Body:
    """The robot; ``tell`` hears what a person must know of it.

    ``emergency`` says whether that person presses for a stop while it goes to rest.
    """
    make = ROBOTS.factory(config.robot)
    made: Body = make(config.robot, fps=config.env.fps, tell=tell, emergency=emergency)
    return made


def kinematics_of(body: Body) -> Kinematics:
    """The kinematics of the body's arm."""
    assert body.spec.arm is not None
    return Kinematics(body.spec.arm)


def window(config: RunConfig, command: str) -> Window | None:
    """The operator's window, if the config asks for it or the person's keys need it."""
    title, wrist = f"hil-app {command}: {config.robot.type}", config.processor.wrist is not None
    manual = config.manual
    if manual is not None and manual.in_window:
        return devices.window_with_keys(manual, title, wrist=wrist)
    return Window(title, None) if config.window else None


def device(config: RunConfig, window: Window | None = None) -> Device | None:
    """What the person has in hand, if that is sticks, buttons or the keys of the ``window``."""
    manual = config.manual
    if manual is None:
        return None
    stop = manual.layout(wrist=config.processor.wrist is not None).get("stop")
    return devices.device(manual, window, stop[0].control if stop else None)


def teleop(
    config: RunConfig,
    body: Body,
    tell: Tell = tell_nobody,
    device: Device | None = None,
    *,
    acts: Acts,
    along: Callable[[], object] = lambda: None,
) -> Teleop:
    """The hands: nobody's where the config has no teleop; ``tell`` hears what a person must know.

    ``device`` is what the person has in hand; ``along`` is called at every poll of nobody's hands,
    for the leader that others have. Raises ConfigError if the hands cannot work on this body.
    """
    if config.teleop is None or (device is None and acts == "never"):
        return HandsOff(along)
    make = TELEOPS.factory(config.teleop)
    made: Teleop = make(
        config.teleop,
        robot=body,
        joints=body.joints_now,
        env=config.env,
        processor=config.processor,
        acts=acts,
        tell=tell,
        device=device,
        seed=seed_of(config, "demonstrator" if acts == "always" else "operator"),
    )
    return made


def loop(
    config: RunConfig,
    body: Body,
    hands: Teleop,
    mind: Policy,
    stop: Callable[[], bool],
    *,
    evaluating: bool = False,
) -> Loop:
    """The control loop around a body, hands and a policy; see :func:`env_steps`.

    Raises ConfigError if the body cannot work in the config's box.
    """
    kinematics, reset_pose = kinematics_of(body), _f32(config.robot.reset_pose)
    check_reachable(kinematics, body.spec.limits, reset_pose, config.processor.bounds)
    return Loop(
        body,
        hands,
        mind,
        Pipeline("action", action_steps(config.processor, kinematics, config.teleop)),
        Pipeline("env", env_steps(config, body, kinematics, evaluating=evaluating)),
        env=_env(config),
        reset_pose=reset_pose,
        locate=kinematics.tip,
        stop=stop,
    )


def _env(config: RunConfig) -> EnvConfig:
    """The config's, with a way to the reset pose that is no faster than the arm may be."""
    if not isinstance(config.robot, FollowerConfig):
        return config.env
    speed = min(config.env.reset_speed, config.robot.safety.max_speed)
    return config.env.model_copy(update={"reset_speed": speed})


def action_steps(
    config: ProcessorConfig, kinematics: Kinematics, hands: TeleopConfig | None = None
) -> dict[str, Step[Command]]:
    """From the policy's or the person's action to joint targets, in order.

    A leader among the ``hands`` has steps of its own.
    """
    step, grip, ik = _f32(config.step_size), config.gripper, config.inverse_kinematics
    low, high = _f32(config.bounds.min), _f32(config.bounds.max)
    jaw, wrist = leader.Jaw(grip.closed, grip.open, grip.max_step), _wrist(config, kinematics)
    joints = leader.JointFollowing(kinematics, step, low, high, ik.max_joint_step, jaw, wrist)
    first: dict[str, Step[Command]] = {}
    last: dict[str, Step[Command]] = {}
    if isinstance(hands, LeaderConfig) and hands.control == "end_effector":
        first["leader"] = leader.leader_tip(kinematics, step, jaw, wrist)
    elif isinstance(hands, LeaderConfig):
        first["leader"], last["leader's joints"] = joints.action, joints.target
    return {
        "intervention": action.intervention,
        **({"whole action": wrist.whole_action} if wrist else {}),
        "hand-over": action.hand_over(kinematics, step, wrist),
        **first,
        "end-effector target": action.end_effector_target(step),
        "workspace bounds": action.workspace_bounds(low, high, step),
        **({"wrist": wrist.target} if wrist else {}),
        "gripper": action.gripper(grip.closed, grip.open, grip.max_step),
        "inverse kinematics": action.inverse_kinematics(
            kinematics, ik.max_joint_step, ik.max_error, wrist
        ),
        **last,
    }


def _wrist(config: ProcessorConfig, kinematics: Kinematics) -> Wrist | None:
    """The wrist, where it is part of the action."""
    if config.wrist is None:
        return None
    turns = np.sort(kinematics.clockwise * kinematics.arm.limits[ROLL])
    low, high = np.array([config.wrist.pitch, turns], np.float32).T
    step = _f32((config.wrist.pitch_step, config.wrist.roll_step))
    return Wrist(kinematics, step, low, high, config.wrist.max_error)


def env_steps(
    config: RunConfig, body: Body, kinematics: Kinematics, *, evaluating: bool = False
) -> dict[str, Step[Transition]]:
    """From what the robot sensed to features, reward and the episode's end, in order.

    A classifier's word is what is learned from, even where the world knows better; ``evaluating``,
    the world judges, if it is a simulated one.
    """
    grip, images = config.processor.gripper, config.processor.images
    steps: dict[str, Step[Transition]] = dict(observations(config.processor, body, kinematics))
    if config.robot.cameras:
        steps["images"] = observation.images(images.crop, images.resize)
    if body.truth is not None and (evaluating or config.processor.success_classifier is None):
        steps["simulated success"] = events.simulated_success(body.truth)
    elif config.processor.success_classifier is not None:
        steps["success classifier"] = success_classifier(config, body)
    steps["operator events"] = events.operator_events
    steps["reward"] = events.sparse_reward(config.env.terminate_on_success)
    if grip.penalty is not None:
        steps["gripper penalty"] = gripper_penalty.gripper_penalty(
            grip.penalty, grip.closed, grip.open
        )
    if config.env.time_limit is not None:
        steps["time limit"] = events.time_limit(config.env.time_limit)
    return steps


def success_classifier(config: RunConfig, body: Body) -> ClassifiedSuccess:
    """The trained classifier that the config names, warmed up.

    Raises ConfigError if it looks at something else than this config shows, and ClassifierError if
    it cannot be read.
    """
    wanted = config.processor.success_classifier
    assert wanted is not None
    classifier = load_classifier(wanted.checkpoint)
    shown = policy_config(config, body).input_features | _pictures(config, body)
    for key, feature in classifier.config.input_features.items():
        if key not in shown or shown[key].shape != feature.shape:
            given = ", ".join(f"{name} {each.shape}" for name, each in shown.items())
            raise ConfigError(
                f"processor.success_classifier: {wanted.checkpoint} was trained on {key} "
                f"{feature.shape}; this config gives it {given}"
            )
    classifier.warm_up()
    threshold = wanted.threshold or classifier.config.threshold
    return ClassifiedSuccess(classifier.judge, threshold, wanted.ticks)


def observations(config: ProcessorConfig, body: Body, kinematics: Kinematics) -> dict[str, Observe]:
    """The parts of the observation that the config asks for, in order."""
    return dict(_observations(config, body.spec.limits, kinematics))


def _observations(
    config: ProcessorConfig, limits: F32, kinematics: Kinematics
) -> Iterator[tuple[str, Observe]]:
    wanted, locate, wrist = config.observation, kinematics.tip, _wrist(config, kinematics)
    low, high, step = _f32(config.bounds.min), _f32(config.bounds.max), _f32(config.step_size)
    jaw = _f32((config.gripper.closed, config.gripper.open))
    if wanted.joints == "all":
        yield "joints", observation.joint_positions(limits)
    elif wanted.joints == "gripper":
        yield "joints", observation.gripper_position(jaw)
    if wanted.joint_velocity:
        yield "joint velocity", observation.joint_velocity()
    if wanted.motor_current:
        yield "motor current", observation.motor_current()
    if wanted.end_effector:
        relative = wanted.end_effector == "relative"
        yield "end effector", observation.end_effector_pose(locate, low, high, relative)
        if wrist:
            yield "wrist", observation.wrist_pose(wrist)
    if wanted.target:
        yield "target", observation.target_offset(locate, step)
        if wrist:
            yield "wrist target", observation.wrist_offset(wrist)
        yield "gripper target", observation.gripper_target(jaw)
    if wanted.object:
        relative = wanted.object == "relative"
        yield "object", observation.object_position(locate, low, high, relative)


def policy_config(config: RunConfig, body: Body) -> GaussianActorConfig:
    """The policy's config with the features that the config's observation has, and their ranges."""
    parts = observations(config.processor, body, kinematics_of(body)).values()
    kinds = {OBS_STATE: FeatureType.STATE, OBS_ENV_STATE: FeatureType.ENV}
    features: dict[str, PolicyFeature] = {}
    stats: dict[str, dict[str, list[float]]] = {}
    ordered = sorted(parts, key=lambda part: part.key)
    for key, same in groupby(ordered, key=lambda part: part.key):
        found = list(same)
        features[key] = PolicyFeature(kinds[key], (sum(len(part.names) for part in found),))
        stats[key] = {
            "min": np.concatenate([part.low for part in found]).tolist(),
            "max": np.concatenate([part.high for part in found]).tolist(),
        }
    if config.processor.observation.images:
        features |= _pictures(config, body)
    moves = 3 if config.processor.wrist is None else 5
    return GaussianActorConfig(
        **config.policy.model_dump(),
        input_features=features,
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (moves,))},
        dataset_stats=stats,
        num_discrete_actions=CAN_GRIP,
    )


def _pictures(config: RunConfig, body: Body) -> dict[str, PolicyFeature]:
    """The pictures of all cameras, as they are after crop and resize."""
    found = {}
    for name, size in body.spec.cameras.items():
        size = config.processor.images.crop.get(name, (0, 0, *size))[2:]
        height, width = config.processor.images.resize or size
        shape = (3, height, width)
        found[f"{OBS_IMAGES}.{name}"] = PolicyFeature(FeatureType.VISUAL, shape)
    return found


def policy(config: RunConfig, body: Body, seed_name: str) -> GaussianActorPolicy:
    """An untrained policy that fits the config's observations; ``seed_name`` tells copies apart."""
    return GaussianActorPolicy(policy_config(config, body), seed=seed_of(config, seed_name))


def algorithm(config: RunConfig, actor: GaussianActorPolicy) -> RLAlgorithm:
    """The learning algorithm, ready to train ``actor``, which it moves to its device."""
    actor.to(_device(config.learner.device))
    built = make_algorithm(config.algorithm, actor, seed=seed_of(config, "algorithm"))
    built.make_optimizers_and_scheduler()
    return built


def learner(
    config: RunConfig, brain: RLAlgorithm, events: EventLog, log: Log | None = None
) -> Learner:
    """The learner thread with its buffers; ``log`` gets its figures now and then."""
    settings = config.learner
    online = _buffer(config, brain, settings.online_capacity, "online buffer")
    offline = _buffer(config, brain, settings.offline_capacity, "offline buffer")
    store = ExperienceStore(
        online,
        offline,
        n_steps=settings.n_steps,
        discount=config.algorithm.discount,
        keep=brain.policy.replay_state,
    )
    trainer = RLTrainer(
        algorithm=brain,
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
        None if config.ask_for_help is None else judge_of(trainer),
    )


def _device(name: str) -> torch.device:
    """ConfigError unless there is such a device."""
    try:
        return usable(name)
    except ValueError as error:
        raise ConfigError(f"learner.device: {error}") from error


def _buffer(config: RunConfig, brain: RLAlgorithm, capacity: int, name: str) -> ReplayBuffer:
    shift = config.learner.random_shift
    return ReplayBuffer(
        capacity,
        brain.policy.device,
        brain.policy.replay_keys,
        use_drq=shift is not None,
        image_pad=shift or 0,
        seed=seed_of(config, name),
    )


def seed_of(config: RunConfig, name: str, index: int = 0) -> int:
    """A seed of its own for each random source of a run."""
    words = [config.seed, index, *name.encode()]
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def _f32(values: Sequence[float]) -> F32:
    return np.array(values, np.float32)
