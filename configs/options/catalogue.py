"""Every option of a configuration: what it is called, what it holds now, and what it is for.

The help, the explained configuration and the completion of the shell all read it::

    for block in blocks(config):
        for option in block.options:
            print(f"--{option.name}={option.text}", option.description)
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python

from configs.options.explain import models_in, tag_of
from configs.options.overrides import alternatives, owner
from configs.run import RunConfig

Place = tuple[str, ...]
TOP = "run"  # what the block of the options without a dot is called
NAME = "NAME"  # stands in a place for what the user calls a camera, or the like
_LONGEST = 60  # characters of a value that is shown


@dataclass(frozen=True)
class Option:
    """One option: its ``place`` in the configuration, and what it holds, as JSON has it."""

    place: Place
    value: Any  # ... if it has no default
    description: str
    choices: tuple[str, ...] = ()  # if there are only some

    @property
    def name(self) -> str:
        """The dotted name."""
        return ".".join(self.place)

    @property
    def text(self) -> str:
        """The value as an option has it; ``…`` for one that is long, or not there."""
        if isinstance(self.value, str):
            return self.value or "''"
        if self.value is ...:
            return "…"
        text = json.dumps(self.value, ensure_ascii=False, separators=(",", ":"))
        return text if len(text) <= _LONGEST else f"{text[0]}…{text[-1]}"


@dataclass(frozen=True)
class Block:
    """The options that stand in one block; ``only`` says when there is such a block, if not now."""

    place: Place
    description: str
    options: tuple[Option, ...]
    only: str = ""

    @property
    def name(self) -> str:
        """The dotted name."""
        return ".".join(self.place) or TOP


def blocks(config: RunConfig) -> Iterator[Block]:
    """All of a configuration's blocks, and those that it could have; outer ones come first."""
    yield from _of_model(RunConfig, config, (), "What stands in no block.")


def topics() -> list[str]:
    """The names of the outermost blocks."""
    fields = RunConfig.model_fields.items()
    return [*(name for name, field in fields if models_in(field.annotation)), TOP]


def _of_model(
    model: type[BaseModel],
    instance: BaseModel | None,
    place: Place,
    description: str,
    only: str = "",
    names: Sequence[str] | None = None,
    kinds: Sequence[type[BaseModel]] = (),
) -> Iterator[Block]:
    """The block of a model and those in it; ``names`` are the fields to take, of all.

    ``kinds`` are the models that may stand in its place.
    """
    plain: list[Option] = []
    inner: list[Block] = []
    for name, field in model.model_fields.items():
        if names is not None and name not in names:
            continue
        default = field.get_default(call_default_factory=True)
        value = default if instance is None else getattr(instance, name)
        where, words = (*place, name), " ".join((field.description or "").split())
        models = models_in(field.annotation)
        if isinstance(value, BaseModel):
            inner += _of_model(type(value), value, where, words, only, kinds=models)
            continue
        held = ... if value is PydanticUndefined else to_jsonable_python(value)
        choices = tags(kinds) if name == "type" and kinds else _choices(field.annotation)
        plain.append(Option(where, held, words, choices))
        if not models:
            continue
        if isinstance(value, Mapping):
            (*_, named) = models
            inner += _of_model(named, None, (*where, NAME), words, only, kinds=models)
        elif value is None:
            unless = only or f"unless --{'.'.join(where)}=null"
            inner += _of_model(models[0], None, where, words, unless, kinds=models)
    if plain:
        yield Block(place, description, tuple(plain), only)
    yield from inner
    if names is None:
        yield from _of_other_types(model, kinds, place)


def _of_other_types(
    model: type[BaseModel], kinds: Sequence[type[BaseModel]], place: Place
) -> Iterator[Block]:
    """What a block of another type has that this one has not; types that share it come together."""
    having: dict[tuple[str, type | None], list[type[BaseModel]]] = {}
    for kind in sorted(kinds, key=lambda one: str(tag_of(one))):
        for name in kind.model_fields:
            if name not in model.model_fields:
                having.setdefault((name, owner(kind, name)), []).append(kind)
    together: dict[tuple[type[BaseModel], ...], list[str]] = {}
    for (name, _), sharing in having.items():
        together.setdefault(tuple(sharing), []).append(name)
    for those, names in together.items():
        only = f"with --{'.'.join(place)}.type={', '.join(tags(those))}"
        yield from _of_model(those[0], None, place, "", only, names)


def tags(models: Sequence[type[BaseModel]]) -> tuple[str, ...]:
    """The types that models are of, by name."""
    return tuple(sorted(str(tag_of(one)) for one in models if tag_of(one)))


def _choices(annotation: Any) -> tuple[str, ...]:
    """All that a field takes, where that can be listed."""
    kinds = [*alternatives(annotation)]
    if bool in kinds:
        return ("true", "false")
    listed = [kind for kind in kinds if typing.get_origin(kind) is Literal]
    others = [kind for kind in kinds if kind not in listed]
    if not listed or others not in ([], [type(None)]):
        return ()
    values = [str(value) for kind in listed for value in typing.get_args(kind)]
    return (*values, *("null" for _ in others))
