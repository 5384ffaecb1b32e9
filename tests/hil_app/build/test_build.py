"""Where configs become objects: the order of the steps, the features and the seeds."""

import numpy as np
import pytest
import torch
from sample_runs import tiny

from configs.learning.photometric import PhotometricConfig
from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.load import ConfigError, Parser, load, validate
from configs.names import ACTION, OBS_ENV_STATE, OBS_STATE
from hil_app.build.assembly import Assembly
from hil_app.build.learning import scaled
from hil_app.build.robots import env_of, make_robot
from hil_app.build.seeds import seed_of
from hil_app.control.policy import LearnedPolicy, NoPolicy
from hil_app.control.signals import StopRequest
from hil_app.support.events import EventLog
from teleop.no_teleop import NoTeleop

EVERYTHING = {
    "joints": "all",
    "joint_velocity": True,
    "motor_current": True,
    "end_effector": "absolute",
    "target": True,
    "object": "absolute",
}
OBSERVATIONS = [
    {},
    EVERYTHING,
    {"joints": "gripper", "end_effector": "relative"},
    {"joints": None, "end_effector": None, "target": False},
    {"object": None},
]


def steps_of(config):
    robot = make_robot(config)
    loop = Assembly(config, robot=robot).loop(NoTeleop(), NoPolicy(), StopRequest())
    return [[name for name, _ in line.steps] for line in (loop.action_pipeline, loop.env_pipeline)]


def test_the_action_steps_are_in_the_documented_order():
    actions, _ = steps_of(validate({}))
    assert actions == [
        "intervention",
        "hand-over",
        "end-effector target",
        "workspace bounds",
        "gripper",
        "inverse kinematics",
    ]


def test_the_env_steps_are_in_the_documented_order():
    robot = {"type": "so100_sim", "cameras": {"front": {}}}
    _, steps = steps_of(validate({"robot": robot, "processor": {"observation": EVERYTHING}}))
    assert steps == [
        "joints",
        "joint velocity",
        "motor current",
        "end effector",
        "target",
        "gripper target",
        "object",
        "images",
        "simulated success",
        "operator events",
        "reward",
        "gripper penalty",
        "time limit",
    ]


def test_what_is_off_has_no_step():
    least = {"joints": "gripper", "end_effector": None, "target": False, "object": None}
    off = {"observation": least, "gripper": {"penalty": None}}
    _, steps = steps_of(validate({"processor": off, "env": {"control_time_s": None}}))
    assert steps == ["joints", "simulated success", "operator events", "reward"]


def test_features_have_the_parts_of_the_observation_in_their_order():
    config = validate({"processor": {"gripper": {"closed": 5, "open": 55}}})
    robot = make_robot(config)
    made = Assembly(config, robot=robot).policy_config
    assert made.input_features == {
        OBS_ENV_STATE: PolicyFeature(FeatureType.ENV, (3,)),
        OBS_STATE: PolicyFeature(FeatureType.STATE, (6 + 3 + 3 + 1,)),
    }
    assert made.output_features == {ACTION: PolicyFeature(FeatureType.ACTION, (3,))}
    assert made.num_discrete_actions == 3
    low, high = config.processor.bounds.min, config.processor.bounds.max
    stats = made.dataset_stats[OBS_STATE]
    np.testing.assert_allclose(
        stats["min"], [*robot.spec.limits[:, 0], *low, *[-0.04] * 3, 5], rtol=1e-6
    )
    np.testing.assert_allclose(
        stats["max"], [*robot.spec.limits[:, 1], *high, *[0.04] * 3, 55], rtol=1e-6
    )
    half = (np.array(high) - low) / 2
    np.testing.assert_allclose(made.dataset_stats[OBS_ENV_STATE]["max"], half, rtol=1e-6)
    np.testing.assert_allclose(made.dataset_stats[OBS_ENV_STATE]["min"], -half, rtol=1e-6)


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_features_of_a_tick_fit_the_policy_that_is_built_for_them(observation, tmp_path):
    config = tiny(tmp_path, processor={"observation": observation})
    robot = make_robot(config)
    made = Assembly(config, robot=robot).policy_config
    made.validate_features()
    with robot:
        features = (
            Assembly(config, robot=robot)
            .loop(NoTeleop(), NoPolicy(), StopRequest())
            .reset(3)
            .observation
        )
    shapes = {key: feature.shape for key, feature in made.input_features.items()}
    assert {key: value.shape for key, value in features.items()} == shapes
    parts = Assembly(config, robot=robot).observations.values()
    for key, (size,) in shapes.items():
        assert sum(len(part.names) for part in parts if part.key == key) == size
        low, high = (np.array(made.dataset_stats[key][end]) for end in ("min", "max"))
        scaled = 2 * (features[key] - low) / (high - low) - 1
        assert np.abs(scaled).max() < 2  # its own range, give or take
        assert features[key].dtype == np.float32


