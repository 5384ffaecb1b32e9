"""What moves the shafts: the motors of the MuJoCo twin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robots.arm import F64, Arm
from robots.base import F32, GRIPPER, JOINTS, Truth
from robots.twin.physics import mujoco
from robots.twin.world import World
from robots.virtual.mount import Mount
from robots.virtual.servos.motors import Hand

SceneState = tuple[F64, F64, F64]  # joints' positions, and places and turns of what stays put
STALL = 3.35  # torque of an STS3215 at 12 V, by its sheet [N m]
_HAND = 6.0  # what an operator exerts on a joint [N m]


class WorldMotors:
    """The arm of a ``World``, its servos' torque limited as each period says.

    ``scene`` is the newest state, for who draws it in another thread: it is replaced, not changed.
    """

    def __init__(self, arm: Arm, task: str, mount: Mount, pose: F32, period: float) -> None:
        self.kind, self.task = arm.name, task
        self.world = World(arm, task, period)
        self.world.reset(arm.to_urdf(pose), seed=0)
        self._arm, self._mount, self._period = arm, mount, period
        self._sign = np.sign(arm.scale)  # (6,) of a shaft's turn in the URDF
        self._stiffness = self.world.model.actuator_gainprm[:, 0].copy()  # (6,) [N m/rad]
        self._hand = Hand(arm)
        self._episode = 0
        self._look(np.zeros(len(JOINTS)))

    def advance(self, setpoints: F64, shares: F64) -> None:
        """One period."""
        wanted = self._mount.joints(setpoints)
        held, by_hand = self._hand.move(self._period), self._hand.holds
        targets = self._angles(np.where(by_hand, held, wanted))
        self.world.limit_torques(np.where(by_hand, _HAND, shares * STALL))
        self.world.advance(targets)
        strain = self._stiffness * (self._angles(wanted) - self.world.angles) / STALL
        pushed = np.clip(strain, -shares, shares)  # by the motor of a joint that a hand holds
        self._look(np.where(by_hand, pushed, self.world.torques / STALL) * self._sign)

    def block(self, stuck: NDArray[np.bool_]) -> None:
        """Joints ``stuck`` (6,) do not move."""
        self.world.block(stuck)

    def hand(self, joints: Mapping[str, float] | None) -> None:
        """An operator's hand takes ``joints`` [deg, %] there; None lets go."""
        self._hand.take(joints, self._mount.joints(self.positions))

    def reset(self, seed: int) -> None:
        """Put the objects where ``seed`` says."""
        self.world.put_object(seed)
        self._episode += 1

    def truth(self) -> Truth:
        """What only the world knows."""
        places = self.world.positions.astype(np.float32)
        return Truth(
            episode=self._episode,
            tick=0,
            tip=self.world.tip.astype(np.float32),
            gripper=float(self._arm.from_urdf(self.world.angles)[GRIPPER]),
            objects=dict(zip(self.world.objects, places, strict=True)),
            success=self.world.success,
        )

    def _angles(self, joints: F64) -> F64:
        """URDF angles (6,) [rad] of ``joints`` (6,) [deg, %]."""
        return self._arm.zero + self._arm.scale * joints

    def _look(self, efforts: F64) -> None:
        """Bring what others see up to date."""
        data, arm = self.world.data, self._arm
        joints = (self.world.angles - arm.zero) / arm.scale
        self.positions = self._mount.shaft(joints)
        self.velocities = self._mount.scale * (self.world.rates / arm.scale)
        self.efforts = efforts
        self.scene = (data.qpos.copy(), data.mocap_pos.copy(), data.mocap_quat.copy())


def draw_from(model: mujoco.MjModel, data: mujoco.MjData, scene: SceneState) -> None:
    """Make ``data`` show ``scene``."""
    data.qpos[:], data.mocap_pos[:], data.mocap_quat[:] = scene
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)
