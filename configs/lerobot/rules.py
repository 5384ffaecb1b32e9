"""Where each key of lerobot's gym_manipulator config goes in ours, and what changes on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from configs.base import ConfigError
from configs.lerobot.forms import Keys, is_simulated
from configs.names import OBS_IMAGES
from configs.robot import ROBOTS
from configs.teleop import TELEOPS
from configs.text.reading import shown

ARMS = ("so100_follower", "so101_follower")
CROPS = ("processor", "images", "crop")  # our place of the crops, by camera
ENDS = ("min", "max")
_RENAMED_MODES = {"gamepad": "gamepad", "keyboard": "keyboard", "keyboard_ee": "keyboard"}
AS_HERE: Keys = ()  # where a value goes that asks for what is always so here


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Rule:
    """What becomes of one value of theirs."""

    ours: Keys | None = None  # place of our field; None if there is no counterpart
    note: str = "no counterpart"  # what changes on the way, or why there is no counterpart
    convert: Callable[[Any], Any] = _same  # raises ValueError, TypeError or KeyError
    null_asks: str = ""  # what null means there, if it asks for anything
    as_here: tuple[Any, ...] = ()  # values that ask for nothing else than is always so here


Rules = dict[Keys, Rule]  # what has no counterpart has none with all that is below it


def _to(ours: str, note: str = "", convert: Callable[[Any], Any] = _same) -> Rule:
    return Rule(tuple(ours.split(".")), note, convert)


def _none(note: str, *as_here: Any) -> Rule:
    return Rule(None, note, as_here=as_here)


def rules_for(theirs: Mapping[str, Any]) -> Rules:
    """The rules for this config. Raises ConfigError for an arm that is not known here."""
    env = _block(theirs, "env")
    rules = {tuple(key.split(".")): rule for key, rule in _RULES.items()}
    rules |= _policy(theirs) | _crops(env)
    if is_simulated(env):
        return rules | _simulated()
    robot = _block(env, "robot")
    rules |= _arm(robot) | _cameras(_block(robot, "cameras"))
    return rules | _teleop(_block(env, "teleop"))


def rule_at(rules: Rules, keys: Keys) -> Rule:
    """The rule for a value: its own, else that of the nearest block above it."""
    if (rule := rules.get(keys)) is not None:
        return rule
    above = (rules.get(keys[:length]) for length in range(len(keys) - 1, 0, -1))
    return next((rule for rule in above if rule is not None and rule.ours is None), Rule())


def _block(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


_UNSAID = (
    "THE FILE HAS NO use_degrees: it is taken for degrees, yet older versions of lerobot then "
    "count from -100 to 100: check it before the arm moves"
)


def _arm(robot: Mapping[str, Any]) -> Rules:
    """Rules for the arm. Raises ConfigError if it is none of ours."""
    kind = str(robot.get("type"))
    name = kind.removesuffix("_end_effector")  # as it once was
    name += "_follower" if name in ("so100", "so101") else ""
    if not robot.get("type"):
        raise ConfigError(
            f"env.robot.type: the file names no arm; arms that can be imported: {', '.join(ARMS)}"
        )
    if "follower_arms" in robot:
        raise ConfigError(
            f"env.robot.type: got {shown(repr(kind), 60)} with follower_arms, as control_robot of "
            "lerobot 0.1 had it: start from the preset so100_pick_lift with the follower's port "
            "and cameras; its calibration is of another kind, too"
        )
    if name not in ARMS:
        raise ConfigError(
            f"env.robot.type: got {shown(repr(robot.get('type')), 60)}; arms that can be imported: "
            f"{', '.join(ARMS)}"
        )
    above: Keys = ("env", "robot")
    plain = "port", "id", "calibration_dir", "disable_torque_on_disconnect"
    rules: Rules = {(*above, key): _to(f"robot.{key}") for key in plain}
    rules[*above, "type"] = _to("robot.type", convert=lambda _: ROBOTS.spelled(name))
    rules[*above, "max_relative_target"] = _to("robot.max_relative_target")
    note = "the smallest is for all joints here"
    for joint in _block(robot, "max_relative_target"):
        place = "max_relative_target", joint
        rules[*above, *place] = Rule(("robot", *place), note, float)
    if kind.endswith("_end_effector"):  # whose joints always were in degrees
        rules[*above, "use_degrees"] = _none("", True, False)
    else:
        rules[*above, "use_degrees"] = _none("JOINTS ARE IN DEGREES HERE: convert the poses", True)
        pose = ("env", "processor", "reset", "fixed_reset_joint_positions")
        if robot.get("use_degrees") is None:
            rules[pose] = _to("robot.reset_pose", _UNSAID)
        elif robot["use_degrees"] is not True:
            rules[pose] = _none("its joints are from -100 to 100, not in degrees: convert it")
    if name.startswith("so100"):
        note = "of a frame with x forward, y left, z up here: check with `hil-app find-limits`"
        box = ("env", "processor", "inverse_kinematics", "end_effector_bounds")
        for end in ENDS:
            rules[*box, end] = _to(f"processor.bounds.{end}", note)
    return rules


_TURNS = {"NO_ROTATION": 0, "ROTATE_90": 90, "ROTATE_180": 180, "ROTATE_270": 270}


def _turn(value: Any) -> int:
    return _TURNS[value] if isinstance(value, str) else int(value) % 360


def _cameras(cameras: Mapping[str, Any]) -> Rules:
    """Rules for the cameras, each by its name."""
    rules: Rules = {}
    for name, camera in cameras.items():
        above, ours = ("env", "robot", "cameras", name), ("robot", "cameras", name)
        if not isinstance(camera, Mapping) or camera.get("type", "opencv") != "opencv":
            rules[above] = _none("only opencv cameras; it is left out")
            continue
        for key in ("type", "index_or_path", "fps", "fourcc"):
            rules[*above, key] = Rule((*ours, key), "")
        for key in ("camera_index", "index"):  # as it was called in 0.1, and is in forks
            rules[*above, key] = Rule((*ours, "index_or_path"), "")
        rules[*above, "rotation"] = Rule((*ours, "rotation"), "", _turn)
        swapped = _swapped(camera)
        note = "width and height are those before the turn: swapped" if swapped else ""
        rules[*above, "width"] = Rule((*ours, "height" if swapped else "width"), note)
        rules[*above, "height"] = Rule((*ours, "width" if swapped else "height"), note)
        for key in ("width", "height", "fps"):
            if camera.get(key, 0) is None:
                rules[*above, key] = _none(
                    "the camera's own there; here it is asked for our default"
                )
        rules[*above, "color_mode"] = _none("images are RGB here", "rgb", "RGB")
        rules[*above, "warmup_s"] = _none("the run starts with the first image of each camera")
        rules[*above, "backend"] = _none("chosen by the system", 0, "ANY")
    return rules


def _swapped(camera: Mapping[str, Any]) -> bool:
    try:
        return _turn(camera.get("rotation", 0)) in (90, 270)
    except (KeyError, TypeError, ValueError):
        return False


def _crops(env: Mapping[str, Any]) -> Rules:
    """Rules for the crops, each by its image's key."""
    images = _block(_block(env, "processor"), "image_preprocessing")
    place = ("env", "processor", "image_preprocessing", "crop_params_dict")
    keys = _block(images, "crop_params_dict")
    return {(*place, key): Rule((*CROPS, key.removeprefix(f"{OBS_IMAGES}.")), "") for key in keys}


