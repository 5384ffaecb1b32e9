"""The published spellings of fields that are called otherwise here, for code written elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import model_validator

from configs.base import MutableConfig


class Respelled(property):
    """Another spelling of a field, for the constructor, for reading and for setting it.

    ::

        class SACAlgorithmConfig(RespelledConfig):
            compile: bool = False
            use_torch_compile = Respelled("compile")

    Files have one spelling alone, which is ours.
    """

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(self.read, self.write)

    def read(self, config: Any) -> Any:
        """The field's value."""
        return getattr(config, self.field)

    def write(self, config: Any, value: Any) -> None:
        """Set the field."""
        setattr(config, self.field, value)

    def fields(self, value: Any) -> dict[str, Any]:
        """The fields, in our spelling, of what the constructor is given in this one."""
        return {self.field: value}


class RespelledConfig(MutableConfig):
    """A config with fields that are :class:`Respelled`."""

    @model_validator(mode="before")
    @classmethod
    def _in_our_spelling(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        ours = dict(given)
        for name, spelling in _spellings(cls):
            if name not in given:
                continue
            for field, value in spelling.fields(ours.pop(name)).items():
                if field in given and given[field] != value:
                    raise ValueError(f"{name} says {field} is {value}, {field} {given[field]}")
                ours[field] = value
        return ours


def _spellings(kind: type[RespelledConfig]) -> Iterator[tuple[str, Respelled]]:
    for base in kind.__mro__:
        yield from ((k, v) for k, v in vars(base).items() if isinstance(v, Respelled))
