"""From a config of lerobot's gym_manipulator to ours, with an account of every key it has.

Each value of theirs (a leaf: no further keys below) meets exactly one :class:`Rule`, so nothing is
dropped in silence: it is taken, taken with a change of meaning, or listed as left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from configs.lerobot.forms import TYPES, Form, Keys, is_simulated, leaves, newest
from configs.lerobot.rules import AS_HERE, CROPS, Rules, rule_at, rules_for
from configs.lerobot.unsaid import unsaid
from configs.load import ConfigError, faults, validate
from configs.processor import ProcessorConfig
from configs.text.reading import Unreadable, read_json, read_yaml, shown

ImportKind = Literal["taken", "nothing", "changed", "left out"]

_NAMES = ("real_robot", "gym_hil")
PANDAS = ("front", "wrist")  # gym_hil's cameras


@dataclass(frozen=True)
class ImportedKey:
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
    def kind(self) -> ImportKind:
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
    entries: tuple[ImportedKey, ...]


def read_lerobot(path: Path) -> Imported:
    """Translate a JSON or YAML file. Raises ConfigError in one line if it is no such config."""
    kind, read = ("YAML", read_yaml) if path.suffix in (".yaml", ".yml") else ("JSON", read_json)
    try:
        content = read(path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except Unreadable as error:
        raise ConfigError(f"{path}: not a whole {kind} file: {error}") from None
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
    taken = {entry.ours: entry.value for entry in entries if entry.ours}
    names = {entry.name for entry in entries}
    added = [ImportedKey((), value, ours, note) for ours, value, note in unsaid(form, names, taken)]
    named = [replace(entry, keys=form.origins.get(entry.keys, entry.keys)) for entry in entries]
    for keys, value, other in form.doubled:
        named.append(ImportedKey(keys, value, None, f"{'.'.join(other)} says it already"))
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
        got = shown(repr(env["type"]), 60)
        raise ConfigError(f"env.type: got {got}; only gym_manipulator's configs can be imported")
    if not (_block(env, "robot") or is_simulated(env)) and (
        env.get("name", "real_robot") not in _NAMES
    ):
        got = shown(repr(env["name"]), 60)
        raise ConfigError(f"env.name: got {got}; known: real_robot, gym_hil")
    return theirs


def _other_kind(theirs: object) -> str:
    """What else the file is, as far as it says so, and the way to have that here."""
    content = theirs if isinstance(theirs, Mapping) else {}
    kinds = {_block(content, key).get("type") for key in ("policy", "reward_model")}
    if "reward_classifier" in kinds:
        return "; it trains a reward classifier: `hil-app train-classifier` does that here"
    return ""


def _entry(keys: Keys, value: Any, rules: Rules) -> ImportedKey:
    """What becomes of one value."""
    rule = rule_at(rules, keys)
    if any(value == one and value.__class__ is one.__class__ for one in rule.as_here):
        return ImportedKey(keys, value, AS_HERE)
    if value is None and rule.null_asks:
        return ImportedKey(keys, None, None, rule.null_asks)
    if rule.ours is None:
        if value is None or value == {}:  # for nothing
            return ImportedKey(keys, None, AS_HERE)
        return ImportedKey(keys, value, None, rule.note)
    try:
        return ImportedKey(keys, rule.convert(None if value == {} else value), rule.ours, rule.note)
    except (KeyError, TypeError, ValueError):
        return ImportedKey(keys, value, None, "not a value that is known here")


def _block(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    return value if isinstance(value, Mapping) else {}


def _valid(entries: list[ImportedKey]) -> Imported:
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


def _wrong(entries: Sequence[ImportedKey]) -> dict[int, str]:
    """Which entries cannot stay, and why."""
    content = _assembled(entries)
    robot = content["robot"]
    cameras = robot.get("cameras", PANDAS if robot["type"] == "gymnasium" else {})
    if lost := {
        index: f"there is no camera '{shown(entry.ours[-1], 60)}' here"
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


def _behind(where: Keys, entries: Sequence[ImportedKey]) -> list[int]:
    """The entries that a fault at ``where`` comes from."""
    ours = [(index, entry.ours) for index, entry in enumerate(entries) if entry.ours]
    while where:
        if found := [i for i, keys in ours if keys[: len(where)] == where]:
            return found
        if found := [i for i, keys in ours if where[: len(keys)] == keys]:
            return found
        where = where[:-1]
    return []


def _settled(entries: Sequence[ImportedKey]) -> list[ImportedKey]:
    """The entries, with the first of two that go to the same place left out if they differ."""
    last = {entry.ours: entry for entry in entries if entry.ours}
    return [
        entry
        if not entry.ours or entry.value == last[entry.ours].value
        else replace(entry, ours=None, note=f"{last[entry.ours].name} says otherwise")
        for entry in entries
    ]


def _assembled(entries: Sequence[ImportedKey]) -> dict[str, Any]:
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
