"""What ``robot.randomize`` makes of each episode's scene, by the episode's seed.

``visual`` changes what things look like and where cameras look from, ``full`` also how things
behave, and what lies between the loop and the arm. Each kind has a generator of its own: things lie
where they would without, and look in ``full`` as they do in ``visual``.
"""

from __future__ import annotations

import colorsys
from collections import deque
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from configs.robot import Randomize
from robots.arm import F64
from robots.base import F32
from robots.twin.physics import mujoco

# visual: factors are (lowest, highest), the rest is the most in either direction
HUE = 0.1  # of a thing [turns of the colour wheel]
SATURATION, BRIGHTNESS = (0.75, 1.0), (0.75, 1.15)
SIZE = (0.92, 1.08)  # of the things that the task lets have it
GROUND, TINT = (0.75, 1.15), (0.92, 1.08)  # table and mat: all of a colour, and each of its parts
LIGHT, AMBIENT = (0.7, 1.3), (0.85, 1.2)  # strength of each lamp, and of the light all around
LAMP_TURN = 20.0  # [deg] about each axis
CAMERAS = {"front": (0.02, 2.5), "wrist": (0.004, 2.5)}  # off its place [m], turned [deg], an axis
# full
FRICTION = (0.7, 1.3)  # sliding, of the fingers, and of all that they and things slide on
MASS = (0.5, 2.0)  # of each thing
DELAY = 2  # longest from a command to the motion [ticks]
JOINT_NOISE, PLACE_NOISE = 0.3, 0.002  # standard deviation [deg, % of the gripper], [m]

_LOOK, _FEEL, _WIRE = range(1, 4)  # kinds of what is drawn
_CHANGED = (
    *("geom_rgba", "geom_size", "geom_pos", "geom_aabb", "geom_rbound", "bvh_aabb", "body_ipos"),
    *("light_diffuse", "light_dir", "cam_pos", "cam_quat", "geom_friction"),
    *("body_mass", "body_inertia", "body_subtreemass", "body_invweight0", "dof_invweight0"),
)
Span = tuple[float, float]


@runtime_checkable
class Resizable(Protocol):
    """A task that can be done with somewhat larger and smaller things."""

    resizable: tuple[str, ...]
    """Which of its objects: bodies of simple shapes, whose size neither ``done`` nor a gap that
    they must fit depends on."""


