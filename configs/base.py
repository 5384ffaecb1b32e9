"""The base of every config model: frozen, typed, unknown keys refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ConfigError(Exception):
    """A configuration cannot be used; the message has the dotted path and what is allowed."""


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
