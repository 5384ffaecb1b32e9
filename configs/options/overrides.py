"""Options and other changes, laid over the content of a configuration.

An option's value is text where the field is text, and YAML everywhere else. A whole block replaces
the one that is there, null removes, and a changed ``type`` keeps what both types share.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ValidationError

from configs.base import ConfigError
from configs.options.explain import tag_of
from configs.registry import block_of
from configs.run import RunConfig
from configs.text.reading import Unreadable, parse_yaml, shown

_Keys = tuple[str, ...]
Content = dict[str, Any]


@dataclass(frozen=True)
class TypeChange:
    """A block whose type was changed by an option."""

    place: _Keys
    before: str
    after: str
    lost: tuple[str, ...]  # what was set, and is not taken over though the new type has it


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> Content:
    """``base`` with ``overrides`` on top; a changed ``type`` keeps what both types share."""
    return _merged(base, overrides, ())


def overridden(
    base: Mapping[str, Any], options: Sequence[tuple[str, Sequence[str]]]
) -> tuple[Content, list[TypeChange]]:
    """``base`` with options on top: dotted names, and the texts that each was given.

    Blocks come before what is in them, whatever the order. Raises ConfigError.
    """
    content, changes = _copy(base), []
    for name, texts in sorted(options, key=lambda option: _rank(option[0])):
        place = place_of(name, content)
        value = _value(name, place, texts)
        before = _at(content, place[:-1])
        if place[-1] == "type" and isinstance(before, Mapping) and isinstance(value, str):
            after, change = _of_type(before, value, place[:-1])
            changes += [change] if change.lost else []
            _put(content, place[:-1], after)
        else:
            _put(content, place, value)
    return content, changes


def alternatives(annotation: Any) -> Iterator[Any]:
    """Each of the types that an annotation allows."""
    if typing.get_origin(annotation) is Annotated:
        yield from alternatives(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) in (Union, UnionType):
        for inner in typing.get_args(annotation):
            yield from alternatives(inner)
    else:
        yield annotation


def _types_at(place: _Keys) -> list[Any]:
    """The types of what a configuration may have at ``place``; none if it has no such place."""
    found: list[Any] = [RunConfig]
    for key in place:
        inner: list[Any] = []
        for one in found:
            if typing.get_origin(one) is dict:
                inner += alternatives(typing.get_args(one)[1])
            elif _is_block(one) and key in one.model_fields:
                inner += alternatives(one.model_fields[key].annotation)
        found = inner
    return found


def _is_dict(types: Sequence[Any]) -> bool:
    return any(typing.get_origin(one) is dict for one in types)


def _is_text(types: Sequence[Any]) -> bool:
    literals = [one for t in types if typing.get_origin(t) is Literal for one in typing.get_args(t)]
    return any(t in (str, Path) for t in types) or any(isinstance(one, str) for one in literals)


def _rank(name: str) -> tuple[int, bool]:
    return name.count("."), not name.endswith(".type")


def place_of(name: str, content: Content) -> _Keys:
    """The keys that a dotted name means; those that the user chose may have dots themselves."""
    keys = tuple(name.split("."))
    for count in range(1, len(keys)):
        if _is_dict(_types_at(keys[:count])):
            return keys[:count] + _entry(keys[count:], keys[:count], content)
    return keys


def _entry(rest: _Keys, above: _Keys, content: Content) -> _Keys:
    """The rest of a name behind the block ``above``: an entry's own name, and what follows."""
    splits = [(".".join(rest[:count]), *rest[count:]) for count in range(1, len(rest) + 1)]
    there = _at(content, above)
    for split in splits:
        if len(split) > 1 and _types_at((*above, *split[:2])):
            return split
    for split in splits:
        if isinstance(there, Mapping) and split[0] in there:
            return split
    holds_blocks = any(_is_block(one) for one in _types_at((*above, "")))
    return splits[0] if holds_blocks else splits[-1]


def _is_block(one: Any) -> bool:
    return isinstance(one, type) and issubclass(one, BaseModel)


