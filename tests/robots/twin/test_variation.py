"""What ``robot.randomize`` changes: by the seed, for an episode, and nothing where it is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from configs.robot import SimCameraConfig, SO101SimConfig
from configs.task import PickLiftConfig
from robots.arm import ARMS
from robots.base import Reading, RenderError
from robots.twin import variation
from robots.twin.robot import SimRobot
from robots.twin.scene import build_scene
from robots.twin.tasks.pick_lift import CUBE_EDGE, PickLift
from robots.twin.tasks.stack import Stack
from robots.twin.variation import Resizable, Wire
from robots.twin.world import World

ARM = ARMS["so101"]
RESET = ARM.to_urdf(np.array(SO101SimConfig().reset_pose, np.float32))
LOOKS = ("geom_rgba", "light_diffuse", "light_dir", "cam_pos", "cam_quat")
FEELS = ("geom_friction", "body_mass", "body_inertia", "body_subtreemass", "body_invweight0")
TASKS = ("pick_lift", "push", "pick_place", "stack", "drawer", "insert", "reach")


class AnySize(PickLift):
    """The cube, which may be of another size."""

    resizable = ("object",)


def world(level: Any, task: Any = "pick_lift") -> World:
    return World(ARM, task, period=0.1, randomize=level)


def scene(made: World, seed: int) -> dict[str, Any]:
    """The model's own numbers in the scene of a seed."""
    made.reset(RESET, seed)
    names = [name for name in dir(made.model) if not name.startswith("_")]
    fields = {name: getattr(made.model, name) for name in names}
    found = {k: v.copy() for k, v in fields.items() if isinstance(v, np.ndarray)}
    return {**found, "ambient": made.model.vis.headlight.ambient.copy()}


def differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {name for name in one if not np.array_equal(one[name], other[name])}


@pytest.mark.parametrize("task", TASKS)
def test_without_it_the_model_stays_as_it_was_built(task: str) -> None:
    made = world("none", task)
    built = build_scene(ARM, made._task, made.model.opt.timestep)
    found = scene(made, 7)
    assert [name for name in found if name != "ambient" and not
            np.array_equal(found[name], getattr(built, name))] == []  # fmt: skip
    np.testing.assert_array_equal(found["ambient"], built.vis.headlight.ambient)


@pytest.mark.parametrize("level", ["visual", "full"])
@pytest.mark.parametrize("task", TASKS)
def test_a_seed_says_all_of_it_whatever_came_before(level: str, task: str) -> None:
    made = world(level, task)
    first = scene(made, 3)
    other = scene(made, 4)
    assert differing(first, scene(made, 3)) == set()
    assert differing(first, scene(world(level, task), 3)) == set()
    varied = differing(first, other)
    assert {*LOOKS, "ambient"} <= varied
    loose = task not in ("reach",)
    assert (set(FEELS if loose else FEELS[:1]) <= varied) is (level == "full")
    assert varied <= {*variation._CHANGED, "ambient"}


def test_the_levels_nest() -> None:
    visual, full, none = (scene(world(one, AnySize(PickLiftConfig())), 3)
                          for one in ("visual", "full", "none"))  # fmt: skip
    assert differing(visual, full) == {*FEELS, "dof_invweight0"}
    assert differing(visual, none).isdisjoint(FEELS)


@pytest.mark.parametrize("task", TASKS)
def test_things_lie_where_they_would_without(task: str) -> None:
    for seed in range(5):
        places = []
        for level in ("none", "visual", "full"):
            made = world(level, task)
            made.reset(RESET, seed)
            places.append(made.positions)
        for other in places[1:]:  # larger things lie a little higher
            np.testing.assert_allclose(other, places[0], atol=1.5e-3)


def drawn(level: Any, task: Any = "pick_lift", seeds: int = 60) -> tuple[dict[str, Any], Any]:
    """The numbers of the usual scene, and those of many others stacked."""
    made = world(level, task)
    scenes = [scene(made, seed) for seed in range(seeds)]
    usual = scene(world("none", task), 0)
    return usual, {name: np.stack([one[name] for one in scenes]) for name in (*usual,)}


def assert_fills(values: Any, span: tuple[float, float]) -> None:
    low, high = span
    assert values.min() >= low - 1e-6
    assert values.max() <= high + 1e-6
    room = 0.2 * (high - low)
    assert values.min() < low + room
    assert values.max() > high - room


