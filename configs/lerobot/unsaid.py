"""What a config of lerobot's says by leaving it out, and what ours needs beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from configs.lerobot.forms import Form, Keys, is_simulated
from configs.processor import ProcessorConfig
from configs.robot import SO100Config, SO101Config

# lerobot's own values where ours differ, for keys that a file may leave out: theirs, ours, value.
_DEFAULTS: tuple[tuple[str, str, Any], ...] = (
    ("env.fps", "env.fps", 30),
    ("env.processor.reset.reset_time_s", "env.reset_time_s", 5.0),
    ("env.processor.reset.control_time_s", "env.control_time_s", 20.0),
    ("env.processor.max_gripper_pos", "processor.gripper.open", 100.0),
    ("env.processor.gripper.gripper_penalty", "processor.gripper.penalty", None),
    (
        "env.processor.observation.add_ee_pose_to_observation",
        "processor.observation.end_effector",
        None,
    ),
)
_OF_ARMS = ("processor.gripper.open", "processor.observation.end_effector")  # of ours
_RESET_POSES = {
    kind: model.model_fields["reset_pose"].default
    for kind, model in (("so100", SO100Config), ("so101", SO101Config))
}


class Unsaid(NamedTuple):
    """A value of ours that no value of theirs leads to."""

    ours: Keys
    value: Any
    note: str


def unsaid(form: Form, names: Collection[str], taken: Mapping[Keys, Any]) -> Iterator[Unsaid]:
    """All of them: ``names`` are those that the file has, ``taken`` is ours that came of it."""
    simulated = is_simulated(form.content["env"])
    yield from _defaults(form, names, _OF_ARMS if simulated else ())
    if simulated:
        yield from _simulation(form.content["env"], taken)
        return
    yield from _steps(taken)
    yield from _places(taken)
    yield from _devices(taken)
    yield _ours("processor.observation.object", None, "")
    if ("teleop", "type") not in taken:
        yield _ours("teleop", None, "")
        yield _ours("train.demonstrations", 0, "nobody demonstrates: there is no teleop")


def _ours(name: str, value: Any, note: str) -> Unsaid:
    return Unsaid(tuple(name.split(".")), value, note)


def _defaults(form: Form, names: Collection[str], without: Collection[str]) -> Iterator[Unsaid]:
    """lerobot's own values, as they were in the version that the file is of."""
    once = {name: value for applies, name, value in _ONCE if applies(form)}
    for name, ours, value in _DEFAULTS:
        if name not in names and ours not in without:
            note = f"lerobot's value where a file has no {name}"
            yield _ours(ours, once.get(name, value), note)


def _has_a_hand(form: Form) -> bool:
    """Whether the arm is one of those that had a box and a gripper's range of their own."""
    robot = form.content["env"].get("robot")
    kind = robot.get("type") if isinstance(robot, Mapping) else None
    return isinstance(kind, str) and kind.endswith("_end_effector")


_ONCE: tuple[tuple[Callable[[Form], bool], str, Any], ...] = (  # what was otherwise, and where
    (lambda form: form.says("wrapper"), "env.fps", 10),
    (lambda form: form.content["env"].get("type") == "hil", "env.fps", 100),
    (_has_a_hand, "env.processor.max_gripper_pos", 50.0),
    (lambda form: form.says("single_task"), "env.processor.reset.reset_time_s", 60.0),
    (lambda form: form.says("single_task"), "env.processor.reset.control_time_s", 60.0),
)


def _places(taken: Mapping[Keys, Any]) -> Iterator[Unsaid]:
    """Where our arm may go and where it begins."""
    ours = ProcessorConfig().bounds
    note = "THE FILE HAS NO BOX: this is our default; `hil-app find-limits` measures yours"
    for end, corner in (("min", ours.min), ("max", ours.max)):
        if ("processor", "bounds", end) not in taken:
            yield _ours(f"processor.bounds.{end}", list(corner), note)
    if ("robot", "reset_pose") not in taken:
        note = "NO RESET POSE WAS TAKEN: without one the arm stays there, HERE IT GOES TO THIS ONE"
        pose = _RESET_POSES[taken["robot", "type"]]
        yield _ours("robot.reset_pose", list(pose), note)


def _devices(taken: Mapping[Keys, Any]) -> Iterator[Unsaid]:
    """The device of each camera of which their file does not say it."""
    note = "THE FILE DOES NOT SAY WHICH CAMERA: `hil-app find-cameras` lists them"
    for name in dict.fromkeys(keys[2] for keys in taken if keys[:2] == ("robot", "cameras")):
        place = ("robot", "cameras", name, "index_or_path")
        if place not in taken:
            yield Unsaid(place, 0, note)


def _steps(taken: Mapping[Keys, Any]) -> Iterator[Unsaid]:
    """The step sizes along the axes for which their file has none."""
    for axis, step in zip("xyz", ProcessorConfig().step_size, strict=True):
        if ("processor", "step_size", axis) not in taken:
            note = f"THE FILE HAS NO STEP SIZE ALONG {axis}: this is our default"
            yield _ours(f"processor.step_size.{axis}", step, note)


def _simulation(env: Mapping[str, Any], taken: Mapping[Keys, Any]) -> Iterator[Unsaid]:
    """How gym_hil's world is made, and who has it in hand."""
    if ("robot", "type") not in taken:
        yield _ours("robot.type", "gymnasium", "it needs the package gym-hil")
    if ("robot", "env_id") not in taken:
        yield _ours("robot.env_id", "gym_hil/PandaPickCube-v0", "gym_hil's first task")
    yield _ours("robot.kwargs", {"image_obs": True, "reset_delay_seconds": 0.0}, "as there")
    yield _ours("robot.gripper", 3, "the last number of its actions")
    yield _ours("robot.gripper_opens", "down", "")
    if ("teleop", "type") not in taken:
        by_keys = "Keyboard" in str(env.get("task"))
        yield _ours("teleop.type", "keyboard" if by_keys else "gamepad", "")