def _value(name: str, place: _Keys, texts: Sequence[str]) -> Any:
    """What an option's texts say; all but the last count only where they are items of a list."""
    types = _types_at(place)
    values = [_read(name, text, types) for text in texts]
    if not any(typing.get_origin(one) in (list, tuple) for one in types) or values[-1] is None:
        return values[-1]
    items: list[Any] = []
    for text, value in zip(texts, values, strict=True):
        if isinstance(value, str) and "," in text:
            value = _read(name, f"[{text}]", types)
        items += value if isinstance(value, list) else [value]
    return items


def _read(name: str, text: str, types: Sequence[Any]) -> Any:
    if text == "null":
        return None
    if not text or (_is_text(types) and text[:1] not in ("'", '"')):
        return text
    try:
        return parse_yaml(text)
    except Unreadable as error:
        if _is_text(types):
            return text
        raise ConfigError(f"{shown(name)}: got '{shown(text, 60)}': {error}") from None


def _put(content: Content, place: _Keys, value: Any) -> None:
    """Set a value; null takes an entry that the user named away, and empties a block of them."""
    *above, last = place
    block = content
    for depth, key in enumerate(above, 1):
        there = block_of(block.get(key), _types_at(place[:depth]))
        block[key] = there if isinstance(there, dict) else {}
        block = block[key]
    if value is not None or NoneType in (types := _types_at(place)):
        block[last] = value
    elif _is_dict(types):
        block[last] = {}
    elif _is_dict(_types_at(place[:-1])):
        if last not in block:
            there = ", ".join(map(shown, block)) or "none"
            raise ConfigError(f"{shown('.'.join(place))}: there is none to remove; there: {there}")
        del block[last]
    else:
        block[last] = None


def _at(content: Any, place: _Keys) -> Any:
    for key in place:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def _copy(content: Mapping[str, Any]) -> Content:
    """``content`` with blocks of its own."""
    return {k: _copy(v) if isinstance(v, Mapping) else v for k, v in content.items()}


def _merged(base: Mapping[str, Any], overrides: Mapping[str, Any], place: _Keys) -> Content:
    if "type" in overrides and "type" in base:
        base, _ = _of_type(base, str(overrides["type"]), place)
    merged = dict(base)
    for key, value in overrides.items():
        old = block_of(merged.get(key), _types_at((*place, key)))
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(old, value, (*place, key))
        else:
            merged[key] = value
    return merged


def _of_type(old: Mapping[str, Any], kind: str, place: _Keys) -> tuple[Content, TypeChange]:
    """A block turned into one of another type, and what of it is lost that the new type has too."""
    by_tag = {str(tag_of(one)): one for one in _types_at(place) if one is not NoneType}
    was = block_of(dict(old), by_tag.values()).get("type")
    now = block_of({"type": kind}, by_tag.values())["type"]
    change = TypeChange(place, str(was), kind, ())
    if was is None or was == now:
        return {**old, "type": kind}, change
    before, after = by_tag.get(str(was)), by_tag.get(str(now))
    if before is None or after is None:  # which the check of the whole will tell
        return {"type": kind}, change
    kept = {k: v for k, v in old.items() if owner(before, k) is owner(after, k) and k != "type"}
    kept = {k: v for k, v in kept.items() if k in after.model_fields and _valid(after, k, v)}
    lost = (key for key in old if key in after.model_fields and key not in (*kept, "type"))
    return {"type": kind, **kept}, replace(change, lost=tuple(lost))


def owner(model: type[BaseModel], field: str) -> type | None:
    """The class that gives a field its meaning."""
    return next(
        (one for one in model.__mro__ if field in vars(one).get("__annotations__", {})), None
    )


def _valid(model: type[BaseModel], field: str, value: Any) -> bool:
    """Whether a model takes a value."""
    try:
        model.model_validate({"type": tag_of(model), field: value})
    except ValidationError:
        return False
    return True


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below ``content`` with its dotted name; an empty block is a value."""
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
