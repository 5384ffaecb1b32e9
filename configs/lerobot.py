"""From a config of lerobot's gym_manipulator to ours, with an account of every key it has.

Each value of theirs (a leaf: no further keys below) meets exactly one :class:`Rule`, so nothing is
dropped in silence: it is taken, taken with a change of meaning, or listed as left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from configs.lerobot_forms import TYPES, Form, is_simulated, leaves, newest
from configs.lerobot_rules import AS_HERE, CROPS, Keys, Rules, rule_at, rules_for
from configs.load import ConfigError, faults, validate
from configs.processor import ProcessorConfig
from configs.reading import Unreadable, read_json
from configs.robot import SO100Config, SO101Config

Kind = Literal["taken", "nothing", "changed", "left out"]

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
_RESET_POSES = {
    kind: model.model_fields["reset_pose"].default
    for kind, model in (("so100", SO100Config), ("so101", SO101Config))
}
_NAMES = ("real_robot", "gym_hil")
_FPS_OF_HIL = 100  # lerobot's own, in the days of env.type=hil


@dataclass(frozen=True)
class Entry:
    """What became of one of their values."""

    keys: Keys  # where they have it; empty for what is in no file
    value: Any  # ours, where it was taken
    ours: Keys | None  # where it went; empty if it asks for what is always so here
    note: str = ""  # what changed, or why it was left out

    @property
    def name(self) -> str:
        """Their name of it."""
        return ".".join(self.keys)

    @property
    def kind(self) -> Kind:
        """How it was dealt with."""
        if self.ours is None:
            return "left out"
        if self.ours == AS_HERE and self.value is None:
            return "nothing"
        return "changed" if self.note else "taken"


@dataclass(frozen=True)
class Imported:
    """Our configuration, and what became of each of their values."""

    content: dict[str, Any]  # nested, as a YAML file holds it; valid
    entries: tuple[Entry, ...]


def read_lerobot(path: Path) -> Imported:
    """Translate a JSON file. Raises ConfigError in one line if it is no such config."""
    try:
        content = read_json(path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except Unreadable as error:
        raise ConfigError(f"{path}: not a whole JSON file: {error}") from None
    try:
        return translate(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def translate(theirs: object) -> Imported:
    """Translate their config; ConfigError if it is none, or of an arm that is not known here."""
    form = newest(theirs) if isinstance(theirs, Mapping) else Form({}, {}, [])
    content = _checked(form.content)
    rules = rules_for(content)
    entries = [_entry(keys, value, rules) for keys, value in leaves(content)]
    added = _unnamed(content, entries)
    named = [replace(entry, keys=form.origins.get(entry.keys, entry.keys)) for entry in entries]
    for keys, value, other in form.doubled:
        named.append(Entry(keys, value, None, f"{'.'.join(other)} says it already"))
    return _valid(_settled([*named, *added]))


def _checked(theirs: object) -> Mapping[str, Any]:
    """Their config; ConfigError if it is another kind of file."""
    env = theirs.get("env") if isinstance(theirs, Mapping) else None
    if not isinstance(theirs, Mapping) or not isinstance(env, Mapping):
        raise ConfigError(
            "not a config of lerobot's gym_manipulator: it has no block `env`, and is none"
            + _other_kind(theirs)
        )
    if env.get("type", "gym_manipulator") not in TYPES:
        raise ConfigError(
            f"env.type: got {env['type']!r}; only gym_manipulator's configs can be imported"
        )
    if not (_block(env, "robot") or is_simulated(env)) and (
        env.get("name", "real_robot") not in _NAMES
    ):
        raise ConfigError(f"env.name: got {env['name']!r}; known: real_robot, gym_hil")
    return theirs


def _other_kind(theirs: object) -> str:
    """What else the file is, as far as it says so, and the way to have that here."""
    content = theirs if isinstance(theirs, Mapping) else {}
    kinds = {_block(content, key).get("type") for key in ("policy", "reward_model")}
    if "reward_classifier" in kinds:
        return "; it trains a reward classifier: `hil-app train-classifier` does that here"
    return ""


def _entry(keys: Keys, value: Any, rules: Rules) -> Entry:
    """What becomes of one value."""
    rule = rule_at(rules, keys)
    if any(value == one and value.__class__ is one.__class__ for one in rule.as_here):
        return Entry(keys, value, AS_HERE)
    if value is None and rule.null_asks:
        return Entry(keys, None, None, rule.null_asks)
    if rule.ours is None:
        if value is None or value == {}:  # for nothing
            return Entry(keys, None, AS_HERE)
        return Entry(keys, value, None, rule.note)
    try:
        return Entry(keys, rule.convert(None if value == {} else value), rule.ours, rule.note)
    except (KeyError, TypeError, ValueError):
        return Entry(keys, value, None, "not a value that is known here")


def _unnamed(theirs: Mapping[str, Any], entries: Sequence[Entry]) -> Iterator[Entry]:
    """What their file says by leaving it out, and what ours needs beside it."""
    given = {entry.name for entry in entries}
    simulated = is_simulated(theirs["env"])
    yield from _steps(entries)
    if not simulated:
        yield from _places(entries)
    yield _added("processor.observation.object", None, "")
    if simulated and not any(entry.ours == ("robot", "type") for entry in entries):
        yield _added("robot.type", "so101_sim", "gym_hil's Panda becomes the simulated SO101")
    for name, ours, value in _DEFAULTS:
        if name == "env.fps" and theirs["env"].get("type") == "hil":
            value = _FPS_OF_HIL
        if name not in given:
            yield _added(ours, value, f"lerobot's value where a file has no {name}")
    if simulated:
        for camera in ("front", "wrist"):
            note = "gym_hil's pictures come from two cameras"
            yield _added(f"robot.cameras.{camera}.view", camera, note)
        if "env.processor.control_mode" not in given:
            yield _added("teleop.type", "scripted", "")
    elif not any(entry.ours == ("teleop", "type") for entry in entries):
        yield _added("teleop", None, "")
        yield _added("train.demonstrations", 0, "nobody demonstrates: there is no teleop")


def _places(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Where our arm may go and where it begins, by name, if their file does not say it."""
    given = {entry.ours for entry in entries if entry.ours}
    ours = ProcessorConfig().bounds
    note = "THE FILE HAS NO BOX: this is our default; `hil-app find-limits` measures yours"
    for end, corner in (("min", ours.min), ("max", ours.max)):
        if ("processor", "bounds", end) not in given:
            yield _added(f"processor.bounds.{end}", list(corner), note)
    pose = ("robot", "reset_pose")
    kind = next(entry.value for entry in entries if entry.ours == ("robot", "type"))
    if pose not in given:
        note = "NO RESET POSE WAS TAKEN: without one the arm stays there, HERE IT GOES TO THIS ONE"
        yield _added(".".join(pose), list(_RESET_POSES[kind]), note)