CAMERAS = {"front": {"width": 96, "height": 64}, "wrist": {"view": "wrist"}}


@pytest.mark.parametrize(
    ("images", "front", "wrist"),
    [
        ({}, (64, 96), (128, 128)),
        ({"crop": {"front": [1, 2, 30, 40]}}, (30, 40), (128, 128)),
        ({"crop": {"front": [0.25, 0.125, 0.5, 0.75]}}, (32, 72), (128, 128)),
        ({"crop": {"front": [1, 2, 30, 40]}, "resize": [16, 24]}, (16, 24), (16, 24)),
    ],
)
def test_a_policy_sees_the_images_as_crop_and_resize_leave_them(images, front, wrist, tmp_path):
    config = tiny(tmp_path, robot={"cameras": CAMERAS}, processor={"images": images})
    robot = make_robot(config)
    made = Assembly(config, robot=robot).policy_config
    made.validate_features()
    assert made.input_features["observation.images.front"].shape == (3, *front)
    assert made.input_features["observation.images.wrist"].shape == (3, *wrist)
    with robot:
        features = (
            Assembly(config, robot=robot)
            .loop(NoTeleop(), NoPolicy(), StopRequest())
            .reset(3)
            .observation
        )
    assert features["observation.images.front"].shape == (*front, 3)
    assert features["observation.images.wrist"].shape == (*wrist, 3)
    policy = Assembly(config, robot=robot).policy("test")
    action = LearnedPolicy(policy, deterministic=True).act(features)
    assert action.shape == (4,)


def test_images_may_be_recorded_without_being_seen(tmp_path):
    blind = {"observation": {"images": False}}
    config = tiny(tmp_path, robot={"cameras": CAMERAS}, processor=blind)
    made = Assembly(config).policy_config
    assert set(made.input_features) == {OBS_STATE, OBS_ENV_STATE}


def test_a_policy_that_would_see_nothing_is_refused():
    nothing = {"joints": None, "end_effector": None, "target": False, "object": None}
    with pytest.raises(ConfigError, match="the policy would see nothing"):
        validate({"processor": {"observation": nothing}})
    seeing = {"robot": {"type": "so101_sim", "cameras": {"front": {}}}}
    validate({"processor": {"observation": nothing}, **seeing})
    validate({"processor": {"observation": {**nothing, "motor_current": True}}})


@pytest.mark.parametrize("name", ["cuda:7", "abacus"])
def test_a_device_that_is_not_there_is_refused(tmp_path, name):
    config = tiny(tmp_path, learner={"device": name})
    with pytest.raises(ConfigError, match=f"learner.device: cannot compute on '{name}'"):
        Assembly(config).algorithm(Assembly(config).policy("test"))


def test_the_learner_computes_where_it_is_reported_to(tmp_path, monkeypatch):
    moved = []
    config = tiny(tmp_path, learner={"device": "cpu"})
    policy = Assembly(config).policy("test")
    monkeypatch.setattr(policy, "to", moved.append)
    Assembly(config).algorithm(policy)
    assert moved == [torch.device("cpu")]


@pytest.mark.parametrize("frozen", [True, False])
def test_the_buffers_keep_images_or_a_frozen_encoder_s_maps(tmp_path, frozen):
    config = tiny(
        tmp_path,
        robot={"cameras": {"front": {"width": 16, "height": 16}}},
        policy={"freeze_vision_encoder": frozen},
        learner={"random_shift": 2},
    )
    robot = make_robot(config)
    policy = Assembly(config, robot=robot).policy("test")
    mixer = Assembly(config).learner(policy, EventLog())._trainer.data_mixer
    for buffer in (mixer.online_buffer, mixer.offline_buffer):
        assert ("observation.images.front" in buffer.state_keys) == (not frozen)
        assert ("observation.images.front.map" in buffer.state_keys) == frozen
        assert buffer.augmentation.pad_of("observation.images.front") == 2