def test_what_is_drawn_fills_the_stated_ranges() -> None:
    usual, varied = drawn("full")
    made = world("none")
    cube, table = made.model.body("object").id, made.model.geom("table").id
    finger = int(np.flatnonzero(made.model.geom_group == 3)[0])
    mass, friction = varied["body_mass"] / usual["body_mass"].clip(1e-9), varied["geom_friction"]
    assert_fills(mass[:, cube], variation.MASS)
    others = np.arange(made.model.nbody) != cube
    assert (varied["body_mass"][:, others] == usual["body_mass"][others]).all()
    for geom in (table, finger):
        assert_fills(friction[:, geom, 0] / usual["geom_friction"][geom, 0], variation.FRICTION)
        np.testing.assert_array_equal(friction[0, geom, 1:], usual["geom_friction"][geom, 1:])
    assert_fills(varied["light_diffuse"][:, :, 0] / usual["light_diffuse"][:, 0], variation.LIGHT)
    assert_fills(varied["ambient"][:, 0] / usual["ambient"][0], variation.AMBIENT)
    np.testing.assert_allclose(np.linalg.norm(varied["light_dir"], axis=2), 1.0, atol=1e-9)
    for name, (off, turned) in variation.CAMERAS.items():
        camera = made.model.camera(name).id
        assert_fills(varied["cam_pos"][:, camera] - usual["cam_pos"][camera], (-off, off))
        same = np.abs(varied["cam_quat"][:, camera] @ usual["cam_quat"][camera]).clip(0, 1)
        angles = np.rad2deg(2 * np.arccos(same))
        assert 1.0 < angles.max() <= np.sqrt(3) * turned + 1e-6
    watched = made.model.camera("overview").id
    assert (varied["cam_pos"][:, watched] == usual["cam_pos"][watched]).all()


def test_colours_stay_colours_and_the_arm_keeps_its_own() -> None:
    usual, varied = drawn("visual", "pick_place")
    made = world("none", "pick_place").model
    changed = (varied["geom_rgba"] != usual["geom_rgba"]).any(axis=(0, 2))
    owners = {made.body(made.geom_bodyid[geom]).name for geom in np.flatnonzero(changed)}
    assert owners == {"object", "bin", "world"}
    assert ((varied["geom_rgba"] >= 0) & (varied["geom_rgba"] <= 1)).all()
    assert (varied["geom_rgba"][:, :, 3] == usual["geom_rgba"][:, 3]).all()
    bins = made.geom_bodyid == made.body("bin").id
    of_bin = varied["geom_rgba"][:, bins]
    assert (of_bin == of_bin[:, :1]).all()


def test_the_table_bears_what_a_thing_weighs() -> None:
    made = world("full")
    for seed in range(10):
        made.reset(RESET, seed)
        mass = made.model.body_mass[made.model.body("object").id]
        pressed = sum(  # on the pyramid of each contact [N]
            float(made.data.efc_force[contact.efc_address : contact.efc_address + 6].sum())
            for contact in made.data.contact[: made.data.ncon]
        )
        assert pressed == pytest.approx(9.81 * mass, rel=0.2)


def test_only_where_a_task_allows_it_a_thing_is_larger_or_smaller() -> None:
    for task in TASKS:
        usual, varied = drawn("full", task, seeds=3)
        if not isinstance(world("none", task)._task, Resizable):
            assert (varied["geom_size"] == usual["geom_size"]).all()


def test_a_cube_of_another_size_lies_on_the_table_and_is_touched_where_it_is() -> None:
    made = world("visual", AnySize(PickLiftConfig()))
    geom = int(np.flatnonzero(made.model.geom_bodyid == made.model.body("object").id)[0])
    halves = []
    for seed in range(40):
        made.reset(RESET, seed)
        half = made.model.geom_size[geom, 2]
        for _ in range(5):
            made.advance(made.data.ctrl)
        assert made.positions[0, 2] == pytest.approx(half, abs=3e-4)
        assert made.data.qvel[6:].max() < 1e-2
        np.testing.assert_allclose(made.model.geom_aabb[geom, 3:], made.model.geom_size[geom])
        np.testing.assert_allclose(made.model.geom_rbound[geom], np.sqrt(3) * half)
        halves.append(half)
    assert_fills(np.array(halves) / (CUBE_EDGE / 2), variation.SIZE)


def test_a_stack_of_other_sizes_still_counts() -> None:
    class AnyStack(Stack):
        resizable = ("object", "base")

    made = world("visual", AnyStack(PickLiftConfig()))
    for seed in range(20):
        made.reset(RESET, seed)
        top, base = (made.model.body(name).id for name in ("object", "base"))
        halves = [made.model.geom_size[made.model.body_geomadr[body], 2] for body in (top, base)]
        joint = made.data.joint("object")
        joint.qpos[:3] = made.positions[1] + (0, 0, sum(halves))
        joint.qpos[3:], joint.qvel[:] = (1, 0, 0, 0), 0
        for _ in range(5):
            made.advance(made.data.ctrl)
        assert made.success


