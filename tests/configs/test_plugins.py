"""Plug-ins are found by their entry points; one that fails costs a line and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from plugin_site import describe, install

from configs import plugins
from configs.load import ConfigError, load, validate
from configs.options.parser import Parser
from configs.registry import Registry
from hil_app.cli.plugins import run

FIRST = """
from typing import Literal
from configs.robot import ROBOTS, RobotConfig

@ROBOTS.register("nowhere:First")
class FirstConfig(RobotConfig):
    type: Literal["first"] = "first"
"""
TAKEN = (
    FIRST.replace("First", "Second").replace("first", "second")
    + """
@ROBOTS.register("nowhere:Other")
class OtherConfig(RobotConfig):
    type: Literal["so101"] = "so101"
"""
)
NAMELESS = FIRST.replace('Literal["first"] = "first"', 'str = "first"')
BROKEN = {
    "taken": (TAKEN, "RegistryError: taken.OtherConfig: the name so101 is taken by the robot "),
    "nameless": (NAMELESS, 'nameless.FirstConfig needs a name: `type: Literal["name"] = "name"`'),
    "lacking": ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
    "leaving": ("raise SystemExit(3)", "SystemExit: 3"),
    "garbled": ("def", "SyntaxError: "),
    "silent": ("raise ValueError", "ValueError"),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for packages; what they register is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    plugins.load.cache_clear()
    modules = set(sys.modules)
    with ExitStack() as stack:
        for registry in Registry.all:
            stack.enter_context(registry.restored())
        yield tmp_path
    plugins.load.cache_clear()
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def package(site: Path, name: str, code: str) -> None:
    (site / f"{name}.py").write_text(code)
    describe(site, name, "0.3", {"it": name})


def test_a_plug_in_s_names_work_and_say_who_brought_them(site: Path) -> None:
    install(site)
    config = validate({"robot": {"type": "toy", "lag": 0.1}, "algorithm": {"type": "imitation"}})
    assert (config.robot.type, config.algorithm.type) == ("toy", "imitation")
    brought = {entry.name: entry.source for registry in Registry.all for entry in registry}
    mine = {name for name, source in brought.items() if source == "toy-plugin 1.2.3"}
    assert mine == {"toy", "toy_hand", "hover", "slow", "patience", "closeness", "imitation"}
    assert brought["so101"] is None
    assert plugins.load() is plugins.load()


@pytest.mark.parametrize("name", BROKEN)
def test_a_plug_in_that_fails_registers_nothing_and_is_reported(
    site: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, reported = BROKEN[name]
    package(site, name, code)
    package(site, "first", FIRST)
    load(Parser("hil-app test"), [], "sim_pick_lift")
    line = capsys.readouterr().err
    assert line.startswith(f"hil-app: plug-in {name} 0.3 ({name}) is left out: ")
    assert reported in line
    assert line.count("\n") == 1
    assert validate({"robot": {"type": "first"}}).robot.type == "first"
    with pytest.raises(
        ConfigError, match=r"robot\.type: got 'second', allowed: first, gymnasium, so100, "
    ):
        validate({"robot": {"type": "second"}})
    assert validate({"robot": {"type": "so101_sim"}}).robot.type == "so101_sim"


def test_the_list_says_what_failed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package(site, "taken", TAKEN)
    package(site, "first", FIRST)
    assert run([]) == 1
    shown = capsys.readouterr().out
    assert "  first          first 0.3      first\n" in shown
    assert "second" not in shown
    assert "left out: plug-in taken 0.3 (taken)\n  RegistryError: taken.OtherConfig: " in shown
    assert max(map(len, shown.splitlines())) <= 80