def _steps(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Our step sizes, by name, along the axes for which their file has none."""
    given = {entry.ours for entry in entries if entry.ours}
    for axis, step in zip("xyz", ProcessorConfig().step_size, strict=True):
        if ("processor", "step_size", axis) not in given:
            note = f"THE FILE HAS NO STEP SIZE ALONG {axis}: this is our default"
            yield _added(f"processor.step_size.{axis}", step, note)


def _block(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _added(ours: str, value: Any, note: str) -> Entry:
    return Entry((), value, tuple(ours.split(".")), note)


def _valid(entries: list[Entry]) -> Imported:
    """The config that the entries come to, without those that ours does not allow."""
    refused: dict[int, Keys] = {}
    while wrong := _wrong(entries):
        for index, why in wrong.items():
            refused[index] = entries[index].ours or ()
            entries[index] = replace(entries[index], ours=None, note=why)
    imported = Imported(_assembled(entries), tuple(entries))
    stands = validate(imported.content).model_dump(mode="json")
    return replace(
        imported,
        entries=tuple(
            replace(entry, note=entry.note + _instead(stands, refused[index]))
            if index in refused
            else entry
            for index, entry in enumerate(entries)
        ),
    )


def _instead(stands: Any, place: Keys) -> str:
    """What stands in our config where a value of theirs could not be taken."""
    for key in place:
        if not isinstance(stands, Mapping):
            break  # one of the three step sizes
        if key not in stands:
            return ""
        stands = stands[key]
    return f"; HERE IT IS {'null' if stands is None else stands}"


def _wrong(entries: Sequence[Entry]) -> dict[int, str]:
    """Which entries cannot stay, and why."""
    content = _assembled(entries)
    cameras = content["robot"].get("cameras", {})
    if lost := {
        index: f"there is no camera '{entry.ours[-1]}' here"
        for index, entry in enumerate(entries)
        if entry.ours and entry.ours[:-1] == CROPS and entry.ours[-1] not in cameras
    }:
        return lost
    found = faults(content)
    wrong = {
        index: f"not allowed here ({why})"
        for where, why in found
        for index in _behind(where, entries)
    }
    if found and not wrong:
        raise ConfigError(found[0][1])
    return wrong


def _behind(where: Keys, entries: Sequence[Entry]) -> list[int]:
    """The entries that a fault at ``where`` comes from."""
    ours = [(index, entry.ours) for index, entry in enumerate(entries) if entry.ours]
    while where:
        if found := [i for i, keys in ours if keys[: len(where)] == where]:
            return found
        if found := [i for i, keys in ours if where[: len(keys)] == keys]:
            return found
        where = where[:-1]
    return []


def _settled(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, with the first of two that go to the same place left out if they differ."""
    last = {entry.ours: entry for entry in entries if entry.ours}
    return [
        entry
        if not entry.ours or entry.value == last[entry.ours].value
        else replace(entry, ours=None, note=f"{last[entry.ours].name} says otherwise")
        for entry in entries
    ]


def _assembled(entries: Sequence[Entry]) -> dict[str, Any]:
    """Our nested content."""
    content: dict[str, Any] = {}
    for entry in entries:
        if entry.ours:
            *above, last = entry.ours
            block = content
            for key in above:
                block = block.setdefault(key, {})
            block[last] = entry.value
    if steps := content.get("processor", {}).get("step_size"):
        ours = dict(zip("xyz", ProcessorConfig().step_size, strict=True))
        content["processor"]["step_size"] = list((ours | steps).values())
    if isinstance(limits := content.get("robot", {}).get("max_relative_target"), dict):
        content["robot"]["max_relative_target"] = min(limits.values())
    return content
