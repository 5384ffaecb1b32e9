"""lerobot's configs become ours, and every value they have is accounted for."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from configs.gymnasium import GymnasiumConfig
from configs.lerobot.translation import Imported, ImportedKey, leaves, read_lerobot, translate
from configs.load import ConfigError, validate
from configs.manual import GamepadConfig, KeyboardConfig
from configs.robot import SO100Config, SO101Config

REAL: dict[str, Any] = {
    "env": {
        "type": "gym_manipulator",
        "name": "real_robot",
        "fps": 10,
        "robot": {
            "type": "so101_follower",
            "port": "/dev/ttyACM1",
            "id": "blue",
            "use_degrees": True,
            "max_relative_target": 20,
            "cameras": {
                "front": {
                    "type": "opencv",
                    "index_or_path": 2,
                    "width": 640,
                    "height": 360,
                    "fps": 30,
                    "rotation": 0,
                    "color_mode": "rgb",
                    "fourcc": "MJPG",
                },
                "side": {"type": "opencv", "index_or_path": "/dev/video4", "fps": 15},
            },
        },
        "teleop": {"type": "gamepad", "use_gripper": True},
        "processor": {
            "control_mode": "gamepad",
            "max_gripper_pos": 60,
            "observation": {
                "add_joint_velocity_to_observation": True,
                "add_current_to_observation": False,
                "add_ee_pose_to_observation": True,
                "display_cameras": False,
            },
            "image_preprocessing": {
                "crop_params_dict": {"observation.images.front": [20, 30, 200, 210]},
                "resize_size": [128, 96],
            },
            "gripper": {"use_gripper": True, "gripper_penalty": -0.03},
            "reset": {
                "fixed_reset_joint_positions": [1.0, -20.0, 20.0, 90.0, 2.0, 30.0],
                "reset_time_s": 2.5,
                "control_time_s": 15.0,
                "terminate_on_success": False,
            },
            "inverse_kinematics": {
                "urdf_path": "so101.urdf",
                "target_frame_name": "gripper_frame_link",
                "end_effector_bounds": {"min": [0.16, -0.08, 0.03], "max": [0.24, 0.2, 0.1]},
                "end_effector_step_sizes": {"x": 0.01, "y": 0.02, "z": 0.03},
            },
            "reward_classifier": {"pretrained_path": None, "success_threshold": 0.5},
        },
    },
    "dataset": {"repo_id": "me/pick", "root": None, "num_episodes_to_record": 15},
    "mode": "record",
    "device": "cpu",
}
TRAINING: dict[str, Any] = REAL | {
    "mode": None,
    "policy": {
        "type": "gaussian_actor",
        "device": "cuda",
        "latent_dim": 64,
        "vision_encoder_name": "helper2424/resnet10",
        "freeze_vision_encoder": True,
        "num_discrete_actions": 3,
        "storage_device": "cuda",
        "online_steps": 7000,
        "online_buffer_capacity": 30000,
        "online_step_before_learning": 50,
        "actor_network_kwargs": {"hidden_dims": [64, 32], "activate_final": True},
        "policy_kwargs": {"std_max": 5.0, "use_tanh_squash": True},
        "input_features": {"observation.state": {"type": "STATE", "shape": [6]}},
        "actor_learner_config": {"learner_host": "127.0.0.1", "learner_port": 50051},
    },
    "algorithm": {"type": "sac", "temperature_init": 0.01, "utd_ratio": 2, "discount": 0.97},
    "batch_size": 128,
    "online_ratio": 0.4,
    "log_freq": 20,
    "save_freq": 900,
    "seed": 7,
    "resume": False,
    "output_dir": None,
    "wandb": {"enable": True, "project": "arms"},
}
GYM_HIL: dict[str, Any] = {
    "env": {
        "type": "gym_manipulator",
        "name": "gym_hil",
        "task": "PandaPickCubeGamepad-v0",
        "fps": 10,
        "processor": {
            "control_mode": "gamepad",
            "gripper": {"use_gripper": True, "gripper_penalty": -0.02},
            "reset": {
                "control_time_s": 15.0,
                "fixed_reset_joint_positions": [0.0, 0.195, 0.0, -2.43, 0.0, 2.62, 0.785],
            },
            "inverse_kinematics": {"end_effector_step_sizes": {"x": 0.025, "y": 0.025, "z": 0.025}},
        },
    },
    "dataset": {"repo_id": "me/sim", "num_episodes_to_record": 10},
    "mode": "record",
    "device": "cpu",
}
SAMPLES = {"real": REAL, "training": TRAINING, "gym_hil": GYM_HIL}
each_sample = pytest.mark.parametrize("theirs", SAMPLES.values(), ids=SAMPLES)


def changed(theirs: dict[str, Any], keys: str, value: Any) -> dict[str, Any]:
    """A copy with one value at a dotted place."""
    theirs = copy.deepcopy(theirs)
    *above, last = keys.split(".")
    block = theirs
    for key in above:
        block = block.setdefault(key, {})
    block[last] = value
    return theirs


def entry(imported: Imported, name: str) -> ImportedKey:
    (found,) = (one for one in imported.entries if one.name == name)
    return found


def note(theirs: dict[str, Any], name: str) -> str:
    """Why a value was left out."""
    found = entry(translate(theirs), name)
    assert found.kind == "left out"
    return found.note


def test_a_config_of_an_arm_means_the_same_here() -> None:
    config = validate(translate(REAL).content)
    assert isinstance(config.robot, SO101Config)
    assert (config.robot.port, config.robot.id) == ("/dev/ttyACM1", "blue")
    assert config.robot.max_relative_target == 20
    assert config.robot.reset_pose == (1, -20, 20, 90, 2, 30)
    front, side = config.robot.cameras["front"], config.robot.cameras["side"]
    assert (front.index_or_path, front.width, front.height, front.fourcc) == (2, 640, 360, "MJPG")
    assert (side.index_or_path, side.fps) == ("/dev/video4", 15)
    assert (config.env.fps, config.env.reset_time_s, config.env.control_time_s) == (10, 2.5, 15)
    assert not config.env.terminate_on_success
    processor = config.processor
    assert processor.step_size == (0.01, 0.02, 0.03)
    assert (processor.bounds.min, processor.bounds.max) == ((0.16, -0.08, 0.03), (0.24, 0.2, 0.1))
    assert processor.images.crop == {"front": (20, 30, 200, 210)}
    assert processor.images.resize == (128, 96)
    assert (processor.gripper.penalty, processor.gripper.open) == (-0.03, 60)
    observed = processor.observation
    assert (observed.joint_velocity, observed.motor_current) == (True, False)
    assert (observed.end_effector, observed.object) == ("absolute", None)
    assert (config.teleop, config.train.demonstrations) == (GamepadConfig(), 15)


def test_a_training_config_means_the_same_here() -> None:
    config = validate(translate(TRAINING).content)
    assert (config.learner.device, config.learner.batch_size) == ("cuda", 128)
    assert (config.learner.online_ratio, config.learner.online_capacity) == (0.4, 30000)
    assert config.learner.learning_starts == 50
    assert (config.train.ticks, config.train.log_every, config.train.save_every) == (7000, 20, 900)
    assert config.policy.latent_dim == 64
    assert config.policy.actor_network_kwargs.hidden_dims == [64, 32]
    assert (config.policy.vision_encoder_name, config.policy.std_max) == ("resnet10", 5)
    assert config.policy.freeze_vision_encoder
    algorithm = config.algorithm
    assert (algorithm.temperature_init, algorithm.utd_ratio, algorithm.discount) == (0.01, 2, 0.97)
    assert config.seed == 7


def test_a_config_of_gym_hil_is_its_environment() -> None:
    imported = translate(GYM_HIL)
    config = validate(imported.content)
    assert isinstance(config.robot, GymnasiumConfig)
    assert config.robot.env_id == "gym_hil/PandaPickCube-v0"
    assert config.robot.kwargs == {"image_obs": True, "reset_delay_seconds": 0.0}
    assert (config.robot.gripper, config.robot.gripper_opens) == (3, "down")
    assert (config.env.fps, config.env.control_time_s) == (10, 15)
    assert (config.teleop, config.processor.gripper.penalty) == (GamepadConfig(), -0.02)
    assert config.processor.observation.object == "absolute"
    assert config.train.demonstrations == 10
    assert "gym-hil" in entry(imported, "env.name").note
    assert "Panda" in note(GYM_HIL, "env.processor.reset.fixed_reset_joint_positions")
    step = "env.processor.inverse_kinematics.end_effector_step_sizes.x"
    assert entry(imported, step).kind == "taken"
    assert "2.5 cm" in note(changed(GYM_HIL, step, 0.01), step)


@pytest.mark.parametrize(
    ("task", "env_id"),
    [
        ("PandaPickCubeBase-v0", "gym_hil/PandaPickCube-v0"),
        ("PandaArrangeBoxesKeyboard-v0", "gym_hil/PandaArrangeBoxes-v0"),
        ("PandaPickCube-v0", "gym_hil/PandaPickCube-v0"),
        ("Franka-v0", "gym_hil/PandaPickCube-v0"),  # the first one, where it says none of them
    ],
)
def test_an_environment_of_gym_hil_is_taken_without_its_viewer_and_device(
    task: str, env_id: str
) -> None:
    config = validate(translate(changed(GYM_HIL, "env.task", task)).content)
    assert isinstance(config.robot, GymnasiumConfig)
    assert config.robot.env_id == env_id


def test_a_leader_arm_takes_over_and_demonstrates() -> None:
    leader = {"type": "so101_leader", "port": "/dev/ttyACM5", "id": "red", "use_degrees": True}
    theirs = changed(REAL, "env.teleop", leader)
    theirs["env"]["processor"]["control_mode"] = "leader"
    imported = translate(theirs)
    config = validate(imported.content)
    ours = {"type": "so101_leader", "port": "/dev/ttyACM5", "id": "red"}
    assert imported.content["teleop"] == ours
    assert config.train.demonstrations == 15
    assert "start of a run" in entry(imported, "dataset.num_episodes_to_record").note
    assert entry(imported, "env.processor.control_mode").kind == "taken"


def test_what_a_file_leaves_out_gets_their_value_and_is_reported() -> None:
    bare = {"env": {"robot": {"type": "so101_follower"}}}
    imported = translate(bare)
    config = validate(imported.content)
    assert (config.env.fps, config.env.control_time_s, config.env.reset_time_s) == (30, 20, 5)
    assert (config.processor.gripper.penalty, config.processor.observation.end_effector) == (
        None,
        None,
    )
    assert any("has no env.fps" in one.note for one in imported.entries)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("env.robot.use_degrees", False, "convert the poses"),
        ("env.processor.gripper.use_gripper", False, "the gripper is always there"),
        ("env.processor.observation.display_cameras", True, "no window"),
        ("env.processor.reward_classifier.pretrained_path", "me/judge", "another format"),
        ("env.teleop.type", "so100_leader_of_tomorrow", "no so100_leader_of_tomorrow in this"),
        (
            "env.fps",
            -1,
            "(env.fps: input should be greater than or equal to 1, got -1)",
        ),
        ("env.processor.gripper.gripper_penalty", 0.5, "less than or equal to 0"),
        ("env.robot.cameras.front.rotation", "sideways", "not a value that is known"),
        ("env.robot.cameras.front.color_mode", "bgr", "RGB here"),
        ("env.robot.cameras.front.type", "zmq", "only opencv cameras"),
        ("policy.vision_encoder_name", "google/vit", "not a value that is known"),
        ("policy.algorithm_of_theirs", 5, "no counterpart"),
        ("env.fps.nested", 5, "no counterpart"),
        ("wandb.enable", True, "metrics.jsonl"),
        ("resume", True, "--resume=true"),
    ],
)
def test_what_has_no_counterpart_is_listed_by_name(keys: str, value: Any, said: str) -> None:
    theirs = changed(changed(REAL, "env.fps", {}) if "nested" in keys else REAL, keys, value)
    assert said in note(theirs, keys)
    validate(translate(theirs).content)


@pytest.mark.parametrize("block", ["env.robot.cameras", "env.teleop", "env.processor", "dataset"])
@pytest.mark.parametrize("value", [None, {}])
def test_blocks_may_be_empty(block: str, value: Any) -> None:
    imported = translate(changed(REAL, block, value))
    assert entry(imported, block).kind == "nothing"
    validate(imported.content)


@pytest.mark.parametrize(("theirs", "ours"), [("Lift the cube", "Lift the cube"), (" ", None)])
def test_the_task_is_taken_over(theirs: str, ours: str | None) -> None:
    imported = translate(changed(REAL, "dataset", {"task": theirs}))
    assert validate(imported.content).dataset.task == ours


def test_a_turned_camera_has_the_size_before_the_turn() -> None:
    for rotation, ours in ((90, 90), (-90, 270), ("ROTATE_270", 270)):
        theirs = changed(REAL, "env.robot.cameras.front.rotation", rotation)
        front = validate(translate(theirs).content).robot.cameras["front"]
        assert (front.width, front.height, front.rotation) == (360, 640, ours)
        assert "swapped" in entry(translate(theirs), "env.robot.cameras.front.width").note


def test_a_limit_for_each_joint_becomes_the_smallest() -> None:
    limits = {"shoulder_pan": 12, "gripper": 8.5, "elbow_flex": 30}
    imported = translate(changed(REAL, "env.robot.max_relative_target", limits))
    assert imported.content["robot"]["max_relative_target"] == 8.5
    assert "smallest" in entry(imported, "env.robot.max_relative_target.gripper").note


def test_of_two_values_for_one_field_the_first_is_listed() -> None:
    theirs = changed(TRAINING, "policy.discount", 0.5)
    assert "algorithm.discount says otherwise" in note(theirs, "policy.discount")
    assert translate(theirs).content["algorithm"]["discount"] == 0.97
    assert "policy.device" in note(TRAINING, "device")


def test_the_bounds_of_an_so100_are_to_be_checked() -> None:
    imported = translate(changed(REAL, "env.robot.type", "so100_follower"))
    assert isinstance(validate(imported.content).robot, SO100Config)
    name = "env.processor.inverse_kinematics.end_effector_bounds.min"
    assert "x forward" in entry(imported, name).note
    assert entry(translate(REAL), name).kind == "taken"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


def at(content: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        content = content[key]
    return content


@st.composite
def tampered(draw: st.DrawFn) -> dict[str, Any]:
    """A sample with any values, and any new keys, at any places."""
    theirs = copy.deepcopy(draw(st.sampled_from(list(SAMPLES.values()))))
    for _ in range(draw(st.integers(1, 4))):
        keys = draw(st.sampled_from([keys for keys, _ in leaves(theirs)]))
        cut = draw(st.integers(min(3, len(keys)), len(keys)))
        place = list(keys[:cut])
        if draw(st.booleans()):
            place[-1] = draw(st.text(max_size=5))
        block = theirs
        for key in place[:-1]:
            block = block[key]
        block[place[-1]] = draw(values)
    return theirs


@given(tampered())
def test_every_value_is_taken_or_listed_and_what_comes_out_is_valid(theirs: dict[str, Any]) -> None:
    try:
        imported = translate(theirs)
    except ConfigError:  # of another kind, or another arm
        return
    assert [one.keys for one in imported.entries if one.keys] == [k for k, _ in leaves(theirs)]
    for one in imported.entries:
        assert one.note or one.kind in ("taken", "nothing")
        if one.ours and "step_size" not in one.ours and "max_relative_target" not in one.ours:
            found = at(imported.content, one.ours)
            assert found is one.value or found == one.value
    validate(imported.content)


@each_sample
def test_the_samples_leave_out_only_what_has_no_counterpart(theirs: dict[str, Any]) -> None:
    imported = translate(theirs)
    assert not [one.name for one in imported.entries if "not allowed" in one.note]
    assert not [one.name for one in imported.entries if one.note == "no counterpart"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not a whole JSON file"),
        ("[" * 100_000, "not a whole JSON file"),
        (
            '{"env": {\n  // mine\n  "fps": 10}}',
            "a comment, which JSON does not have (line 2, ",
        ),
        ('{"env": {}, # mine\n}', "a comment, which JSON does not have (line 1, column 13)"),
        ('{"env": {"fps": 10, "fps": 20}}', "the key 'fps' stands twice"),
        ('{"env": {"fps": NaN}}', "NaN is not a finite number"),
        ("[1, 2]", "no block `env`"),
        ('{"type": "act"}', "no block `env`"),
        ('{"env": {"type": "aloha"}}', "only gym_manipulator"),
        ('{"env": {"name": "real_robot"}}', "so100_follower, so101_follower"),
        ('{"env": {"name": ["x"]}}', "real_robot, gym_hil"),
        ('{"env": {"robot": {"type": "koch_follower"}}}', "got 'koch_follower'"),
    ],
)
def test_another_file_is_one_clear_line(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_lerobot(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, said in ((tmp_path / "binary", "JSON"), (tmp_path / "none", "cannot read")):
        with pytest.raises(ConfigError, match=said):
            read_lerobot(path)
    path = tmp_path / "real.json"
    path.write_text(json.dumps(REAL))
    assert read_lerobot(path) == translate(REAL)


def test_a_yaml_file_is_read_like_the_json_file_it_could_be(tmp_path: Path) -> None:
    path = tmp_path / "real.yaml"
    path.write_text(yaml.safe_dump(REAL, sort_keys=False))
    assert read_lerobot(path) == translate(REAL)
    path.write_text("env: [1")
    with pytest.raises(ConfigError, match="not a whole YAML file: "):
        read_lerobot(path)


def test_their_keyboard_is_ours_by_another_name() -> None:
    theirs = changed(REAL, "env.teleop.type", "keyboard_ee")
    theirs = changed(theirs, "env.processor.control_mode", "keyboard_ee")
    imported = translate(theirs)
    assert validate(imported.content).teleop == KeyboardConfig()
