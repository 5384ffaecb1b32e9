"""One root of all errors, and a tree drawn as it is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import configs
import configs.errors
import hil_app
import processors
import robots
import teleop
from configs.errors import ConfigError, HilAppError


def grown(error: type[HilAppError], base: str = "") -> Iterator[tuple[str, str]]:
    """Each error and what it derives from."""
    yield error.__name__, base
    for inner in error.__subclasses__():
        yield from grown(inner, error.__name__)


def drawn() -> Iterator[tuple[str, str]]:
    above = [""]
    rows = re.findall(r"^    ([│├└─ ]*)([A-Z]\w+)", configs.errors.__doc__ or "", re.MULTILINE)
    for branches, name in rows:
        depth = len(branches) // 4
        yield name, above[depth]
        above[depth + 1 :] = [name]


def test_the_tree_is_drawn_as_it_is() -> None:
    for room in (configs, robots, teleop, processors, hil_app):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)
    assert sorted(drawn()) == sorted(grown(HilAppError))


@pytest.mark.parametrize("error", [HilAppError, ConfigError])
def test_an_error_knows_the_exit_status_of_its_command(error: type[HilAppError]) -> None:
    assert error("what, and what to do").exit_status == (2 if error is ConfigError else 1)
