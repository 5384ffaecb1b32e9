"""Env steps that build the policy's observation from what the robot sensed.

Each :class:`Observe` appends named numbers to one feature and knows their range, so that feature
shapes, names and normalisation come from the same place as the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.names import OBS_ENV_STATE, OBS_IMAGES, OBS_STATE
from processors.base import Step, Transition
from processors.wrist import Wrist
from robots.base import F32, U8, RobotError, RobotSpec
from robots.camera.opencv import load_opencv

Locate = Callable[[F32], F32]  # joints (n,) [deg, %] -> gripper frame (3,) [m]
XYZ = ("x", "y", "z")
ANGLES = ("pitch", "roll")
FAST = 180.0  # joint velocity of an arm that normalises to 1 [deg/s]
STALL = 2700.0  # motor current that normalises to 1, the servo's stall current [mA]


@dataclass(frozen=True)
class Observe:
    """An env step that appends ``names`` to the feature ``key``."""

    key: str
    names: tuple[str, ...]
    low: F32  # (n,) values that normalise to -1
    high: F32  # (n,) values that normalise to +1
    values: Callable[[Transition], F32]  # (n,)

    def __call__(self, transition: Transition) -> Transition:
        """``transition`` with the numbers appended."""
        values: NDArray[Any] = self.values(transition)
        observation = dict(transition.observation)
        if (before := observation.get(self.key)) is not None:
            values = np.concatenate((before, values))
        observation[self.key] = values
        return replace(transition, observation=observation)


def joint_positions(spec: RobotSpec) -> Observe:
    """All that a robot is commanded by, as it is measured (n,)."""
    low, high = spec.limits.T
    return Observe(OBS_STATE, _named(spec, "pos"), low, high, lambda t: t.reading.joints)


def gripper_position(spec: RobotSpec, limits: F32) -> Observe:
    """The measured gripper alone [%]; ``limits`` (2,) are its ends, in either order."""
    low, high = np.sort(limits)[:, None]
    at, name = _gripper(spec)
    return Observe(OBS_STATE, (f"{name}.pos",), low, high, lambda t: t.reading.joints[at])


def joint_velocity(spec: RobotSpec) -> Observe:
    """Measured velocities (n,), in the spec's units a second.

    Without an arm model, the whole way between its limits in a second normalises to 1.
    """

    def values(transition: Transition) -> F32:
        return _sensed(transition.reading.velocities, "joint velocities")

    names = _named(spec, "vel")
    most = np.ptp(spec.limits, axis=1) if spec.arm is None else _filled(spec, FAST)
    return Observe(OBS_STATE, names, -most, most, values)


def motor_current(spec: RobotSpec) -> Observe:
    """Measured motor currents (n,) [mA]."""

    def values(transition: Transition) -> F32:
        return _sensed(transition.reading.currents, "motor currents")

    names, most = _named(spec, "current"), _filled(spec, STALL)
    return Observe(OBS_STATE, names, -most, most, values)


def end_effector_pose(locate: Locate, low: F32, high: F32, relative: bool) -> Observe:
    """The measured gripper position (3,) [m], in the base frame or relative to the reset pose.

    ``low`` and ``high`` (3,) are the workspace's corners.
    """
    names = tuple(f"ee.{axis}" for axis in XYZ)
    if relative:
        half = (high - low) * np.float32(0.5)
        return Observe(
            OBS_STATE, names, -half, half, lambda t: locate(t.reading.joints) - t.command.start
        )
    return Observe(OBS_STATE, names, low, high, lambda t: locate(t.reading.joints))


def target_offset(locate: Locate, step_size: F32) -> Observe:
    """From the measured gripper to the target in force (3,) [m]: what the arm has yet to go."""
    names = tuple(f"target.{axis}" for axis in XYZ)

    def values(transition: Transition) -> F32:
        return transition.command.goal.tip - locate(transition.reading.joints)

    return Observe(OBS_STATE, names, -2 * step_size, 2 * step_size, values)


def wrist_pose(wrist: Wrist) -> Observe:
    """The measured pitch and roll (2,) [deg]."""
    names = tuple(f"ee.{angle}" for angle in ANGLES)
    return Observe(OBS_STATE, names, wrist.low, wrist.high, lambda t: wrist.at(t.reading.joints))


def wrist_offset(wrist: Wrist) -> Observe:
    """From the measured pitch and roll to those in force (2,) [deg]."""
    names = tuple(f"target.{angle}" for angle in ANGLES)

    def values(transition: Transition) -> F32:
        return wrist.commanded(transition.command.goal) - wrist.at(transition.reading.joints)

    return Observe(OBS_STATE, names, -2 * wrist.step, 2 * wrist.step, values)


def gripper_target(spec: RobotSpec, limits: F32) -> Observe:
    """The commanded gripper position [%]; ``limits`` (2,) are its ends, in either order."""
    low, high = np.sort(limits)[:, None]
    at, name = _gripper(spec)
    return Observe(OBS_STATE, (f"{name}.target",), low, high, lambda t: t.command.goal.joints[at])


def object_positions(
    spec: RobotSpec, locate: Locate, low: F32, high: F32, relative: bool
) -> Observe:
    """The simulated objects (3k,) [m], in the base frame or seen from the gripper."""
    names, count = spec.environment, len(spec.environment) // len(XYZ)

    def absolute(transition: Transition) -> F32:
        return _sensed(transition.reading.environment_state, "object position")

    if relative:
        half = np.tile((high - low) * np.float32(0.5), count)
        return Observe(
            OBS_ENV_STATE,
            names,
            -half,
            half,
            lambda t: (absolute(t).reshape(count, len(XYZ)) - locate(t.reading.joints)).ravel(),
        )
    return Observe(OBS_ENV_STATE, names, np.tile(low, count), np.tile(high, count), absolute)


def environment(spec: RobotSpec) -> Observe:
    """All numbers (m,) of a world that is no arm's, as it senses them.

    Those without usual ends are points in space, within a metre of its origin.
    """
    limits = spec.environment_limits
    if limits is None:
        limits = np.tile(np.array([-1, 1], np.float32), (len(spec.environment), 1))
    low, high = limits.T

    def values(transition: Transition) -> F32:
        return _sensed(transition.reading.environment_state, "environment")

    return Observe(OBS_ENV_STATE, spec.environment, low, high, values)


def images(
    crop: Mapping[str, tuple[int, int, int, int]], resize: tuple[int, int] | None
) -> Step[Transition]:
    """Every camera's image as a uint8 feature.

    See :func:`framing`.
    """
    framed = framing(crop, resize)

    def step(transition: Transition) -> Transition:
        images = {
            f"{OBS_IMAGES}.{camera}": framed(camera, image)
            for camera, image in transition.reading.images.items()
        }
        return replace(transition, observation={**transition.observation, **images})

    return step


def framing(
    crop: Mapping[str, tuple[int, int, int, int]], resize: tuple[int, int] | None
) -> Callable[[str, U8], U8]:
    """From a camera's name and its image (H, W, 3) to what the policy sees of it.

    It is cropped (top, left, height, width) and then resized to (height, width) by area
    averaging; no float image is ever made.
    """
    resized = _keep if resize is None else _resizer(resize)
    return lambda camera, image: resized(_cropped(image, crop.get(camera), camera))


def _cropped(image: U8, region: tuple[int, int, int, int] | None, camera: str) -> U8:
    if region is None:
        return image
    top, left, height, width = region
    cut = image[top : top + height, left : left + width]
    if cut.shape[:2] != (height, width):
        raise RobotError(
            f"processor.images.crop.{camera}: {list(region)} (top, left, height, width) reaches "
            f"outside the image of {image.shape[0]}x{image.shape[1]} pixels"
        )
    return cut


def _keep(image: U8) -> U8:
    return image


def _resizer(size: tuple[int, int]) -> Callable[[U8], U8]:
    """Bring images to ``size`` (height, width) [px]; only runs that resize load OpenCV."""
    cv2 = load_opencv("processor.images.resize")

    def resized(image: U8) -> U8:
        scaled: U8 = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        return scaled

    return resized


def _sensed(values: F32 | None, what: str) -> F32:
    if values is None:
        raise RobotError(f"this robot senses no {what}; turn it off in processor.observation")
    return values


def _gripper(spec: RobotSpec) -> tuple[slice, str]:
    """Where among a robot's joints its gripper is, and what it is called."""
    assert spec.gripper is not None
    return slice(spec.gripper, spec.gripper + 1), spec.names[spec.gripper]


def _named(spec: RobotSpec, quantity: str) -> tuple[str, ...]:
    return tuple(f"{name}.{quantity}" for name in spec.names)


def _filled(spec: RobotSpec, value: float) -> F32:
    return np.full(len(spec.names), value, np.float32)
