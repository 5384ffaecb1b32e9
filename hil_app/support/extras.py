"""How what is left out of an installation is installed: hil-app itself is on no package index."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path

from configs.base import ConfigError
from configs.text.paths import typed

_ROOT = Path(__file__).parents[2]  # of the checkout, if this is one


def check_installed(extra: str, what: str) -> None:
    """Raise ConfigError unless there is the package that an ``extra`` is called after.

    ``what`` is the option or command that needs it; nothing is loaded.
    """
    if util.find_spec(extra) is None:
        raise ConfigError(f"{what} needs {extra}, which is not installed: {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    """The command that installs what an ``extra`` needs, in a checkout and beside a wheel alike.

    It names this very Python, which need not be the shell's, and what the extra asks for. Where the
    installation knows of no such extra, it is that of a checkout that has changed since.
    """
    wanted = [typed(one) for one in _requirements(extra)] or ["-e", typed(f"{_ROOT}[{extra}]")]
    return f"`{' '.join([typed(sys.executable), '-m pip install', *wanted])}`"


def _requirements(extra: str) -> Iterator[str]:
    """What an ``extra`` asks for, as pip takes it."""
    try:
        everything = metadata.requires("hil-app") or []
    except metadata.PackageNotFoundError:
        return
    for line in everything:
        requirement, _, marker = line.partition(";")
        if f'extra == "{extra}"' in marker.replace("'", '"'):
            yield requirement.strip()
