"""The base of every config model: frozen, typed, unknown keys refused."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from configs.errors import ConfigError as ConfigError

T = TypeVar("T")
_GOES_ON = "a run that goes on may change it"
Changeable = Annotated[T, _GOES_ON]
"""The type of a field, or of a block of them, that a run may change when it is resumed."""


def number(value: object) -> object:
    """The number that a command line says as text; whatever is none stays as it is."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class Config(BaseModel):
    """A frozen piece of a run's configuration; every field has a description and a unit."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def may_change(self, place: Sequence[str]) -> bool:
        """Whether a run that goes on may change the field at ``place``, or a block around it."""
        field = type(self).model_fields.get(place[0]) if place else None
        if field is None or _GOES_ON in field.metadata:
            return field is not None
        inner = getattr(self, place[0])
        return isinstance(inner, Config) and inner.may_change(place[1:])

    @classmethod
    def block(cls, content: Any) -> Any:
        """The block that a short form of it, such as a truth, stands for; else what is there."""
        return content

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_no_truths(cls, given: Any) -> Any:
        """Have true (yes, on) refused where a number belongs, in which it would count as 1."""
        if not isinstance(given, dict):
            return given
        numbers = {name for name, field in cls.model_fields.items() if _is_number(field.annotation)}
        return {k: _as_text(v) if k in numbers else v for k, v in given.items()}


class MutableConfig(Config):
    """A config of the published learning contract, which changes field by field.

    What is assigned is checked together with the rest, and refused whole: ValidationError. Fields
    that only make sense together are given together, to the constructor.
    """

    model_config = ConfigDict(frozen=False, validate_assignment=True)

    def __setattr__(self, name: str, value: Any) -> None:
        before, given = dict(self.__dict__), set(self.model_fields_set)
        try:
            super().__setattr__(name, value)
        except ValidationError:  # pydantic keeps what only a check of the whole model refused
            self.__dict__.update(before)
            self.__pydantic_fields_set__.intersection_update(given)
            raise


def _as_text(value: Any) -> Any:
    """``value`` with its truths as text, which no number field takes."""
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else value


def _is_number(annotation: Any) -> bool:
    """Whether a field takes numbers, alone or in lists, and neither truths nor text."""
    kinds = _kinds(annotation)
    return (int in kinds or float in kinds) and bool not in kinds and str not in kinds


def _kinds(annotation: Any) -> list[Any]:
    """The plain types that an annotation's values are made of."""
    inner = typing.get_args(annotation)[typing.get_origin(annotation) is dict :]
    return [kind for one in inner for kind in _kinds(one)] if inner else [annotation]
