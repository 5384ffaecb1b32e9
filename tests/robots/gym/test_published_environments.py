"""Environments that others publish, where their packages are installed."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from configs.load import read, validate
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # theirs
]
PACKAGES = {
    "fetch_reach": "gymnasium_robotics",
    "fetch_pick_and_place": "gymnasium_robotics",
    "panda_pick_cube": "gym_hil",
}


def skip_without(package: str) -> None:
    """Without loading it: who makes the environment says by what MuJoCo draws."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize(("preset", "package"), PACKAGES.items())
def test_our_operator_does_its_task_in_scenes_that_differ(preset: str, package: str) -> None:
    skip_without(package)
    parts = Assembly(validate(read(preset)))
    operator = parts.teleop("always")
    loop = parts.loop(operator, NoPolicy(), lambda: False)
    starts = []
    with parts.robot, operator:
        done = []
        for seed in range(25):
            done.append(loop.episode(seed))
            parts.robot.reset(seed)
            starts.append(parts.robot.read().environment_state)
        parts.robot.reset(0)
        np.testing.assert_array_equal(parts.robot.read().environment_state, starts[0])
    assert sum(one.success for one in done) >= 24
    assert np.ptp(starts, axis=0).max() > 0.05


@pytest.mark.parametrize(("preset", "package"), PACKAGES.items())
def test_what_is_observed_lies_within_its_ranges_or_near_them(preset: str, package: str) -> None:
    skip_without(package)
    parts = Assembly(validate(read(preset)))
    operator = parts.teleop("always")
    seen = []
    loop = parts.loop(operator, NoPolicy(), lambda: False)
    with parts.robot, operator:
        for seed in range(5):
            loop.episode(seed, [lambda frame: seen.append(frame.reading.environment_state)])
    low, high = parts.robot.spec.environment_limits.T
    scaled = 2 * (np.array(seen) - low) / (high - low) - 1
    assert np.quantile(np.abs(scaled), 0.98, axis=0).max() < 2