_RENAMED = {"keyboard_ee": "keyboard"}  # their teleoperators that have another name here


def _teleop(teleop: Mapping[str, Any]) -> Rules:
    """Rules for who takes over: nobody, where this version has no such teleoperator."""
    kinds = {entry.name: entry.config for entry in TELEOPS}
    above, kind = ("env", "teleop"), teleop.get("type")
    model = kinds.get(_RENAMED.get(kind, kind)) if isinstance(kind, str) else None
    if model is None:
        return {above: _none(f"no {kind} in this version: nobody takes over, and nobody shows how")}
    rules: Rules = {(*above, key): _to(f"teleop.{key}") for key in model.model_fields}
    rules[*above, "type"] = _to("teleop.type", "", lambda name: _RENAMED.get(name, name))
    mode = kind if isinstance(kind, str) and "leader" not in kind else "leader"
    rules["env", "processor", "control_mode"] = _none("who takes over is under teleop", mode)
    rules[*above, "use_gripper"] = _none("the gripper is always there", True)
    rules[*above, "use_degrees"] = _none("joints are in degrees here, always", True)
    note = "they are demonstrated at the start of a run, not recorded beforehand"
    rules["dataset", "num_episodes_to_record"] = _to("train.demonstrations", note)
    rules["dataset", "num_episodes"] = rules["dataset", "num_episodes_to_record"]
    return rules


