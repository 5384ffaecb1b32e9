"""A camera that hangs, and a scene in which nothing happens."""

import numpy as np
from numpy.typing import NDArray

from robots.camera.stillness import Stillness


def joints(degrees: float = 0.0, gripper: float = 0.0) -> NDArray[np.float32]:
    return np.array([0, degrees, 0, 0, 0, gripper], np.float32)


def test_an_image_may_stay_as_long_as_the_arm_does() -> None:
    stillness = Stillness(fps=30)
    assert not any(stillness.lasts_too_long(0.0, joints(9, 100), at) for at in (0, 1, 60, 3600))


def test_it_hangs_once_the_arm_was_elsewhere_for_a_second_wherever_it_is_then() -> None:
    stillness = Stillness(fps=30)
    assert not stillness.lasts_too_long(0.0, joints(), 0.0)
    assert not stillness.lasts_too_long(0.0, joints(-11), 5.0)
    assert not stillness.lasts_too_long(0.0, joints(), 5.9)
    assert stillness.lasts_too_long(0.0, joints(), 6.1)
    assert not stillness.lasts_too_long(6.2, joints(), 6.2)  # another image


def test_a_slow_camera_has_the_time_that_it_takes() -> None:
    stillness = Stillness(fps=0.5)
    assert not stillness.lasts_too_long(0.0, joints(), 0.0)
    assert not stillness.lasts_too_long(0.0, joints(90), 0.1)
    assert not stillness.lasts_too_long(0.0, joints(90), 8.0)
    assert stillness.lasts_too_long(0.0, joints(90), 8.2)