class Variation:
    """Makes the scene of each episode out of a model, whose own values stay at hand.

    ``things`` are a task's objects, and ``resizable`` those of them whose size may differ.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        level: Randomize,
        things: Sequence[str],
        resizable: Sequence[str] = (),
    ) -> None:
        self._model, self._level = model, level
        self._usual = {name: getattr(model, name).copy() for name in _CHANGED}
        self._ambient = model.vis.headlight.ambient.copy()
        self._resizable = [model.body(name).id for name in resizable]
        self._things = _bodies_of(model, things)

    def draw(self, seed: int) -> None:
        """Make the scene of an episode; what the last one had is gone."""
        if self._level == "none":
            return
        self._restore()
        look = _random(seed, _LOOK)
        for bodies in self._things:
            self._colour(bodies, look)
        for body in self._resizable:
            self._resize(body, look.uniform(*SIZE))
        self._ground(look)
        self._light(look)
        self._move_cameras(look)
        if self._level == "full":
            feel = _random(seed, _FEEL)
            self._slide(feel)
            for bodies in self._things:
                self._weigh(bodies, feel.uniform(*MASS))

    def _restore(self) -> None:
        for name, usual in self._usual.items():
            getattr(self._model, name)[:] = usual
        self._model.vis.headlight.ambient[:] = self._ambient

    def _colour(self, bodies: NDArray[np.intp], random: np.random.Generator) -> None:
        """Another colour, the same for all of a thing; what has a material keeps that."""
        model, shift = self._model, random.uniform(-HUE, HUE)
        pale, bright = random.uniform(*SATURATION), random.uniform(*BRIGHTNESS)
        plain = np.isin(model.geom_bodyid, bodies) & (model.geom_matid < 0)
        for geom in np.flatnonzero(plain):
            hue, saturation, value = colorsys.rgb_to_hsv(*model.geom_rgba[geom, :3])
            tinted = ((hue + shift) % 1.0, saturation * pale, min(value * bright, 1.0))
            model.geom_rgba[geom, :3] = colorsys.hsv_to_rgb(*tinted)

    def _resize(self, body: int, scale: float) -> None:
        """All that is a length of it; it weighs the same."""
        model = self._model
        geoms = model.geom_bodyid == body
        for lengths in (model.geom_size, model.geom_pos, model.geom_aabb, model.geom_rbound):
            lengths[geoms] *= scale
        first = model.body_bvhadr[body]
        model.bvh_aabb[first : first + model.body_bvhnum[body]] *= scale
        model.body_ipos[body] *= scale

    def _ground(self, random: np.random.Generator) -> None:
        for name in ("table", "mat"):
            colour = self._model.geom(name).rgba[:3]
            colour *= random.uniform(*GROUND) * random.uniform(*TINT, 3)
            np.clip(colour, 0.0, 1.0, out=colour)

    def _light(self, random: np.random.Generator) -> None:
        model = self._model
        model.vis.headlight.ambient[:] *= random.uniform(*AMBIENT)
        for light in range(model.nlight):
            model.light_diffuse[light] *= random.uniform(*LIGHT)
            direction, turn = model.light_dir[light].copy(), _turn(LAMP_TURN, random)
            mujoco.mju_rotVecQuat(model.light_dir[light], direction, turn)

    def _move_cameras(self, random: np.random.Generator) -> None:
        for name, (off, turned) in CAMERAS.items():
            camera = self._model.camera(name).id
            self._model.cam_pos[camera] += random.uniform(-off, off, 3)
            quat, turn = self._model.cam_quat[camera].copy(), _turn(turned, random)
            mujoco.mju_mulQuat(self._model.cam_quat[camera], quat, turn)

    def _slide(self, random: np.random.Generator) -> None:
        """Of two that touch, MuJoCo takes the higher friction."""
        model = self._model
        root = model.body_rootid[model.jnt_bodyid[0]]  # the arm's
        fingers = model.body_rootid[model.geom_bodyid] == root
        model.geom_friction[fingers, 0] *= random.uniform(*FRICTION)
        model.geom_friction[~fingers, 0] *= random.uniform(*FRICTION)

    def _weigh(self, bodies: NDArray[np.intp], factor: float) -> None:
        """Another mass, and what MuJoCo makes of it beforehand."""
        model = self._model
        for heavier in (model.body_mass, model.body_inertia):
            heavier[bodies] *= factor
        model.body_invweight0[bodies] /= factor
        model.dof_invweight0[np.isin(model.dof_bodyid, bodies)] /= factor
        total = model.body_subtreemass
        total[:] = model.body_mass
        for body in range(model.nbody - 1, 0, -1):  # a body comes after its parent
            total[model.body_parentid[body]] += total[body]


class Wire:
    """What lies between the loop and a simulated arm: a late way there, noise on the way back.

    ``still`` (6,) [rad] is what the arm was told before the episode. A plain one does nothing.
    """

    def __init__(self, level: Randomize = "none", seed: int = 0, still: F64 | None = None) -> None:
        self._random = _random(seed, _WIRE) if level == "full" else None
        self.delay = 0 if self._random is None else int(self._random.integers(DELAY + 1))
        """From a command to the motion [ticks]."""
        self._under_way = deque([] if still is None else [still] * self.delay)

    def through(self, target: F64) -> F64:
        """The target (6,) that arrives now that this one is sent."""
        self._under_way.append(target)
        return self._under_way.popleft()

    def joints(self, true: F32) -> F32:
        """Joints (6,) [deg, %] as they are sensed."""
        return self._noisy(true, JOINT_NOISE)

    def places(self, true: F32) -> F32:
        """Places (k, 3) of objects [m] as they are sensed."""
        return self._noisy(true, PLACE_NOISE)

    def _noisy(self, true: F32, deviation: float) -> F32:
        if self._random is None:
            return true
        return (true + self._random.normal(0.0, deviation, true.shape)).astype(np.float32)


def _random(seed: int, kind: int) -> np.random.Generator:
    return np.random.default_rng([kind, seed])


def _turn(most: float, random: np.random.Generator) -> F64:
    """A turn (4,) w x y z by up to ``most`` [deg] about each axis."""
    turn, about = np.zeros(4), np.deg2rad(random.uniform(-most, most, 3))
    angle = float(np.linalg.norm(about))
    mujoco.mju_axisAngle2Quat(turn, about / max(angle, 1e-12), angle)
    return turn


def _bodies_of(model: mujoco.MjModel, things: Sequence[str]) -> list[NDArray[np.intp]]:
    """The bodies of each thing: its own, and those on it that are no thing of their own."""
    of = {model.body(name).id: index for index, name in enumerate(things)}
    owner = np.full(model.nbody, -1)
    for body in range(1, model.nbody):  # a body comes after its parent
        owner[body] = of.get(body, owner[model.body_parentid[body]])
    return [np.flatnonzero(owner == index) for index in range(len(things))]
