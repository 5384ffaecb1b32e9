"""``hil-app plugins``: what a configuration can name, and who brought it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

import configs.run  # noqa: F401 - registers what comes with hil-app
from configs import plugins
from configs.parser import Parser
from configs.registry import Entry, Registry

DESCRIPTION = """\
List what a configuration can name, by its kind: the name, the package that brought it with its
version, and the module. A package brings more by an entry point of the group hil_app.plugins; what
could not be loaded stands at the end. Ends with status 1 if there is such.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    Parser("hil-app plugins", DESCRIPTION).parse_args(argv)
    loaded = plugins.load()
    failed = [plugin for plugin in loaded if plugin.failure]
    rows = [[_row(entry) for entry in registry] for registry in Registry.all]
    widths = [max(len(row[column]) for kind in rows for row in kind) for column in (0, 1)]
    for registry, kind in zip(Registry.all, rows, strict=True):
        print(f"{registry.kind}s" if kind else f"{registry.kind}s: none")
        for name, source, module in kind:
            print(f"  {name:<{widths[0]}}  {source:<{widths[1]}}  {module}".rstrip())
    for plugin in failed:
        print("\n".join(_told(plugin)))
    return 1 if failed else 0


def _row(entry: Entry[Any]) -> tuple[str, str, str]:
    ours = f"hil-app {metadata.version('hil-app')}"
    return entry.name, entry.source or ours, entry.config.__module__


def _told(plugin: plugins.Plugin) -> Iterator[str]:
    yield ""
    yield f"left out: {plugin}"
    yield f"  {plugin.failure}"
