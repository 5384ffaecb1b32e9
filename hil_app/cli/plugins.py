"""``hil-app plugins``: what a configuration can name, and who brought it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from importlib import metadata

import configs.run  # noqa: F401 - registers what comes with hil-app
from configs import plugins
from configs.options.parser import Parser
from configs.registry import Registry

_WIDE = 80  # columns of the narrowest terminal
DESCRIPTION = """\
List what a configuration can name, by its kind: the name, the package that brought it with its
version, and the module. A package brings more by an entry point of the group hil_app.plugins; what
could not be loaded stands at the end. Ends with status 1 if there is such.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    Parser("hil-app plugins", DESCRIPTION).parse_args(argv)
    failed = [plugin for plugin in plugins.load() if plugin.failure]
    for line in [*_registered(), *_left_out(failed)]:
        print("\n".join(textwrap.wrap(line, _WIDE, subsequent_indent=" " * 6)))
    return 1 if failed else 0


def _registered() -> Iterator[str]:
    """What is registered, by kind."""
    ours = f"hil-app {metadata.version('hil-app')}"
    registries = sorted(Registry.all, key=lambda registry: registry.kind)
    every = [(one.name, one.source or ours) for registry in registries for one in registry]
    name, source = (max(map(len, column)) for column in zip(*every, strict=True))
    for registry in registries:
        yield f"{registry.kind}s"
        for one in registry:
            yield f"  {one.name:<{name}}  {one.source or ours:<{source}}  {one.config.__module__}"


def _left_out(failed: Sequence[plugins.Plugin]) -> Iterator[str]:
    for plugin in failed:
        yield f"left out: {plugin}"
        yield f"  {plugin.failure}"
