"""Configs of lerobot as they once were: flat, in a train file, with a wrapper block."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.gymnasium import GymnasiumConfig
from configs.lerobot.translation import Imported, leaves, translate
from configs.load import ConfigError, validate

BOX = {"min": [0.2, -0.06, 0.03], "max": [0.3, 0.07, 0.12]}
STEPS = {"x": 0.011, "y": 0.012, "z": 0.013}
CAMERA = {"type": "opencv", "index_or_path": 3, "width": 640, "height": 480, "fps": 15}
WRAPPER: dict[str, Any] = {
    "control_mode": "gamepad",
    "display_cameras": False,
    "add_joint_velocity_to_observation": True,
    "add_current_to_observation": True,
    "add_ee_pose_to_observation": True,
    "crop_params_dict": {"observation.images.front": [27, 17, 90, 190]},
    "resize_size": [96, 112],
    "control_time_s": 21.0,
    "reset_time_s": 2.5,
    "fixed_reset_joint_positions": [1.0, -20.0, 20.0, 90.0, 2.0, 30.0],
    "use_gripper": True,
    "gripper_quantization_threshold": 0.8,
    "gripper_penalty": -0.03,
    "gripper_penalty_in_reward": False,
}
FLAT: dict[str, Any] = {
    "type": "gym_manipulator",
    "name": "my table",
    "fps": 12,
    "mode": "record",
    "repo_id": "me/x",
    "dataset_root": None,
    "task": "Lift it",
    "num_episodes": 15,
    "episode": 0,
    "device": "cpu",
    "push_to_hub": True,
    "pretrained_policy_name_or_path": None,
    "reward_classifier_pretrained_path": None,
    "number_of_steps_after_success": 0,
    "robot": {
        "type": "so100_follower_end_effector",
        "port": "/dev/ttyACM7",
        "id": "arm",
        "use_degrees": False,
        "cameras": {"front": CAMERA},
        "max_gripper_pos": 31,
        "end_effector_bounds": BOX,
        "end_effector_step_sizes": STEPS,
    },
    "teleop": {"type": "gamepad", "use_gripper": True},
    "wrapper": WRAPPER,
}
POLICY = {"type": "sac", "num_discrete_actions": 3}


def without(theirs: dict[str, Any], *path: str) -> dict[str, Any]:
    changed = copy.deepcopy(theirs)
    block = changed
    for key in path[:-1]:
        block = block[key]
    del block[path[-1]]
    return changed


def moved(theirs: dict[str, Any], *path: str) -> dict[str, Any]:
    """``theirs`` with the robot's ``path`` in the teleop's block."""
    changed = copy.deepcopy(theirs)
    for key in path:
        changed["teleop"][key] = changed["robot"].pop(key)
    return changed


def earliest() -> dict[str, Any]:
    """The box and the steps in the wrapper's own block, as before summer 2025."""
    changed = without(without(FLAT, "robot", "end_effector_bounds"), "robot", "max_gripper_pos")
    steps = changed["robot"].pop("end_effector_step_sizes")
    space = {"bounds": BOX, **{f"{axis}_step_size": step for axis, step in steps.items()}}
    changed["wrapper"]["ee_action_space_params"] = space
    changed["robot"]["max_gripper_pos"] = 31
    return changed


FORMS = {
    "flat": FLAT,
    "nested": {"env": FLAT},
    "train file": {"seed": 1, "batch_size": 64, "policy": POLICY, "env": FLAT},
    "box in the teleop": {"env": moved(FLAT, "end_effector_bounds", "end_effector_step_sizes")},
    "earliest": earliest(),
    "task outside": {"env": without(FLAT, "task"), "task": "Lift it", "episode": 3},
}


def line(imported: Imported, name: str) -> Any:
    return next(one for one in imported.entries if one.name == name)


@pytest.mark.parametrize("theirs", FORMS.values(), ids=list(FORMS))
def test_what_moves_the_arm_is_taken_from_every_form(theirs: dict[str, Any]) -> None:
    imported = translate(theirs)
    config = validate(imported.content)
    processor, robot = config.processor, config.robot
    assert (list(processor.bounds.min), list(processor.bounds.max)) == (BOX["min"], BOX["max"])
    assert processor.step_size == (0.011, 0.012, 0.013)
    assert (processor.gripper.open, processor.gripper.penalty) == (31, -0.03)
    assert robot.type == "so100"
    assert robot.reset_pose == (1.0, -20.0, 20.0, 90.0, 2.0, 30.0)
    assert (config.env.fps, config.env.control_time_s, config.env.reset_time_s) == (12, 21, 2.5)
    assert processor.images.crop == {"front": (27, 17, 90, 190)}
    assert processor.images.resize == (96, 112)
    observation = processor.observation
    assert (observation.joint_velocity, observation.motor_current) == (True, True)
    assert observation.end_effector == "absolute"
    assert (config.dataset.task, config.train.demonstrations) == ("Lift it", 15)


