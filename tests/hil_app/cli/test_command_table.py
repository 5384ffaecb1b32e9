"""One table has every command; what it says of itself fits a terminal of 80 by 24."""

from __future__ import annotations

from pathlib import Path

import pytest
from help_lines import help_of

import hil_app
from configs.errors import ConfigError
from hil_app.cli.commands import ALSO, COMMANDS, PROGRAM, CliCommand, find

RUNNABLE = [command for command in COMMANDS if command.module]
LISTS = [command for command in (PROGRAM, *COMMANDS) if not command.module]


def name(command: CliCommand) -> str:
    return command.name


@pytest.mark.parametrize("command", RUNNABLE, ids=name)
def test_a_command_is_found_by_its_words_and_has_the_rest(command: CliCommand) -> None:
    assert find([*command.name.split(), "--json", "x"]) == (command, ["--json", "x"])
    assert Path(hil_app.__path__[0], *command.module.split(".")).with_suffix(".py").is_file()


@pytest.mark.parametrize("command", LISTS, ids=name)
def test_what_is_below_a_command_fits_a_terminal(command: CliCommand) -> None:
    lines = help_of(command)
    assert len(lines) < 24  # and the prompt
    assert max(map(len, lines)) <= 80
    for one in command.below():
        if one.group == ALSO:
            assert one.word in lines[-1]
            continue
        assert any(f" {one.word} " in line and line.endswith(one.summary) for line in lines)


@pytest.mark.parametrize("command", RUNNABLE, ids=name)
def test_the_help_of_a_command_names_it_and_fits_a_screen(
    command: CliCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = help_of(command)
    assert lines[0].startswith(f"usage: hil-app {command.name}")
    assert "options:" in lines
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("topic", ["all", "robot"])
def test_a_command_without_topics_shows_all_of_its_help(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, _ = find(["find-port"])
    with pytest.raises(SystemExit) as ended:
        command.run([f"--help={topic}"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines() == help_of(command)


@pytest.mark.parametrize("name", ["demo", "train", "eval", "teleoperate", "config show"])
def test_h_names_the_blocks_of_the_configuration_and_fits_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command, _ = find(name.split())
    with pytest.raises(SystemExit) as ended:
        command.run(["-h", "--env.fps=3"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    shown = " ".join(lines)
    assert "--help=TOPIC all of robot, teleop, env, processor, policy," in shown
    assert "--env.paced" not in shown


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["trian"], "unknown command 'trian' (did you mean train?); commands: demo, train, "),
        (["dataset", "inof", "x"], "unknown command 'dataset inof' (did you mean info?); comm"),
        (["--resume"], "unknown command '--resume'; commands: "),
        (["frob\nnicate" * 99], "unknown command 'frob\\nnicate"),
    ],
)
def test_an_unknown_command_is_reported_in_a_line(argv: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        find(argv)
    assert str(refused.value).startswith(said)
    assert len(str(refused.value).splitlines()) == 1


def test_no_name_stands_twice_and_each_has_its_place() -> None:
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names)
    for command in COMMANDS:
        above = command.name.rpartition(" ")[0]
        assert (above in names) if above else command.group
