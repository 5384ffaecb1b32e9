"""How a trained policy does where something is not as it was trained: one change at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from configs.base import ConfigError
from configs.robot import Randomize, SimRobotConfig
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.control.outcomes import EVALUATE
from hil_app.control.policy import LearnedPolicy
from hil_app.learning.networks.actor import GaussianActorPolicy
from robots.arm import F64
from robots.base import F32, Reading
from robots.twin.physics import mujoco
from robots.twin.robot import SimRobot
from robots.twin.world import World

Change = Callable[[World], None]
BROWN, BLUE = (0.42, 0.28, 0.17), (0.12, 0.25, 0.80)


@dataclass(frozen=True)
class Condition:
    """What is not as it was trained."""

    says: str
    change: Change | None = None  # of what cameras see
    delay: int = 0  # from a command to the motion [ticks]
    joint_noise: float = 0.0  # standard deviation of what is sensed [deg, % of the gripper]
    object_noise: float = 0.0  # most along each axis, of the objects' places as sensed [m]
    randomize: Randomize = "none"

    def reaches(self, config: RunConfig) -> bool:
        """Whether a policy of this config can be told it from the usual."""
        looks = config.processor.observation
        if self.change is not None:
            return looks.images and bool(config.robot.cameras)
        return not self.object_noise or looks.object is not None


def _light(share: float) -> Condition:
    def change(world: World) -> None:
        model = world.model
        head = model.vis.headlight
        for light in (model.light_diffuse, model.light_specular, head.ambient, head.diffuse):
            light[:] *= share

    return Condition(f"all light is {share:g} times as strong", change)


def _lit_from_the_other_side(world: World) -> None:
    world.model.light_dir[:, 1] *= -1


def _brown_table(world: World) -> None:
    world.model.geom("table").rgba[:3] = BROWN


def _blue_object(world: World) -> None:
    model = world.model
    geoms = model.geom_bodyid == model.body(world.objects[0]).id
    model.geom_matid[geoms], model.geom_rgba[geoms, :3] = -1, BLUE


def _camera_moved(world: World) -> None:
    world.model.camera("front").pos[1] += 0.03


def _camera_turned(world: World) -> None:
    turn, quat = np.zeros(4), world.model.camera("front").quat
    mujoco.mju_axisAngle2Quat(turn, np.array([0.0, 0.0, 1.0]), np.deg2rad(5.0))
    mujoco.mju_mulQuat(quat, turn, quat.copy())


CONDITIONS: Mapping[str, Condition] = {
    "usual": Condition("nothing is changed"),
    **{f"light_{share:g}": _light(share) for share in (0.6, 0.8, 1.2, 1.5)},
    "light_from_other_side": Condition(
        "the lamps shine from the other side", _lit_from_the_other_side
    ),
    "brown_table": Condition("the table is brown", _brown_table),
    "blue_object": Condition("what is acted on is blue", _blue_object),
    "camera_moved": Condition("the front camera is 3 cm further left", _camera_moved),
    "camera_turned": Condition("the front camera looks 5 deg further left", _camera_turned),
    "delay": Condition("a tick passes from a command to the motion", delay=1),
    "joint_noise": Condition("joints are sensed with noise of 3 deg", joint_noise=3.0),
    "object_noise": Condition("objects are sensed up to 1 cm off", object_noise=0.01),
    "randomize_full": Condition("robot.randomize=full", randomize="full"),
}


class ChangedRobot(SimRobot):
    """The simulated arm of a config under a condition."""

    def __init__(self, cfg: SimRobotConfig, fps: float, condition: Condition) -> None:
        super().__init__(cfg.model_copy(update={"randomize": condition.randomize}), fps)
        self._condition = condition
        self._noise = np.random.default_rng(0)
        self._late: deque[F32] = deque()

    def __enter__(self) -> ChangedRobot:
        super().__enter__()
        if self._condition.change is not None:
            self._condition.change(self._entered())
        return self

    def reset(self, seed: int) -> None:
        """Make the scene that ``seed`` says; its noise is the seed's too."""
        super().reset(seed)
        self._noise = np.random.default_rng([seed, 1])
        self._late = deque([np.array(self.spec.reset_pose, np.float32)] * self._condition.delay)

    def read(self) -> Reading:
        """Sense now, with the condition's noise."""
        reading, how, noise = super().read(), self._condition, self._noise
        joints, places = reading.joints, reading.environment_state
        assert places is not None
        off = noise.normal(0.0, how.joint_noise, joints.shape)
        away = noise.uniform(-how.object_noise, how.object_noise, places.shape)
        return replace(reading, joints=_f32(joints + off), environment_state=_f32(places + away))

    def command(self, target: F32) -> F32:
        """Move as was told ``delay`` ticks ago."""
        self._late.append(target)
        return super().command(self._late.popleft())


@dataclass(frozen=True)
class Outcome:
    """What a policy came to under a condition."""

    condition: str
    says: str
    episodes: int
    successes: int
    ticks: float | None  # median of the successes


def outcomes(
    config: RunConfig, policy: GaussianActorPolicy, episodes: int, names: list[str]
) -> Iterator[Outcome]:
    """The policy of a run by itself under each condition, in the scenes of its last evaluation.

    Raises ConfigError unless the run's robot is a simulated arm.
    """
    robot = config.robot.twin
    if robot is None:
        raise ConfigError(
            f"robot.type: {config.robot.type} cannot be changed: name a run of a simulated arm, "
            "such as so101_sim"
        )
    env = config.env.model_copy(update={"paced": False})
    alone = config.model_copy(update={"teleop": None, "env": env, "window": False})
    for name in names:
        yield _outcome(name, alone, robot, policy, episodes)


def _outcome(
    name: str, config: RunConfig, robot: SimRobotConfig, policy: GaussianActorPolicy, episodes: int
) -> Outcome:
    condition = CONDITIONS[name]
    parts = Assembly(config, robot=ChangedRobot(robot, config.env.fps, condition))
    acting = LearnedPolicy(policy, deterministic=True)
    teleop = parts.teleop("never")
    loop = parts.loop(teleop, acting, stop=lambda: False, evaluating=True)
    with parts.robot, teleop:
        done = [loop.episode(parts.seed(EVALUATE, index)) for index in range(episodes)]
    ticks = [episode.ticks for episode in done if episode.success]
    median = float(np.median(ticks)) if ticks else None
    return Outcome(name, condition.says, episodes, len(ticks), median)


def _f32(values: F64) -> F32:
    return values.astype(np.float32)