@pytest.mark.parametrize("theirs", FORMS.values(), ids=list(FORMS))
def test_every_key_is_accounted_for_by_its_own_name_and_none_by_no_counterpart(
    theirs: dict[str, Any],
) -> None:
    entries = [one for one in translate(theirs).entries if one.keys]
    assert sorted(one.keys for one in entries) == sorted(keys for keys, _ in leaves(theirs))
    for one in entries:
        assert one.kind in ("taken", "nothing") or one.note
        if one.ours is None and one.keys[-1] not in ("repo_id", "push_to_hub", "episode"):
            assert one.note != "no counterpart", one.name


def test_null_never_means_the_same() -> None:
    theirs = copy.deepcopy(FLAT)
    theirs["robot"]["end_effector_bounds"] = None
    imported = translate({"env": theirs, "policy": {"type": "sac", "num_discrete_actions": None}})
    assert not [
        one.name
        for one in imported.entries
        if one.keys and (one.kind, one.value) == ("taken", None)
    ]
    discrete = line(imported, "policy.num_discrete_actions")
    assert (discrete.kind, "HERE IT HAS THREE CHOICES" in discrete.note) == ("left out", True)
    box = line(imported, "env.robot.end_effector_bounds")
    assert (box.kind, box.note) == ("left out", "there is no box there; here there always is one")
    theirs["wrapper"]["fixed_reset_joint_positions"] = None
    pose = line(translate(theirs), "wrapper.fixed_reset_joint_positions")
    assert (pose.kind, pose.note) == (
        "left out",
        "there the arm stays where it is at a reset; HERE IT GOES TO A POSE",
    )
    assert line(imported, "env.dataset_root").kind == "nothing"


def test_a_box_and_steps_of_our_own_are_never_put_in_silently() -> None:
    robot = "robot"
    theirs = without(without(FLAT, robot, "end_effector_bounds"), robot, "end_effector_step_sizes")
    imported = translate(without(theirs, robot, "max_gripper_pos"))
    added = {".".join(one.ours or ()): one.note for one in imported.entries if not one.keys}
    assert "THE FILE HAS NO BOX" in added["processor.bounds.min"]
    assert "THE FILE HAS NO BOX" in added["processor.bounds.max"]
    assert "THE FILE HAS NO STEP SIZE ALONG x" in added["processor.step_size.x"]
    assert "max_gripper_pos" in added["processor.gripper.open"]


@pytest.mark.parametrize(
    ("place", "name", "said"),
    [
        (("robot", "end_effector_step_sizes", "y"), "processor.step_size.y", "STEP SIZE ALONG y"),
        (("robot", "end_effector_bounds", "max"), "processor.bounds.max", "NO BOX"),
        (("wrapper", "fixed_reset_joint_positions"), "robot.reset_pose", "NO RESET POSE"),
    ],
)
def test_the_part_of_a_place_that_is_missing_is_known_by_itself(
    place: tuple[str, ...], name: str, said: str
) -> None:
    imported = translate(without(FLAT, *place))
    added = {".".join(one.ours or ()): one for one in imported.entries if not one.keys}
    assert said in added[name].note
    assert added[name].value is not None
    assert not {"processor.step_size.x", "processor.bounds.min"} & set(added)


def test_a_box_that_cannot_be_is_left_out_with_the_one_that_stands_instead() -> None:
    theirs = copy.deepcopy(FLAT)
    theirs["robot"]["end_effector_bounds"] = {"min": BOX["max"], "max": BOX["min"]}
    imported = translate(theirs)
    config = validate(imported.content)
    for end, stands in (("min", config.processor.bounds.min), ("max", config.processor.bounds.max)):
        one = line(imported, f"robot.end_effector_bounds.{end}")
        assert one.kind == "left out"
        assert one.note.endswith(f"; HERE IT IS {list(stands)}")
    theirs["robot"]["end_effector_step_sizes"] = {**STEPS, "z": -0.5}
    step = line(translate(theirs), "robot.end_effector_step_sizes.z")
    assert (step.kind, "; HERE IT IS [0.02" in step.note) == ("left out", True)


def test_a_pose_of_unknown_units_is_reported_loudly() -> None:
    theirs = without(FLAT, "robot", "use_degrees")
    pose = "wrapper.fixed_reset_joint_positions"
    assert line(translate(theirs), pose).kind == "taken"  # of an end effector's arm: degrees
    theirs["robot"]["type"] = "so101_follower"
    reported = line(translate(theirs), pose)
    assert (reported.kind, "THE FILE HAS NO use_degrees" in reported.note) == ("changed", True)
    theirs["robot"]["use_degrees"] = True
    assert line(translate(theirs), pose).kind == "taken"