def _panda(task: Any) -> str:
    """The id of gym_hil's environment that has neither a viewer nor an operator of its own."""
    found = re.fullmatch(r"(Panda\w+?)(?:Base|Viewer|Gamepad|Keyboard)?-(v\d+)", str(task))
    if found is None:
        raise ValueError(f"{task} is none of gym_hil's")
    return "gym_hil/{}-{}".format(*found.groups())


def _simulated() -> Rules:
    """Rules for a config of gym_hil, whose environment is the robot."""
    processor = ("env", "processor")
    observed = _none("gym_hil observes the arm's position and speed, always", True, False)
    own = _none("the Panda is controlled by gym_hil")
    demonstrated = "they are demonstrated at the start of a run, not recorded beforehand"
    hand = "the operator's device is hil-app's, not gym_hil's"
    return {
        ("env", "name"): _to("robot.type", "it needs the package gym-hil", lambda _: "gymnasium"),
        ("env", "task"): _to("robot.env_id", hand, _panda),
        (*processor, "control_mode"): _to("teleop.type", hand, _RENAMED_MODES.__getitem__),
        **{
            (*processor, "observation", f"add_{what}_to_observation"): observed
            for what in ("joint_velocity", "current", "ee_pose")
        },
        (*processor, "max_gripper_pos"): own,
        (*processor, "reset", "fixed_reset_joint_positions"): own,
        (*processor, "inverse_kinematics"): own,
        (*processor, "inverse_kinematics", "end_effector_bounds"): own,
        **{(*processor, "inverse_kinematics", "end_effector_bounds", end): own for end in ENDS},
        **{
            (*processor, "inverse_kinematics", "end_effector_step_sizes", axis): _none(
                "gym_hil's steps are 2.5 cm", 0.025
            )
            for axis in "xyz"
        },
        ("dataset", "num_episodes_to_record"): _to("train.demonstrations", demonstrated),
        ("dataset", "num_episodes"): _to("train.demonstrations", demonstrated),
    }


def _policy(theirs: Mapping[str, Any]) -> Rules:
    """Rules for what depends on other values beside it."""
    policy = _block(theirs, "policy")
    rules: Rules = {}
    if policy.get("device") is not None:
        rules["device",] = _none("the learner computes on policy.device")
    if policy.get("vision_encoder_name") is None:
        name = "policy.vision_encoder_name"
        rules["policy", "vision_encoder_name"] = _to(name, convert=lambda _: "cnn")
    return rules


_DATASET = (
    "demonstrations that are there already are named by their folder in learner.datasets; a "
    "training keeps its own in its run's folder, `hil-app record` in --dataset.root"
)
_ELSEWHERE = "the learner is a thread of the same program"
_MEASURED = "comes from the robot, its cameras and the config"
_SAC = (
    *("actor_lr", "critic_lr", "temperature_lr", "discount", "use_backup_entropy", "utd_ratio"),
    *("critic_target_update_weight", "num_critics", "num_subsample_critics", "temperature_init"),
    *("target_entropy", "policy_update_freq", "grad_clip_norm"),
)
_ACTOR = (
    *("latent_dim", "shared_encoder", "freeze_vision_encoder", "image_encoder_hidden_dim"),
    "image_embedding_pooling_dim",
)
_SPREAD = ("std_min", "std_max", "init_final")


