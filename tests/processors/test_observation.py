"""What the policy sees: numbers, their names, their ranges, and images."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sample_ticks import assert_leaves_its_input_alone, command, f32, joints, transition

from configs.names import OBS_ENV_STATE, OBS_STATE
from configs.processor import ObservationConfig, ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.build.observations import observations
from processors import observation
from processors.base import Transition
from processors.observation import Observe, images
from robots.arm import ARMS
from robots.base import F32, U8, RobotError, positions_of
from robots.kinematics import Kinematics
from robots.twin.robot import SimRobot

LOW, HIGH, STEP = f32(0.1, -0.2, 0.0), f32(0.3, 0.2, 0.1), f32(0.02, 0.01, 0.005)
LIMITS = np.stack((np.arange(-60, 0, 10), np.arange(10, 70, 10)), axis=1).astype(np.float32)
SPEC = replace(ARMS["so101"].spec(environment=positions_of(["object"])), limits=LIMITS)
GRIPPER_ENDS = f32(5, 45)
OBJECT = f32(0.25, 0.05, 0.02)


def locate(joints: F32) -> F32:
    """A made-up arm whose tip is the first three joints / 100."""
    return (joints[:3] / 100).astype(np.float32)


def seen(part: Observe, sensed: Transition) -> list[float]:
    values = part(sensed).observation[part.key]
    assert values.dtype == np.float32
    return [round(float(value), 5) for value in values]


def sensed() -> Transition:
    """Joints 1..5 and gripper 40, tip (.01, .02, .03), goal (.2, .01, .05), gripper told 31."""
    goal = command(commanded=31.0).goal
    return transition(
        replace(command(tip=f32(9, 9, 9), commanded=99.0), goal=goal),
        velocities=f32(10, 20, 30, 40, 50, 60),
        currents=f32(100, 200, 300, 400, 500, 600),
        environment_state=OBJECT,
    )


@pytest.mark.parametrize(
    ("part", "key", "numbers"),
    [
        (observation.joint_positions(SPEC), OBS_STATE, [1, 2, 3, 4, 5, 40]),
        (observation.gripper_position(SPEC, GRIPPER_ENDS), OBS_STATE, [40]),
        (observation.joint_velocity(SPEC), OBS_STATE, [10, 20, 30, 40, 50, 60]),
        (observation.motor_current(SPEC), OBS_STATE, [100, 200, 300, 400, 500, 600]),
        (
            observation.end_effector_pose(locate, LOW, HIGH, relative=False),
            OBS_STATE,
            [0.01, 0.02, 0.03],
        ),
        # relative to the reset pose, which was (.19, 0, .06)
        (
            observation.end_effector_pose(locate, LOW, HIGH, relative=True),
            OBS_STATE,
            [-0.18, 0.02, -0.03],
        ),
        (observation.target_offset(locate, STEP), OBS_STATE, [0.19, -0.01, 0.02]),
        (observation.gripper_target(SPEC, GRIPPER_ENDS), OBS_STATE, [31]),
        (
            observation.object_positions(SPEC, locate, LOW, HIGH, relative=False),
            OBS_ENV_STATE,
            [0.25, 0.05, 0.02],
        ),
        (
            observation.object_positions(SPEC, locate, LOW, HIGH, relative=True),
            OBS_ENV_STATE,
            [0.24, 0.03, -0.01],
        ),
    ],
)
def test_each_part_shows_its_numbers(part: Observe, key: str, numbers: list[float]) -> None:
    assert part.key == key
    assert seen(part, sensed()) == pytest.approx(numbers, abs=2e-5)
    assert len(part.names) == len(part.low) == len(part.high) == len(numbers)
    assert len(set(part.names)) == len(part.names)
    assert (part.low < part.high).all()


@pytest.mark.parametrize(
    ("part", "lowest", "highest"),
    [
        (observation.joint_positions(SPEC), LIMITS[:, 0], LIMITS[:, 1]),
        (observation.gripper_position(SPEC, GRIPPER_ENDS), [5], [45]),
        (observation.joint_velocity(SPEC), [-180] * 6, [180] * 6),
        (observation.motor_current(SPEC), [-2700] * 6, [2700] * 6),
        (observation.end_effector_pose(locate, LOW, HIGH, False), LOW, HIGH),
        (
            observation.end_effector_pose(locate, LOW, HIGH, True),
            (LOW - HIGH) / 2,
            (HIGH - LOW) / 2,
        ),
        (observation.target_offset(locate, STEP), -2 * STEP, 2 * STEP),
        (observation.gripper_target(SPEC, GRIPPER_ENDS), [5], [45]),
        (observation.object_positions(SPEC, locate, LOW, HIGH, False), LOW, HIGH),
        (
            observation.object_positions(SPEC, locate, LOW, HIGH, True),
            (LOW - HIGH) / 2,
            (HIGH - LOW) / 2,
        ),
    ],
)
def test_the_ends_of_each_range(part: Observe, lowest: Any, highest: Any) -> None:
    np.testing.assert_allclose(part.low, lowest)
    np.testing.assert_allclose(part.high, highest)


@pytest.mark.parametrize("part", [observation.gripper_position, observation.gripper_target])
def test_a_reversed_gripper_has_an_ordered_range(part: Callable[..., Observe]) -> None:
    reversed_gripper = part(SPEC, f32(90, 10))
    assert (reversed_gripper.low.tolist(), reversed_gripper.high.tolist()) == ([10.0], [90.0])


def test_a_policy_fits_a_reversed_gripper() -> None:
    gripper = {"closed": 45.0, "open": 0.0}
    config = RunConfig.model_validate(
        {
            "robot": {"type": "so101_sim"},
            "processor": {"gripper": gripper, "observation": {"joints": "gripper"}},
        }
    )
    Assembly(config).policy_config.validate_features()


def test_parts_of_one_key_are_appended_in_order() -> None:
    first = observation.gripper_position(SPEC, GRIPPER_ENDS)(sensed())
    done = observation.end_effector_pose(locate, LOW, HIGH, relative=False)(first)
    done = observation.object_positions(SPEC, locate, LOW, HIGH, relative=False)(done)
    np.testing.assert_allclose(done.observation[OBS_STATE], [40, 0.01, 0.02, 0.03], atol=1e-6)
    np.testing.assert_allclose(done.observation[OBS_ENV_STATE], OBJECT)
    np.testing.assert_allclose(first.observation[OBS_STATE], [40])  # the first one did not grow


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (observation.joint_velocity(SPEC), "joint velocities"),
        (observation.motor_current(SPEC), "motor currents"),
        (observation.object_positions(SPEC, locate, LOW, HIGH, relative=True), "object position"),
    ],
)
def test_what_the_robot_does_not_sense_is_a_clear_error(part: Observe, what: str) -> None:
    with pytest.raises(RobotError, match=f"senses no {what}.*processor.observation"):
        part(transition())


@pytest.mark.parametrize(
    "part",
    [
        observation.joint_positions(SPEC),
        observation.gripper_position(SPEC, GRIPPER_ENDS),
        observation.joint_velocity(SPEC),
        observation.end_effector_pose(locate, LOW, HIGH, relative=True),
        observation.target_offset(locate, STEP),
        observation.object_positions(SPEC, locate, LOW, HIGH, relative=True),
        images({"front": (1, 1, 4, 4)}, (2, 2)),
    ],
)
def test_no_observation_step_writes_into_its_input(part: Any) -> None:
    once = observation.gripper_target(SPEC, GRIPPER_ENDS)(sensed())
    images = {"front": image()}
    assert_leaves_its_input_alone(part, once)
    assert_leaves_its_input_alone(
        part,
        transition(
            images=images,
            observation=once.observation,
            velocities=joints(),
            currents=joints(),
            environment_state=OBJECT,
        ),
    )


# as build.py composes them


def choices() -> Iterator[ObservationConfig]:
    """Every combination of the options that changes which numbers there are."""
    for values in itertools.product(
        ("all", "gripper", None), (True, False), ("absolute", "relative", None), (True, False)
    ):
        joints, extra, pose, target = values
        yield ObservationConfig(
            joints=joints,
            joint_velocity=extra,
            motor_current=not extra,
            end_effector=pose,
            target=target,
            object="relative" if target else "absolute",
        )


@pytest.mark.parametrize("robot", [SO100SimConfig(), SO101SimConfig()], ids=lambda r: r.type)
def test_shapes_names_and_ranges_fit_the_numbers_for_every_choice(robot: Any) -> None:
    with SimRobot(robot, fps=10) as twin:
        twin.reset(3)
        twin.command(f32(*robot.reset_pose) + 5)
        kinematics = Kinematics(ARMS[robot.type.removesuffix("_sim")])
        tip = kinematics.tip(f32(*robot.reset_pose))
        for wanted in choices():
            config = RunConfig(robot=robot, processor=ProcessorConfig(observation=wanted))
            parts = list(observations(config.processor, twin.spec, kinematics).values())
            value = transition(command(tip=tip, start=tip), **_sensed_by(twin))
            for part in parts:
                value = part(value)
            policy = Assembly(config, robot=twin).policy_config
            policy.validate_features()
            for key, feature in policy.input_features.items():
                assert value.observation[key].shape == feature.shape
                stats = (policy.dataset_stats or {})[key]
                names = [name for part in parts if part.key == key for name in part.names]
                assert len(names) == len(set(names)) == len(stats["min"]) == len(stats["max"])
                assert feature.shape == (len(names),)
            assert set(value.observation) == set(policy.input_features)


def _sensed_by(twin: SimRobot) -> dict[str, Any]:
    reading = twin.read()
    return {
        "velocities": reading.velocities,
        "currents": reading.currents,
        "environment_state": reading.environment_state,
    }


@pytest.mark.parametrize("robot", [SO100SimConfig(), SO101SimConfig()], ids=lambda r: r.type)
def test_a_fresh_episode_is_seen_within_about_one(robot: Any) -> None:
    """Every number of the default observation normalises into about [-1, 1] at the reset pose."""
    config = RunConfig(robot=robot)
    with SimRobot(robot, fps=10) as twin:
        kinematics = Kinematics(twin.spec.arm)
        parts = list(observations(config.processor, twin.spec, kinematics).values())
        tip = kinematics.tip(f32(*robot.reset_pose))
        for seed in range(20):
            twin.reset(seed)
            now = transition(command(tip=tip, start=tip, commanded=40.0), **_sensed_by(twin))
            now = Transition(now.command, now.sent, twin.read())
            for part in parts:
                values = part(now).observation[part.key]
                scaled = (values - part.low) / (part.high - part.low) * 2 - 1
                limit = 2.0 if part.key == OBS_ENV_STATE else 1.1  # across the whole box
                assert np.abs(scaled).max() <= limit, part.names


# images


def image(height: int = 6, width: int = 8) -> U8:
    """Each pixel says where it is: (10 row, 10 column, 100 + row)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack((10 * rows, 10 * columns, 100 + rows), axis=2).astype(np.uint8)