SIMULATED: dict[str, Any] = {
    "type": "hil",
    "name": "table of mine",
    "task": "PandaPickCubeKeyboard-v0",
    "fps": 11,
    "num_episodes": 7,
    "wrapper": {
        "control_mode": "keyboard",
        "control_time_s": 14.0,
        "reset_time_s": 2.5,
        "gripper_penalty": -0.04,
        "crop_params_dict": {"observation.images.front": [3, 5, 90, 80]},
        "fixed_reset_joint_positions": [0.0, 0.2, 0.0, -2.4, 0.0, 2.6, 0.8],
    },
    "features_map": {"action": "action"},
}


@pytest.mark.parametrize(
    "theirs",
    [
        SIMULATED,
        {"env": SIMULATED},
        {"batch_size": 32, "policy": POLICY, "env": SIMULATED, "dataset": {"repo_id": "me/x"}},
    ],
    ids=["flat", "nested", "train file"],
)
def test_the_simulation_was_a_type_of_its_own_under_any_name(theirs: dict[str, Any]) -> None:
    imported = translate(theirs)
    config = validate(imported.content)
    assert isinstance(config.robot, GymnasiumConfig)
    assert config.robot.env_id == "gym_hil/PandaPickCube-v0"
    assert config.teleop is not None
    assert config.teleop.type == "keyboard"
    assert (config.env.fps, config.env.control_time_s, config.env.reset_time_s) == (11, 14, 2.5)
    assert (config.train.demonstrations, config.processor.gripper.penalty) == (7, -0.04)
    assert config.processor.images.crop == {"front": (3, 5, 90, 80)}
    name = "env.name" if "env" in theirs else "name"
    assert line(imported, name).kind == "changed"
    found = {one.name for one in imported.entries if one.keys}
    assert found == {".".join(keys) for keys, _ in leaves(theirs)}


def test_a_simulation_without_anything_is_read_with_the_ticks_of_its_time() -> None:
    theirs = {"type": "hil", "task": "PandaPickCubeBase-v0"}
    for one in (theirs, {**theirs, "name": None}, {**theirs, "name": "PandaPickCube"}):
        config = validate(translate(one).content)
        assert (config.robot.type, config.env.fps) == ("gymnasium", 100)


def test_demonstrations_that_are_there_are_named_with_the_option_for_them() -> None:
    theirs = without(without(FLAT, "repo_id"), "dataset_root")
    imported = translate({"env": theirs, "dataset": {"repo_id": "me/y", "root": "data/y"}})
    for name in ("dataset.repo_id", "dataset.root"):
        assert "learner.datasets" in line(imported, name).note


def test_a_pose_that_is_not_in_degrees_is_not_taken_for_degrees() -> None:
    theirs = copy.deepcopy(FLAT)
    theirs["robot"]["type"] = "so101_follower"
    pose = line(translate(theirs), "wrapper.fixed_reset_joint_positions")
    assert (pose.kind, "not in degrees" in pose.note) == ("left out", True)
    assert "DEGREES" in line(translate(theirs), "robot.use_degrees").note


@pytest.mark.parametrize("degrees", [False, 0, "yes", 1])
def test_a_pose_of_an_arm_that_is_not_said_to_be_in_degrees_is_left_out(degrees: Any) -> None:
    theirs = {"env": {**FLAT, "robot": {"type": "so101_follower", "use_degrees": degrees}}}
    imported = translate(theirs)
    pose = line(imported, "env.wrapper.fixed_reset_joint_positions")
    assert (pose.kind, "not in degrees" in pose.note) == ("left out", True)
    theirs["env"]["robot"]["use_degrees"] = None
    pose = line(translate(theirs), "env.wrapper.fixed_reset_joint_positions")
    assert (pose.kind, "NO use_degrees" in pose.note) == ("changed", True)


def test_of_two_values_for_one_thing_one_is_taken_and_the_other_named() -> None:
    theirs = copy.deepcopy(FLAT)
    theirs["teleop"]["end_effector_bounds"] = {"min": [0.1, -0.2, 0.0], "max": BOX["max"]}
    other = line(translate(theirs), "teleop.end_effector_bounds.min")
    assert (other.kind, other.note) == ("left out", "robot.end_effector_bounds.min says it already")


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"env": {**FLAT, "type": "aloha"}}, "env.type: got 'aloha'"),
        ({**FLAT, "robot": {"type": "koch_follower"}}, "env.robot.type: got 'koch_follower'"),
        (
            {**FLAT, "robot": {"type": "so100", "follower_arms": {"main": {"port": "x"}}}},
            "env.robot.type: got 'so100' with follower_arms, as control_robot of lerobot 0.1",
        ),
        ({"policy": POLICY, "batch_size": 8}, "it has no block `env`"),
        ([1], "it has no block `env`"),
        ({"policy": {"type": "reward_classifier"}}, "hil-app train-classifier"),
        ({"reward_model": {"type": "reward_classifier"}}, "hil-app train-classifier"),
        ({"env": {"type": "gym_manipulator", "processor": {}}}, "the file names no arm"),
    ],
)
def test_what_is_another_kind_of_file_is_refused_by_name(theirs: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("`", ".").replace("[", r"\[")):
        translate(theirs)