def _critics(theirs: str, ours: str) -> dict[str, Rule]:
    """The rules for the network of a kind of critics."""
    return {
        f"{theirs}.hidden_dims": _to(f"{ours}.hidden_dims"),
        f"{theirs}.activate_final": _to(f"{ours}.activate_final"),
        f"{theirs}.final_activation": _to(f"{ours}.final_activation"),
    }


_RULES: dict[str, Rule] = {
    "device": _to("learner.device"),
    "mode": _none("`hil-app train` demonstrates and learns in one run"),
    "env.type": _none("the kind of file", "gym_manipulator", "hil"),
    "env.name": _none("a real robot", "real_robot"),
    "env.task": _none("the label of what is recorded is dataset.task"),
    "env.fps": _to("env.fps"),
    "env.features": _none(_MEASURED),
    "env.features_map": _none(_MEASURED),
    "env.processor.control_mode": _none("who takes over is under teleop"),
    "env.processor.max_gripper_pos": _to("processor.gripper.open", "where `open` goes to"),
    "env.processor.observation.add_joint_velocity_to_observation": _to(
        "processor.observation.joint_velocity"
    ),
    "env.processor.observation.add_current_to_observation": _to(
        "processor.observation.motor_current"
    ),
    "env.processor.observation.add_ee_pose_to_observation": _to(
        "processor.observation.end_effector",
        convert=lambda wanted: {True: "absolute", False: None}[wanted],
    ),
    "env.processor.observation.display_cameras": _none("there is no window of images", False),
    "env.processor.image_preprocessing.resize_size": _to("processor.images.resize"),
    "env.processor.gripper.use_gripper": _none("the gripper is always there", True),
    "env.processor.gripper.gripper_penalty": _to(
        "processor.gripper.penalty",
        "for each command that flips the gripper; only its critic learns from it",
        lambda penalty: penalty or None,
    ),
    "env.processor.gripper.gripper_penalty_in_reward": _none(
        "the penalty is never part of the reward", False
    ),
    "env.processor.reset.fixed_reset_joint_positions": Rule(
        ("robot", "reset_pose"),
        "",
        null_asks="there the arm stays where it is at a reset; HERE IT GOES TO A POSE",
    ),
    "env.processor.reset.reset_time_s": _to("env.reset_time_s"),
    "env.processor.reset.control_time_s": _to("env.control_time_s"),
    "env.processor.reset.terminate_on_success": _to("env.terminate_on_success"),
    "env.processor.inverse_kinematics.urdf_path": _none("the arm's model is built in"),
    "env.processor.inverse_kinematics.target_frame_name": _none(
        "always the point between the fingers", "gripper_frame_link"
    ),
    "env.processor.inverse_kinematics.end_effector_bounds.min": _to("processor.bounds.min"),
    "env.processor.inverse_kinematics.end_effector_bounds.max": _to("processor.bounds.max"),
    "env.processor.inverse_kinematics.end_effector_step_sizes": _none("only x, y and z"),
    "env.processor.reward_classifier": _none(
        "their checkpoint is of another format: train one on the same episodes with `hil-app "
        "train-classifier`, and name it in processor.success_classifier.checkpoint"
    ),
    "env.processor.reward_classifier.success_threshold": _none(
        "`hil-app train-classifier` chooses it; processor.success_classifier.threshold sets another"
    ),
    "env.processor.reward_classifier.success_reward": _none("success is always worth 1", 1),
    "dataset": _none(_DATASET, False),
    "dataset.repo_id": _none(_DATASET),
    "dataset.root": _none(_DATASET),
    "dataset.task": _to("dataset.task", "", lambda task: str(task).strip() or None),
    "dataset.num_episodes_to_record": _none("nobody demonstrates"),
    "dataset.num_episodes": _none("nobody demonstrates"),
    "dataset.video": _none("images are kept as video", True),
    "display_data": _none("--window=true shows the cameras", False),
    "play_sounds": _none("nothing is said aloud", False),
    "teleop_time_s": _none("`hil-app teleoperate` goes on until it is stopped"),
    "policy.type": _none("the policy is always a gaussian_actor", "gaussian_actor", "sac"),
    "policy.device": _to("learner.device"),
    "policy.vision_encoder_name": _to(
        "policy.vision_encoder_name",
        "its network, drawn at random: name weights in policy.vision_encoder_weights",
        {"helper2424/resnet10": "resnet10"}.__getitem__,
    ),
    "policy.num_discrete_actions": Rule(
        None,
        "the gripper always has three: close, stay, open",
        null_asks="there the gripper moves by any amount; HERE IT HAS THREE CHOICES: close, stay, "
        "open",
        as_here=(3,),
    ),
    "env.processor.inverse_kinematics.end_effector_bounds": Rule(
        None, null_asks="there is no box there; here there always is one"
    ),
    "env.processor.gripper.gripper_quantization_threshold": _none(
        "the gripper's three choices are learned as such"
    ),
    "env.number_of_steps_after_success": _none("an episode ends at its success", 0),
    "env.pretrained_policy_name_or_path": _none(
        "policies of other tools are not read: train one, or give its dataset in learner.datasets"
    ),
    "policy.input_features": _none(_MEASURED),
    "policy.output_features": _none(_MEASURED),
    "policy.dataset_stats": _none(_MEASURED),
    "policy.normalization_mapping": _none(_MEASURED),
    "policy.storage_device": _none("the replay buffer is in main memory", "cpu"),
    "policy.online_steps": _to("train.ticks"),
    "policy.online_buffer_capacity": _to("learner.online_capacity"),
    "policy.offline_buffer_capacity": _to("learner.offline_capacity"),
    "policy.online_step_before_learning": _to("learner.learning_starts"),
    "policy.async_prefetch": _to(
        "learner.prefetch",
        "batches drawn ahead",
        lambda wanted: {True: 2, False: None}[wanted],
    ),
    **{
        f"policy.actor_network_kwargs.{key}": _to(f"policy.actor_network_kwargs.{key}")
        for key in ("hidden_dims", "activate_final")
    },
    **_critics("policy.critic_network_kwargs", "algorithm.critic_network_kwargs"),
    **_critics("algorithm.critic_network_kwargs", "algorithm.critic_network_kwargs"),
    **_critics("policy.discrete_critic_network_kwargs", "policy.discrete_critic_network_kwargs"),
    **_critics("algorithm.discrete_critic_network_kwargs", "policy.discrete_critic_network_kwargs"),
    "policy.policy_kwargs.use_tanh_squash": _none("actions are always squashed", True),
    "policy.actor_learner_config": _none(_ELSEWHERE),
    "policy.concurrency": _none(_ELSEWHERE),
    "policy.use_torch_compile": _to("algorithm.compile"),
    "algorithm.type": _to("algorithm.type"),
    "batch_size": _to("learner.batch_size"),
    "online_ratio": _to("learner.online_ratio"),
    "log_freq": _to("train.log_every"),
    "save_freq": _to("train.save_every", "counts ticks here, not updates"),
    "seed": _to("seed"),
    "output_dir": _to("output_dir", "must be empty: name a new one for each run"),
    "resume": _none("`hil-app train --resume=true` goes on with a run", False),
    "wandb": _none("figures go to metrics.jsonl and, with train.wandb=true, to Weights & Biases"),
    "wandb.enable": _none("figures go to metrics.jsonl", False),
    **{f"policy.{key}": _to(f"policy.{key}") for key in _ACTOR},
    **{f"policy.policy_kwargs.{key}": _to(f"policy.{key}") for key in _SPREAD},
    **{f"policy.{key}": _to(f"policy.{key}") for key in _SPREAD},
    **{f"policy.{key}": _to(f"algorithm.{key}") for key in _SAC},
    **{f"algorithm.{key}": _to(f"algorithm.{key}") for key in _SAC},
    **{
        f"env.processor.inverse_kinematics.end_effector_step_sizes.{axis}": _to(
            f"processor.step_size.{axis}"
        )
        for axis in "xyz"
    },
}