def shown(step: Any, **images: U8) -> dict[str, U8]:
    observation = step(transition(images=images)).observation
    return {key.removeprefix("observation.images."): value for key, value in observation.items()}


def test_an_image_passes_unchanged_by_default() -> None:
    done = shown(images({}, None), front=image(), wrist=image(4, 5))
    np.testing.assert_array_equal(done["front"], image())
    np.testing.assert_array_equal(done["wrist"], image(4, 5))


def test_a_crop_takes_exactly_its_region_of_its_camera() -> None:
    done = shown(images({"front": (1, 2, 3, 4)}, None), front=image(), wrist=image())
    assert done["front"].shape == (3, 4, 3)
    np.testing.assert_array_equal(done["front"][0, 0], [10, 20, 101])
    np.testing.assert_array_equal(done["front"][-1, -1], [30, 50, 103])
    np.testing.assert_array_equal(done["wrist"], image())


def test_a_resize_averages_areas_and_stays_uint8() -> None:
    done = shown(images({}, (3, 4)), front=image(6, 8))["front"]  # 2x2 pixels become one
    assert (done.dtype, done.shape) == (np.uint8, (3, 4, 3))
    means = image(6, 8).reshape(3, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(done - means).max() <= 0.5


def test_height_and_width_are_not_swapped() -> None:
    assert shown(images({"front": (0, 0, 6, 2)}, (3, 1)), front=image())["front"].shape == (
        3,
        1,
        3,
    )


@pytest.mark.parametrize("size", [(3, 4), (5, 7), (1, 1)])
def test_a_constant_image_stays_constant(size: tuple[int, int]) -> None:
    grey = np.full((12, 16, 3), (7, 130, 255), np.uint8)
    done = shown(images({"front": (1, 1, 11, 14)}, size), front=grey)["front"]
    np.testing.assert_array_equal(done, np.full((*size, 3), (7, 130, 255), np.uint8))


@pytest.mark.parametrize("region", [(4, 0, 3, 8), (0, 5, 6, 4), (6, 0, 1, 1), (0, 0, 7, 8)])
def test_a_crop_that_reaches_outside_is_a_clear_error(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(RobotError, match=r"crop.front: .* outside the image of 6x8 pixels"):
        shown(images({"front": region}, None), front=image())


def test_images_join_the_features_that_are_there() -> None:
    done = images({}, None)(transition(images={"front": image()}, observation={OBS_STATE: f32(1)}))
    assert set(done.observation) == {OBS_STATE, "observation.images.front"}
