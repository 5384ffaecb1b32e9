"""A configuration as YAML that says what each value is for, and where it comes from."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from configs.options.catalogue import Place
from configs.options.overrides import place_of
from configs.run import RunConfig

_WIDE = 80  # columns
Origin = Callable[[Place], str]


def origins(base: str, content: Mapping[str, Any], names: Sequence[str]) -> Origin:
    """What says where the value at a place comes from.

    ``content`` is what ``base``, a preset or file, and the options called ``names`` come to.
    """
    given = [place_of(name, dict(content)) for name in names]

    def origin(place: Place) -> str:
        if not _is_in(content, place):
            return "default"
        by_option = any(place[: len(one)] == one for one in given)
        return "command line" if by_option else base

    return origin


def commented(config: RunConfig, origin: Origin) -> str:
    """The configuration as YAML, with a comment before each value and its origin behind it."""
    return "\n".join(_lines(config, (), origin)) + "\n"


def _lines(block: BaseModel | Mapping[str, Any], place: Place, origin: Origin) -> Iterator[str]:
    margin = "  " * len(place)
    for name, value, description in _entries(block):
        words = textwrap.wrap(description, _WIDE - len(margin) - 2, break_on_hyphens=False)
        yield from (f"{margin}# {line}" for line in words)
        where = (*place, name)
        key = _yaml(name)
        if value and isinstance(value, BaseModel | Mapping):
            yield f"{margin}{key}:"
            yield from _lines(value, where, origin)
        else:
            yield f"{margin}{key}: {_yaml(value)}  # {origin(where)}"


def _entries(block: BaseModel | Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Name, value and description of all that is in a block."""
    if isinstance(block, Mapping):
        yield from ((name, value, "") for name, value in block.items())
        return
    for name, field in type(block).model_fields.items():
        yield name, getattr(block, name), " ".join((field.description or "").split())


def _yaml(value: Any) -> str:
    """A value in one line."""
    plain = to_jsonable_python(value)
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=float("inf"))
    text = text.removesuffix("...\n").rstrip("\n")
    return json.dumps(plain, ensure_ascii=False) if "\n" in text else text


def _is_in(content: Any, place: Place) -> bool:
    """Whether something says what is at a place; a block may be the name of its type alone."""
    for depth, key in enumerate(place):
        if not isinstance(content, Mapping):
            return place[depth:] == ("type",)
        if key not in content:
            return False
        content = content[key]
    return True
