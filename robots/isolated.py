"""Processes of our own, which neither the working folder nor the environment makes run other code.

``command("teleop.window")`` starts that module of this very program: in a checkout, an editable
install or a wheel, whatever lies in the working folder, is named by ``PYTHONPATH`` or is called as
our packages are.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder

PACKAGES = frozenset({"configs", "robots", "teleop", "processors", "hil_app"})
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MISLEADING = ("PYTHON", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES")  # how they begin


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs ``module`` of this program, for ``subprocess`` and `environment`."""
    packages = ["-E", "-P"] if site.ENABLE_USER_SITE else ["-I"]  # as this program found its own
    return [sys.executable, *packages, os.path.abspath(__file__), module, *arguments]


def environment() -> dict[str, str]:
    """This program's environment, without what makes a Python run other code."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_MISLEADING)}


class _Ours:
    """Finds our packages beside this file, whatever else has their names."""

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG004 - as the import system calls it
        target: object = None,  # noqa: ARG004
    ) -> ModuleSpec | None:
        """Where the package ``name`` is, if it is one of ours."""
        return PathFinder.find_spec(name, [_ROOT]) if name in PACKAGES else None


def _main() -> None:
    import runpy

    sys.meta_path.insert(0, _Ours)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