@pytest.mark.parametrize(
    "theirs",
    [
        {"env": {"type": "x" * 9999}},
        {"env": {"name": "x" * 9999}},
        {"env": {"robot": {"type": "x" * 9999}}},
        {"env": {"robot": {"type": "x" * 9999, "follower_arms": {}}}},
    ],
)
def test_what_the_file_says_takes_little_of_the_message(theirs: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        translate(theirs)
    assert "x" * 40 in str(refused.value)
    assert len(str(refused.value)) < 600


names = st.sampled_from(["env", "wrapper", "robot", "teleop", "processor", "reset", "task", "type"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


RECORDING: dict[str, Any] = {
    "robot": {"type": "so101_follower", "port": "/dev/ttyACM7", "cameras": {"front": CAMERA}},
    "teleop": {"type": "so101_leader", "port": "/dev/ttyACM8"},
    "dataset": {
        "repo_id": "me/x",
        "single_task": "Lift it",
        "fps": 25,
        "episode_time_s": 31,
        "reset_time_s": 7,
        "num_episodes": 12,
        "video": True,
    },
    "policy": None,
    "display_data": True,
    "play_sounds": True,
    "resume": False,
}


def test_a_recording_is_read_with_its_times_and_its_task() -> None:
    imported = translate(RECORDING)
    config = validate(imported.content)
    assert (config.env.fps, config.env.control_time_s, config.env.reset_time_s) == (25, 31, 7)
    assert (config.dataset.task, config.train.demonstrations) == ("Lift it", 12)
    entries = [one for one in imported.entries if one.keys]
    assert sorted(one.keys for one in entries) == sorted(keys for keys, _ in leaves(RECORDING))
    assert not [one.name for one in entries if one.note == "no counterpart"]


def test_what_a_file_leaves_out_is_what_its_own_version_had() -> None:
    once = without(without(FLAT, "fps"), "robot", "max_gripper_pos")
    recording = without(without(RECORDING, "dataset", "episode_time_s"), "dataset", "reset_time_s")
    config = validate(translate(once).content)
    assert (config.env.fps, config.processor.gripper.open) == (10, 50)
    config = validate(translate(recording).content)
    assert (config.env.control_time_s, config.env.reset_time_s) == (60, 60)
    today = {"env": {"robot": {"type": "so100_follower"}}}
    config = validate(translate(today).content)
    assert (config.env.fps, config.processor.gripper.open) == (30, 100)


@pytest.mark.parametrize("key", ["index_or_path", "camera_index", "index"])
def test_the_device_of_a_camera_is_never_lost(key: str) -> None:
    theirs = copy.deepcopy(FLAT)
    camera = without(CAMERA, "index_or_path")
    theirs["robot"]["cameras"] = {"front": {**camera, key: 3}, "wrist": {**camera, key: 5}}
    cameras = translate(theirs).content["robot"]["cameras"]
    assert [camera["index_or_path"] for camera in cameras.values()] == [3, 5]
    theirs["robot"]["cameras"] = {"front": {**camera, "serial_number": 3}}
    imported = translate(theirs)
    place = ("robot", "cameras", "front", "index_or_path")
    (reported,) = [one.note for one in imported.entries if one.ours == place]
    assert reported.startswith("THE FILE DOES NOT SAY WHICH CAMERA")


def test_a_task_beside_a_dataset_without_one_is_its_label() -> None:
    theirs = {"env": FLAT, "dataset": {"repo_id": "me/x"}}
    assert validate(translate(theirs).content).dataset.task == "Lift it"
    theirs = {"env": FLAT, "dataset": {"task": "Push it"}}
    assert validate(translate(theirs).content).dataset.task == "Push it"


@given(st.data())
def test_whatever_stands_in_a_block_nothing_is_lost(data: st.DataObject) -> None:
    theirs = copy.deepcopy(data.draw(st.sampled_from(list(FORMS.values()))))
    block = theirs
    for _ in range(data.draw(st.integers(0, 2))):
        blocks = [key for key, value in block.items() if isinstance(value, dict) and value]
        if blocks:
            block = block[data.draw(st.sampled_from(blocks))]
    block[data.draw(st.sampled_from(list(block)) | names)] = data.draw(anything)
    try:
        imported = translate(theirs)
    except ConfigError:
        return
    validate(imported.content)
    found = sorted(one.keys for one in imported.entries if one.keys)
    assert found == sorted(keys for keys, _ in leaves(theirs))
