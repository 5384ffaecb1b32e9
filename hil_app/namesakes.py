"""Packages of others by the names of ours: hil-app comes with some that have common names.

Python takes the first that it finds: one in the working folder with ``python -m hil_app``, one on
``PYTHONPATH``, or one that another project has installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

PACKAGES = ("configs", "robots", "teleop", "processors")
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PROGRAM = ("hil-app", "-m")  # how a command line begins that is ours


class Namesake(ImportError):
    """Another package is in the place of one of ours."""


def check() -> None:
    """Raise Namesake unless Python finds our packages; a command ends with a line instead."""
    for name, place in found():
        message = f"{place} is in the place of hil-app's own package {name}: {_remedy(place)}"
        if os.path.basename("".join(sys.argv[:1])) in _PROGRAM:
            raise SystemExit(f"hil-app: {message}")
        raise Namesake(message, name=name, path=place)


def found() -> Iterator[tuple[str, str]]:
    """By their names, where the packages are that Python finds in the place of ours."""
    for name in PACKAGES:
        place = _place(name)
        if os.path.realpath(place) != os.path.realpath(os.path.join(_ROOT, name)):
            yield name, place


def in_folder(folder: str) -> Iterator[str]:
    """The packages in ``folder`` that a program which starts there would take for ours."""
    for name in PACKAGES:
        place = os.path.join(folder, name)
        if os.path.isfile(os.path.join(place, "__init__.py")) and not os.path.samefile(
            place, os.path.join(_ROOT, name)
        ):
            yield place


def _place(name: str) -> str:
    """The folder that Python takes for the package ``name``, or the file that hides it."""
    module = sys.modules.get(name)
    spec = find_spec(name) if module is None else module.__spec__
    if spec is None:
        return "nothing"
    folders = list(spec.submodule_search_locations or ())
    return folders[0] if folders else str(spec.origin)


def _remedy(place: str) -> str:
    if place == "nothing":
        return "install hil-app again"
    if os.path.dirname(place) == os.getcwd():
        return (
            "rename it, or work in another folder; `hil-app`, unlike `python -m hil_app`, looks "
            "here only if PYTHONPATH says so"
        )
    return (
        "take its folder off PYTHONPATH, uninstall the package that brought it, or install hil-app "
        "in an environment of its own"
    )
