"""What is wrong with a configuration, in words."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from configs.run import RunConfig
from configs.text.reading import did_you_mean, shown


def explain(fault: Mapping[str, Any]) -> str:
    """One readable clause for one pydantic error: dotted path, fact, what is allowed."""
    path, model = locate(fault["loc"])
    where = shown(".".join(path), 200) or "config"
    if fault["type"] == "extra_forbidden" and model is not None:
        known = list(model.model_fields)
        hint = did_you_mean(path[-1], known) or _other_types(path)
        return f"{where}: unknown key{hint}; available: {', '.join(known)}"
    if fault["type"] == "union_tag_invalid":
        allowed = fault["ctx"]["expected_tags"].replace("'", "")
        return _unknown_type(f"{where}.type", fault["ctx"]["tag"], allowed.split(", "))
    if fault["type"] == "literal_error" and path[-1:] == ["type"]:  # the only one of its kind
        return _unknown_type(where, fault["input"], [fault["ctx"]["expected"].strip("'")])
    if fault["type"] == "union_tag_not_found" and model is not None:
        choices = models_in(model.model_fields[path[-1]].annotation)
        allowed = sorted(str(tag_of(one)) for one in choices)
        return f"{where}.type: missing, allowed: {', '.join(allowed)}"
    given = fault["input"]
    message = _message(fault["type"], given) or fault["msg"].removeprefix("Value error, ")
    message = shown(message[:1].lower() + message[1:], 600)
    got = "" if isinstance(given, dict | BaseModel) else f", got {shown(repr(given), 80)}"
    return f"{where}: {message}{got}"


def _other_types(path: Sequence[str]) -> str:
    """Which other types of a block have a key that this one has not."""
    if len(path) != 2:
        return ""
    block, key = path
    models = models_in(RunConfig.model_fields[block].annotation)
    having = sorted(str(tag_of(one)) for one in models if key in one.model_fields and tag_of(one))
    return f" ({block}.type={' or '.join(having)} has it)" if having else ""


def _unknown_type(where: str, given: object, known: Sequence[str]) -> str:
    hint = did_you_mean(str(given), known)
    return f"{where}: got '{shown(str(given), 60)}'{hint}, allowed: {', '.join(sorted(known))}"


def _message(kind: str, given: object) -> str | None:
    """What pydantic says in words of Python, in those of whoever writes YAML."""
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "keys and values expected"
    if kind == "string_type" and isinstance(given, int | float):
        return "text expected, which is no number and no yes or no: put it in quotes"
    return None


def locate(loc: Sequence[int | str]) -> tuple[list[str], type[BaseModel] | None]:
    """The dotted path of an error (union tags left out) and the model its last key belongs to."""
    path: list[str] = []
    owner: type[BaseModel] | None = None
    models: list[type[BaseModel]] = [RunConfig]
    named_by_user = False
    for part in map(str, loc):
        if tagged := [model for model in models if tag_of(model) == part]:
            models = tagged
            continue
        if part == "[key]":  # the key before it is the fault
            continue
        path.append(part)
        if named_by_user:
            named_by_user = False
            continue
        if part.isdecimal() and owner:  # a place in a list
            continue
        owner = models[0] if models else None
        field = owner.model_fields.get(part) if owner else None
        models = models_in(field.annotation) if field else []
        named_by_user = field is not None and typing.get_origin(field.annotation) is dict
    return path, owner


def tag_of(model: type[BaseModel]) -> object:
    """What a model's ``type`` says, if it has one."""
    field = model.model_fields.get("type")
    return field.default if field else None


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Every config model that an annotation may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in models_in(inner)]
