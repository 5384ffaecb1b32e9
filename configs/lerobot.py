"""From a config of lerobot's gym_manipulator to ours, with an account of every key it has.

Each value of theirs (a leaf: no further keys below) meets exactly one :class:`Rule`, so nothing is
dropped in silence: it is taken, taken with a change of meaning, or listed as left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from configs.lerobot_forms import Form, leaves, newest
from configs.lerobot_rules import AS_HERE, CROPS, Keys, Rules, rule_at, rules_for
from configs.load import ConfigError, faults
from configs.processor import ProcessorConfig
from configs.reading import Unreadable, read_json

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
_NAMES = ("real_robot", "gym_hil")
_STEP = 0.02  # along an axis that a file leaves out [m]


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
        )
    if env.get("type", "gym_manipulator") != "gym_manipulator":
        raise ConfigError(
            f"env.type: got {env['type']!r}; only gym_manipulator's configs can be imported"
        )
    if not _block(env, "robot") and env.get("name", "real_robot") not in _NAMES:
        raise ConfigError(f"env.name: got {env['name']!r}; known: real_robot, gym_hil")
    return theirs


def _entry(keys: Keys, value: Any, rules: Rules) -> Entry:
    """What becomes of one value."""
    rule = rule_at(rules, keys)
    if any(value == one and value.__class__ is one.__class__ for one in rule.as_here):
        return Entry(keys, value, AS_HERE)
    if rule.ours is None:
        if value == {} or (value is None and not rule.null_asks):  # for nothing
            return Entry(keys, None, AS_HERE)
        return Entry(keys, value, None, rule.null_asks if value is None else rule.note)
    try:
        return Entry(keys, rule.convert(None if value == {} else value), rule.ours, rule.note)
    except (KeyError, TypeError, ValueError):
        return Entry(keys, value, None, "not a value that is known here")


def _unnamed(theirs: Mapping[str, Any], entries: Sequence[Entry]) -> Iterator[Entry]:
    """What their file says by leaving it out, and what ours needs beside it."""
    given = {entry.name for entry in entries}
    if theirs["env"].get("name") != "gym_hil":
        yield from _boxes(entries)
    yield _added("processor.observation.object", None, "")
    for name, ours, value in _DEFAULTS:
        if name not in given:
            yield _added(ours, value, f"lerobot's value where a file has no {name}")
    if theirs["env"].get("name") == "gym_hil":
        for camera in ("front", "wrist"):
            note = "gym_hil's pictures come from two cameras"
            yield _added(f"robot.cameras.{camera}.view", camera, note)
        if "env.processor.control_mode" not in given:
            yield _added("teleop.type", "scripted", "")
    elif not any(entry.ours == ("teleop", "type") for entry in entries):
        yield _added("teleop", None, "")
        yield _added("train.demonstrations", 0, "nobody demonstrates: there is no teleop")


def _boxes(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Ours, by name, where their file has no box or no step sizes."""
    given = {entry.ours[:2] for entry in entries if entry.ours}
    ours = ProcessorConfig()
    if ("processor", "bounds") not in given:
        note = "THE FILE HAS NO BOX: this is our default; `hil-app find-limits` measures yours"
        yield _added("processor.bounds.min", list(ours.bounds.min), note)
        yield _added("processor.bounds.max", list(ours.bounds.max), note)
    if ("processor", "step_size") not in given:
        note = "the file has no step sizes: this is our default"
        for axis, step in zip("xyz", ours.step_size, strict=True):
            yield _added(f"processor.step_size.{axis}", step, note)


def _block(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _added(ours: str, value: Any, note: str) -> Entry:
    return Entry((), value, tuple(ours.split(".")), note)


def _valid(entries: list[Entry]) -> Imported:
    """The config that the entries come to, without those that ours does not allow."""
    while wrong := _wrong(entries):
        for index, why in wrong.items():
            entries[index] = replace(entries[index], ours=None, note=why)
    return Imported(_assembled(entries), tuple(entries))


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
        content["processor"]["step_size"] = [steps.get(axis, _STEP) for axis in "xyz"]
    if isinstance(limits := content.get("robot", {}).get("max_relative_target"), dict):
        content["robot"]["max_relative_target"] = min(limits.values())
    return content