def test_a_move_is_as_much_less_as_the_policy_s_images_are_smaller(tmp_path):
    views = {"front": {"width": 64, "height": 48}, "wrist": {"width": 64, "height": 64}}
    config = tiny(
        tmp_path,
        robot={"cameras": views},
        policy={"image_size": {"wrist": 16}},
        learner={"random_shift": 6, "photometric": {"colour": 0.5}},
    )
    parts = Assembly(config)
    mixer = parts.learner(parts.policy("test"), EventLog())._trainer.data_mixer
    for buffer in (mixer.online_buffer, mixer.offline_buffer):
        how = buffer.augmentation
        pads = {key: how.pad_of(f"observation.images.{key}") for key in views}
        assert pads == {"front": 6, "wrist": 2}
        assert how.photometric == PhotometricConfig(colour=0.5)


@pytest.mark.parametrize(
    ("shift", "size", "pad"), [(4, 64, 4), (4, 32, 2), (4, 16, 1), (1, 16, 1), (0, 16, 0)]
)
def test_the_least_move_is_a_pixel_unless_there_is_none(shift, size, pad):
    key = "observation.images.front"
    features = {key: PolicyFeature(FeatureType.VISUAL, (3, 64, 64))}
    policy = GaussianActorConfig(input_features=features, image_size=size)
    assert scaled(shift, policy, key) == pad


def test_a_gripper_that_opens_towards_0_has_a_policy_too():
    config = validate({"processor": {"gripper": {"closed": 80, "open": 10}}})
    stats = Assembly(config).policy_config.dataset_stats[OBS_STATE]
    assert (stats["min"][-1], stats["max"][-1]) == (10, 80)
    Assembly(config).policy("test")


def test_the_run_s_choices_reach_the_policy():
    config = validate({"policy": {"latent_dim": 7, "hidden_dims": [9, 11], "init_final": 0.5}})
    made = Assembly(config).policy_config
    assert (made.latent_dim, made.hidden_dims, made.init_final) == (7, [9, 11], 0.5)


def test_nobody_is_at_the_controls_where_there_is_no_teleop():
    config = validate({"teleop": None, "train": {"demonstrations": 0}})
    teleop = Assembly(config).teleop("on_take_over")
    assert isinstance(teleop, NoTeleop)


def test_seeds_are_stable_and_all_different():
    assert seed_of(validate({}), "train") == 1028437303
    assert seed_of(validate({"seed": 1}), "evaluate", 1) == 3093313523
    names = ["train", "evaluate", "demonstrate", "operator", "demonstrator", "initial weights"]
    seeds = [
        seed_of(validate({"seed": seed}), name, index)
        for seed in range(3)
        for name in names
        for index in range(100)
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_policy_s_weights_follow_from_the_seed_and_its_name():
    config, other = validate({}), validate({"seed": 1})
    robot = make_robot(config)
    weight = Assembly(config, robot=robot).policy("initial weights").actor.head.weight
    assert weight.equal(Assembly(config, robot=robot).policy("initial weights").actor.head.weight)
    assert not weight.equal(Assembly(config, robot=robot).policy("exploration").actor.head.weight)
    assert not weight.equal(
        Assembly(other, robot=robot).policy("initial weights").actor.head.weight
    )


@pytest.mark.parametrize(("reset", "most", "used"), [(60, 120, 60), (60, 20, 20), (20, 20, 20)])
def test_an_arm_goes_to_its_reset_pose_no_faster_than_it_may_move(
    reset: float, most: float, used: float
) -> None:
    """Else the way would be over before the arm is there."""
    options = [f"--env.reset_speed={reset}", f"--robot.safety.max_speed={most}"]
    config = load(Parser(prog="test"), options, "so101_pick_lift")[0]
    spec = make_robot(config).spec
    assert env_of(config.env, spec).reset_speed == used
    assert env_of(config.env, spec).fps == config.env.fps
