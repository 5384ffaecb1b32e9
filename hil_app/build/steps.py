"""Steps that configs put between those of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from configs.base import ConfigError
from configs.step import STEPS, StepConfig
from configs.text.reading import did_you_mean
from processors.base import Step

T = TypeVar("T")


def with_steps(
    steps: Mapping[str, Step[T]], more: Iterable[StepConfig], pipeline: str, **context: Any
) -> dict[str, Step[T]]:
    """``steps`` with those of ``more`` that belong to the ``pipeline``, each where it says.

    They are made in the ``context`` that :mod:`configs.step` describes. Raises ConfigError if there
    is no such place, or a name is taken.
    """
    found = dict(steps)
    for config in more:
        if config.pipeline == pipeline:
            found = _with(found, config, STEPS.factory(config)(config, **context), pipeline)
    return found


def _with(
    steps: dict[str, Step[T]], config: StepConfig, step: Step[T], pipeline: str
) -> dict[str, Step[T]]:
    name, place = config.called, config.before or config.after or ""
    if name in steps:
        raise ConfigError(f"processor.steps: the {pipeline} steps have a {name}: name yours apart")
    if place not in steps:
        raise ConfigError(
            f"processor.steps: {name} is to stand next to '{place}'{did_you_mean(place, steps)}; "
            f"{pipeline} steps: {', '.join(steps)}"
        )
    names = [*steps]
    names.insert(names.index(place) + (config.before is None), name)
    return {one: steps.get(one, step) for one in names}
