"""The page of every option of the configuration, from the config models."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from configs.options.explain import models_in, tag_of
from configs.run import RunConfig

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_WORDS = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    Path: "path",
    tuple: "a list",
    list: "a list",
    dict: "names and values",
}
INTRODUCTION = """\
# Options

Every option of a run: `--block.key=value` on the command line, or the same in a YAML file for
`--config_path`. Defaults are the models' own; a [preset](presets.md) has others, and `hil-app
config show` prints what a run would use. `null` turns an optional thing off. Values may be YAML:
`--env.fps=20`, `--processor.images.resize=[128,128]`, `--robot.cameras={}`.
"""


class Row(NamedTuple):
    """An option: where it stands, its field, and its default."""

    place: str
    field: FieldInfo
    default: str


def option_page() -> Iterator[str]:
    """The lines of the page: a section a block, a table for each of its types."""
    yield INTRODUCTION
    fields = RunConfig.model_fields
    for name, field in fields.items():
        if models := models_in(field.annotation):
            yield f"## {name}\n\n{field.description}\n"
            for alike in _grouped(models):
                yield from _section(name, alike)
    yield "## Others\n"
    bare = {name: field for name, field in fields.items() if not models_in(field.annotation)}
    yield from _table(Row(f"--{name}", field, _default(field)) for name, field in bare.items())


def _grouped(models: Sequence[type[BaseModel]]) -> list[list[type[BaseModel]]]:
    """Models whose options are the same stand together, whatever their defaults are."""
    groups: dict[str, list[type[BaseModel]]] = {}
    for model in models:
        options = [(name, str(field.annotation)) for name, field in model.model_fields.items()]
        groups.setdefault(str([one for one in options if one[0] != "type"]), []).append(model)
    return list(groups.values())


def _section(block: str, alike: Sequence[type[BaseModel]]) -> Iterator[str]:
    tags = [tag for one in alike if (tag := tag_of(one))]
    if tags:
        yield "### " + ", ".join(f"{block}.type={tag}" for tag in tags) + "\n"
        yield " ".join((alike[0].__doc__ or "").split()) + "\n"
    yield from _table(_rows(f"--{block}", alike))


def _rows(above: str, alike: Sequence[type[BaseModel]]) -> Iterator[Row]:
    """Each option of models that are alike, and of the models below them."""
    for name, field in alike[0].model_fields.items():
        place, kinds = f"{above}.{name}", kinds_of(field.annotation)
        origins = {typing.get_origin(kind) for kind in kinds}
        inner = [] if list in origins else models_in(field.annotation)
        if inner and NoneType in kinds:
            yield Row(place, field, _default(field))
        elif any(map(tag_of, inner)) and dict not in origins:
            yield Row(f"{place}.type", field, _default(field))
        elif not inner and name != "type":
            defaults = {_default(one.model_fields[name]) for one in alike}
            yield Row(place, field, defaults.pop() if len(defaults) == 1 else "by the type")
        if inner:
            named = ".NAME" if dict in origins else ""
            for group in _grouped(inner):
                yield from _rows(place + named, group)


def _table(rows: Iterable[Row]) -> Iterator[str]:
    listed = [f"| `{at}` | {_takes(one)} | {default} | {_says(one)} |" for at, one, default in rows]
    if listed:
        yield "| option | takes | default | what it is |\n|---|---|---|---|"
        yield "\n".join(listed) + "\n"


def _says(field: FieldInfo) -> str:
    """What an option is, for a cell of a table."""
    return " ".join((field.description or "").split()).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    """What an option is where nobody sets it, in words of YAML."""
    value = field.get_default(call_default_factory=True)
    if field.is_required():
        return "none"
    if isinstance(value, BaseModel):
        value = tag_of(type(value))
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value, default=str)}`".replace('"', "")


def _takes(field: FieldInfo) -> str:
    """What an option takes: the kinds of its value, and between what it must lie."""
    words = [_word(kind) for kind in kinds_of(field.annotation) if kind is not NoneType]
    bounds = [
        f"{sign} {getattr(one, name):g}"
        for one in field.metadata
        for name, sign in _SIGNS.items()
        if isinstance(one, getattr(annotated_types, name.capitalize()))
    ]
    return ", ".join([" or ".join(dict.fromkeys(words)), *bounds])


def kinds_of(annotation: Any) -> list[Any]:
    """Each of the types that an annotation allows."""
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is Annotated:
        return kinds_of(inner[0])
    if typing.get_origin(annotation) in (Union, UnionType):
        return [kind for one in inner for kind in kinds_of(one)]
    return [annotation]


def _word(kind: Any) -> str:
    """A type in words of YAML."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is tuple and ... not in inner:
        return f"{len(inner)} values"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"`{tag_of(kind)}`" if tag_of(kind) else "a block"
    return _WORDS.get(origin or kind, "text")
