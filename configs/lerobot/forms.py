"""The forms that lerobot's gym_manipulator configs have had, brought to the newest one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Keys = tuple[str, ...]  # the place of a value; their keys may hold dots

_PROCESSOR: Keys = ("env", "processor")
_IK: Keys = (*_PROCESSOR, "inverse_kinematics")
_BLOCKS: dict[Keys, tuple[str, ...]] = {  # the newest block of what stood under env.wrapper
    (*_PROCESSOR, "observation"): (
        *("add_joint_velocity_to_observation", "add_current_to_observation"),
        *("add_ee_pose_to_observation", "display_cameras"),
    ),
    (*_PROCESSOR, "image_preprocessing"): ("crop_params_dict", "resize_size"),
    (*_PROCESSOR, "gripper"): (
        *("use_gripper", "gripper_penalty", "gripper_penalty_in_reward"),
        "gripper_quantization_threshold",
    ),
    (*_PROCESSOR, "reset"): (
        *("fixed_reset_joint_positions", "reset_time_s", "control_time_s", "terminate_on_success"),
    ),
    _PROCESSOR: ("control_mode",),
}
_MOVED: dict[Keys, Keys] = {  # where blocks and values stood, and where they stand now
    **{("env", "wrapper", key): (*to, key) for to, keys in _BLOCKS.items() for key in keys},
    **{
        ("env", "wrapper", "ee_action_space_params", f"{axis}_step_size"): (
            *(*_IK, "end_effector_step_sizes", axis),
        )
        for axis in "xyz"
    },
    ("env", "wrapper", "ee_action_space_params", "bounds"): (*_IK, "end_effector_bounds"),
    **{
        ("env", owner, key): (*_IK, key)
        for owner in ("robot", "teleop")
        for key in ("end_effector_bounds", "end_effector_step_sizes", "urdf_path")
    },
    ("env", "robot", "target_frame_name"): (*_IK, "target_frame_name"),
    ("env", "robot", "max_gripper_pos"): (*_PROCESSOR, "max_gripper_pos"),
    ("env", "reward_classifier_pretrained_path"): (
        *(*_PROCESSOR, "reward_classifier", "pretrained_path"),
    ),
    ("env", "mode"): ("mode",),
    ("env", "device"): ("device",),
    ("env", "repo_id"): ("dataset", "repo_id"),
    ("env", "dataset_root"): ("dataset", "root"),
    ("env", "num_episodes"): ("dataset", "num_episodes"),
    ("env", "episode"): ("dataset", "replay_episode"),
    ("env", "push_to_hub"): ("dataset", "push_to_hub"),
    **{(key,): ("dataset", key) for key in ("repo_id", "num_episodes", "push_to_hub")},
    ("episode",): ("dataset", "replay_episode"),
    ("dataset_root",): ("dataset", "root"),
    ("task",): ("dataset", "task"),
    ("dataset", "single_task"): ("dataset", "task"),  # of a recording, from here on
    ("dataset", "fps"): ("env", "fps"),
    ("dataset", "episode_time_s"): (*_PROCESSOR, "reset", "control_time_s"),
    ("dataset", "reset_time_s"): (*_PROCESSOR, "reset", "reset_time_s"),
}
TYPES = ("gym_manipulator", "hil")  # of an env; the second was gym_hil's alone
_ABOVE_ENV = (  # what a flat file has beside what is an env's
    *("dataset", "policy", "resume", "display_data", "play_sounds", "teleop_time_s", "wandb"),
    *("seed", "output_dir", "batch_size"),
)
_FLAT = ("robot", "teleop", "wrapper", "processor", "fps", "type", "name", "features")


@dataclass(frozen=True)
class Form:
    """A config in the newest form."""

    content: dict[str, Any]
    origins: dict[Keys, Keys]  # where each value stood in the file, by its place now
    doubled: list[tuple[Keys, Any, Keys]]  # values that another one overrules: place, value, that

    def says(self, key: str) -> bool:
        """Whether the file has a block or value of this name anywhere."""
        return any(key in keys for keys in self.origins.values())


def newest(theirs: Mapping[str, Any]) -> Form:
    """``theirs`` in the newest form; what has not moved stays where it is."""
    env = theirs.get("env")
    flat = not isinstance(env, Mapping) and (
        theirs.get("type") in TYPES or any(isinstance(theirs.get(k), Mapping) for k in _FLAT)
    )
    form = Form({}, {}, [])
    for keys, value in leaves(theirs):
        place = _moved(("env", *keys) if flat and keys[0] not in _ABOVE_ENV else keys)
        if place == ("env", "task") and not _has_task(theirs.get("dataset")):
            place = _task(theirs if flat else theirs["env"])
        if place in form.origins:
            form.doubled.append((keys, value, form.origins[place]))
            continue
        form.origins[place] = keys
        _put(form, place, value)
    return form


def _put(form: Form, place: Keys, value: Any) -> None:
    """Set a value; one that stands where a block has to be gives way."""
    block = form.content
    for depth, key in enumerate(place[:-1], 1):
        if not isinstance(block.setdefault(key, {}), dict):
            form.doubled.append((form.origins[place[:depth]], block[key], form.origins[place]))
            del form.origins[place[:depth]]
            block[key] = {}
        block = block[key]
    if isinstance(block.get(place[-1]), dict) and block[place[-1]]:
        form.doubled.append((form.origins.pop(place), value, place))
    else:
        block[place[-1]] = value


def leaves(content: Mapping[str, Any], above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every value that has no keys below it, with its place."""
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _moved(keys: Keys) -> Keys:
    for length in range(len(keys), 0, -1):
        if (to := _MOVED.get(keys[:length])) is not None:
            return (*to, *keys[length:])
    return keys


def _has_task(dataset: object) -> bool:
    return isinstance(dataset, Mapping) and bool({"task", "single_task"} & dataset.keys())


def _task(env: Mapping[str, Any]) -> Keys:
    """What env.task is: the id of a simulated task, or a label of what is recorded."""
    return ("env", "task") if is_simulated(env) else ("dataset", "task")


def is_simulated(env: Mapping[str, Any]) -> bool:
    """Whether this is gym_hil's world, which once was a type of its own, under any name."""
    return env.get("type") == "hil" or env.get("name") == "gym_hil"
