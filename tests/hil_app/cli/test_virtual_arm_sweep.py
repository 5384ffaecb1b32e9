"""Whoever sweeps a virtual arm's joints meets no table on the way, as its world would stop it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hil_app.cli.arm.virtual_arm_sweep import swept
from robots.arm import ARMS
from robots.twin.physics import mujoco
from robots.twin.world import World


@pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)
def test_the_arm_reaches_each_end_and_touches_nothing_on_the_way(arm) -> None:
    world = World(arm, "pick_lift", period=0.1)
    world.reset(arm.zero, seed=0)
    limits = dict(zip(arm.names, arm.limits.tolist(), strict=True))
    poses = [np.array([joints[name] for name in arm.names]) for joints in swept(limits)]
    for before, after in pairwise([arm.limits.mean(axis=1), *poses]):
        for share in np.linspace(0.0, 1.0, 9):
            world.data.qpos[:6] = arm.to_urdf(before + share * (after - before))
            mujoco.mj_forward(world.model, world.data)
            assert not touched(world), f"on the way to {after}"
    reached = np.array([np.min(poses, axis=0), np.max(poses, axis=0)]).T
    moving = np.arange(6) != arm.roll
    np.testing.assert_allclose(reached[moving], arm.limits[moving], atol=1e-5)


def touched(world: World) -> bool:
    """Whether the arm touches anything that is not the arm."""
    model = world.model
    roots = model.body_rootid[model.geom_bodyid[[one.geom for one in world.data.contact]]]
    root = model.body_rootid[model.body("gripper_link").id]
    return bool(((roots == root).sum(axis=-1) == 1).any()) if len(roots) else False