# between the loop and the arm


def robot(level: Any, **options: Any) -> Any:
    return SimRobot(SO101SimConfig(randomize=level, **options), fps=10)


def test_a_command_arrives_as_many_ticks_later_as_the_episode_says() -> None:
    seen = set()
    with robot("full") as sim:
        for seed in range(12):
            delay = Wire("full", seed).delay
            sim.reset(seed)
            start = sim.joints_now()
            waited = []
            for _ in range(4):
                sent = sim.command(start + 5)
                np.testing.assert_array_equal(sent, start + 5)  # it is what was sent
                waited.append(np.abs(sim.joints_now() - start)[0] > 0.5)
            assert waited.index(True) == delay
            seen.add(delay)
    assert seen == {0, 1, 2}


@pytest.mark.parametrize("level", ["none", "visual"])
def test_without_full_nothing_is_late_or_noisy(level: Any) -> None:
    with robot(level) as sim:
        for seed in range(5):
            sim.reset(seed)
            reading = sim.read()
            np.testing.assert_array_equal(reading.joints, sim.joints_now())
            place = sim.truth().object
            np.testing.assert_array_equal(reading.environment_state, place)
            sim.command(sim.joints_now() + 5)
            assert np.abs(sim.joints_now() - reading.joints)[0] > 0.5


def test_a_halted_arm_stays_though_a_command_was_under_way() -> None:
    with robot("full") as sim:
        sim.reset(next(seed for seed in range(20) if Wire("full", seed).delay == 2))
        start = sim.joints_now()
        sim.command(start + 20)
        sim.halt("a test")
        for _ in range(4):
            sim.command(start + 20)
        np.testing.assert_allclose(sim.joints_now(), start, atol=0.5)


def test_noise_is_of_the_stated_deviation_and_the_truth_has_none() -> None:
    with robot("full") as sim:
        sim.reset(0)
        seen = [sim.read() for _ in range(600)]
        truths = [sim.truth().object for _ in range(2)]
        true_joints = sim.joints_now()
    joints = np.stack([reading.joints for reading in seen])
    places = np.stack([reading.environment_state for reading in seen])
    assert joints.dtype == places.dtype == np.float32
    np.testing.assert_array_equal(*truths)
    np.testing.assert_allclose(joints.std(axis=0), variation.JOINT_NOISE, rtol=0.15)
    np.testing.assert_allclose(joints.mean(axis=0), true_joints, atol=0.06)
    np.testing.assert_allclose(places.std(axis=0), variation.PLACE_NOISE, rtol=0.15)
    np.testing.assert_allclose(places.mean(axis=0), truths[0], atol=4e-4)


@pytest.mark.parametrize("level", ["none", "visual", "full"])
def test_an_episode_is_still_a_pure_function_of_seed_and_commands(level: Any) -> None:
    def episode(sim: Any, seed: int) -> bytes:
        sim.reset(seed)
        seen = [sim.read()]
        for tick in range(6):
            sim.command(np.array(sim._cfg.reset_pose, np.float32) + 3 * tick)
            seen.append(sim.read())
        return b"".join(one.joints.tobytes() + one.environment_state.tobytes() for one in seen)

    with robot(level) as sim:
        first = episode(sim, 7)
        assert episode(sim, 8) != first
        assert episode(sim, 7) == first
    with robot(level) as other:
        assert episode(other, 7) == first


def shown(level: str, seed: int) -> Reading:
    cameras = {view: SimCameraConfig(view=view, width=64, height=48) for view in ("front", "wrist")}
    try:
        with robot(level, cameras=cameras) as sim:
            for one in (seed + 1, seed):
                sim.reset(one)
                found: Reading = sim.read()
            return found
    except RenderError as error:
        pytest.skip(str(error))


def test_scenes_look_different_and_a_seed_looks_the_same_again() -> None:
    usual, first, again, other, full = (
        shown("none", 0).images, shown("visual", 0).images, shown("visual", 0).images,
        shown("visual", 5).images, shown("full", 0).images,
    )  # fmt: skip
    for view in ("front", "wrist"):
        np.testing.assert_array_equal(first[view], again[view])
        for one in (usual, other):
            assert np.abs(first[view].astype(int) - one[view]).mean() > 5
        assert np.abs(first[view].astype(int) - full[view]).mean() < 1
