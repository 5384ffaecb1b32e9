"""The simulated arms: the physics of ``World`` behind the contract of ``Robot``."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Self

import numpy as np

from configs.robot import SimRobotConfig
from configs.task import TASKS
from robots.arm import ARMS
from robots.base import (
    F32,
    GRIPPER,
    U8,
    NotConnected,
    Reading,
    RobotError,
    Truth,
    TruthSource,
    positions_of,
)
from robots.poses import within
from robots.twin.renderer import Renderer
from robots.twin.tasks.base import Task
from robots.twin.variation import Wire
from robots.twin.world import World

# An estimate from the STS3215's sheet at 12 V: 2.7 A at its stall torque of 3.35 N m.
_MILLIAMPERES = 2700.0 / 3.35  # [mA / N m]


class SimRobot:
    """The MuJoCo twin of an SO100 or SO101.

    An episode is a pure function of its seed and the commands; each command takes exactly
    ``1 / fps`` seconds of the simulated time, however long the computer takes. Stamps are
    simulated time since the reset, so that an episode repeats bit for bit whatever came before.
    """

    def __init__(self, cfg: SimRobotConfig, fps: float, **_: object) -> None:
        self._arm = arm = ARMS[cfg.type.removesuffix("_sim")]
        self._task: Task = TASKS.factory(cfg.task)(cfg.task)
        self._reset_pose = within("robot.reset_pose", cfg.reset_pose, arm.limits)
        self.spec = arm.spec(
            cameras={name: (camera.height, camera.width) for name, camera in cfg.cameras.items()},
            senses=frozenset({"velocities", "currents"}),
            environment=positions_of(self._task.objects),
            reset_pose=self._reset_pose,
            tasks=tuple(entry.name for entry in TASKS),
            task=cfg.task.type,
        )
        self.truth: TruthSource | None = self._truth
        self._cfg, self._fps = cfg, fps
        self._wire = Wire()
        self._world: World | None = None
        self._renderers: dict[tuple[int, int, bool], Renderer] = {}
        self._episode = self._tick = 0
        self._halted: F32 | None = None  # where
        self._known: Truth | None = None  # of this instant, once somebody has asked

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self._close)
            period = 1.0 / self._fps
            self._world = World(self._arm, self._task, period, self._cfg.randomize)
            self._world.reset(self._arm.zero, seed=0)  # at mid-range until the first ramp
            self._halted, self._wire = None, Wire()
            for camera in self._cfg.cameras.values():  # fail now, not in the loop
                self._renderer(camera.height, camera.width, fine=False)
            undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def reset(self, seed: int) -> None:
        """Put the arm at its reset pose and make the scene that ``seed`` says."""
        world, pose = self._entered(), self._arm.to_urdf(self._reset_pose)
        world.reset(pose, seed)
        self._wire = Wire(self._cfg.randomize, seed, pose)
        self._episode, self._tick, self._known = self._episode + 1, 0, None

    def read(self) -> Reading:
        """Sense now: joints, speeds, currents (estimated from the torque), object and images."""
        world = self._entered()
        return Reading(
            joints=self._wire.joints(self._arm.from_urdf(world.angles)),
            stamp=self._tick / self._fps,
            velocities=self._arm.velocity_from_urdf(world.rates),
            currents=(np.abs(world.torques) * _MILLIAMPERES).astype(np.float32),
            environment_state=self._wire.places(world.positions.astype(np.float32)).ravel(),
            images={
                name: self._renderer(camera.height, camera.width, fine=False).paint(
                    world.data, camera.view
                )
                for name, camera in self._cfg.cameras.items()
            },
        )

    def command(self, target: F32) -> F32:
        """Move towards ``target`` (6,) [deg, %] for one tick; returns it within limits.

        Raises RobotError if the target holds a NaN or an infinity.
        """
        world = self._entered()
        if not np.isfinite(target).all():
            raise RobotError(f"The joint target {target} is not finite: look at the step before.")
        target = target if self._halted is None else self._halted
        sent: F32 = np.clip(target, *self.spec.limits.T).astype(np.float32)
        world.advance(self._wire.through(self._arm.to_urdf(sent)))
        self._tick, self._known = self._tick + 1, None
        return sent

    def joints_now(self) -> F32:
        """The joints (6,) [deg, %]."""
        return self._arm.from_urdf(self._entered().angles)

    def held(self) -> AbstractContextManager[None]:
        """It stays anyway: its time stands still meanwhile."""
        return nullcontext()

    def halt(self, cause: str) -> None:  # noqa: ARG002 - nobody has to be told of a simulated arm
        """Stay here: commands from now on change nothing."""
        self._halted, self._wire = self.joints_now(), Wire()

    def _truth(self) -> Truth:
        """What only the simulated world knows; the operator and the success step both ask."""
        if self._known is None:
            world = self._entered()
            self._known = Truth(
                episode=self._episode,
                tick=self._tick,
                tip=world.tip.astype(np.float32),
                gripper=float(self._arm.from_urdf(world.angles)[GRIPPER]),
                objects=dict(zip(world.objects, world.positions.astype(np.float32), strict=True)),
                success=world.success,
            )
        return self._known

    def render(self, view: str, height: int, width: int) -> U8:
        """A fine RGB image (H, W, 3) for people; ``view`` is front, wrist or overview.

        Raises RenderError where no off-screen OpenGL is to be had.
        """
        world = self._entered()
        return self._renderer(height, width, fine=True).paint(world.data, view)

    def _close(self) -> None:
        self._world = self._known = None
        with ExitStack() as stack:
            for renderer in self._renderers.values():
                stack.callback(renderer.close)
        self._renderers = {}

    def _renderer(self, height: int, width: int, fine: bool) -> Renderer:
        key = (height, width, fine)
        if key not in self._renderers:
            self._renderers[key] = Renderer(self._entered().model, *key)
        return self._renderers[key]

    def _entered(self) -> World:
        if self._world is None:
            raise NotConnected(
                f"The {self._cfg.type} is used outside its `with` block: enter it first."
            )
        return self._world
