"""Packages of others that bring robots, teleoperators, steps, tasks, rewards and algorithms.

Such a package names, in its pyproject.toml, a module whose import registers what it has::

    [project.entry-points."hil_app.plugins"]
    toy = "toy_package"
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from configs.registry import Registry

GROUP = "hil_app.plugins"
_LONGEST = 400  # characters of an error's text


@dataclass(frozen=True)
class Plugin:
    """An entry point that was loaded, or could not be."""

    source: str  # its package and the version of that
    module: str
    failure: str | None  # why nothing of it is registered

    def __str__(self) -> str:
        return f"plug-in {self.source} ({self.module})"


@cache
def load() -> tuple[Plugin, ...]:
    """Import every plug-in once; one that fails registers nothing, and takes nothing down."""
    return tuple(_load(point) for point in entry_points(group=GROUP))


def _load(point: EntryPoint) -> Plugin:
    package = point.dist
    source = point.name if package is None else f"{package.name} {package.version}"
    before = [(registry, registry.snapshot()) for registry in Registry.all]
    Registry.source, failure = source, None
    try:
        point.load()
    except (Exception, SystemExit) as error:
        failure = _described(error)
        for registry, entries in before:
            registry.restore(entries)
    finally:
        Registry.source = None
    return Plugin(source, point.module, failure)


def _described(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:_LONGEST].rstrip(": ")
