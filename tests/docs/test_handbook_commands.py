"""Every command that README and handbook name is one that there is, with options that it has."""

from __future__ import annotations

import re
from collections.abc import Sequence

import handbook
import pytest
from handbook import ROOT, Line

from configs import load as loading
from configs.options.parser import Parser
from hil_app.cli import teleoperate
from hil_app.cli.commands import find

OTHERS = {"mkdir", "source", "pip", "export", "docker", "lerobot-edit-dataset", "openssl"}
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b|…|\.\.\.")  # such as RUN or --config_path FILE
FILE = re.compile(r"[\w/]+\.yaml")  # of the reader's own
RUN_COMMANDS = handbook.commands()
USUAL = {"hil-app teleoperate": teleoperate.PRESET}  # presets of commands, where robots differ


class Parsed(Exception):
    """All options of a command are known, and make a configuration."""


@pytest.fixture(autouse=True)
def parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands stop once their options are parsed."""
    parse_args, make = Parser.parse_args, loading._parsed

    def parsed(parser: Parser, argv: Sequence[str]) -> None:
        parse_args(parser, list(argv))
        raise Parsed

    def loaded(parser: Parser, argv: Sequence[str], default: loading.Default) -> None:
        words = [FILE.sub("so101_pick_lift", word) for word in argv]
        usual = USUAL.get(parser.prog, loading.DEFAULT_PRESET)
        make(parser, words, default if isinstance(default, str) else usual)
        raise Parsed

    monkeypatch.setattr(Parser, "parse_args", parsed)
    monkeypatch.setattr(loading, "_parsed", loaded)


def check(line: Line) -> None:
    """Raise ConfigError, or what else is wrong, unless all that a command says is known."""
    command, argv = find(line.words[1:])
    if not command.module:
        assert not argv, f"{line}: which of those below it?"
        return
    with pytest.raises(Parsed):
        command.run(argv)


@pytest.mark.parametrize(
    "line", [one for one in RUN_COMMANDS if one.words[0] == "hil-app"], ids=str
)
def test_a_command_of_a_page_has_what_it_is_given(line: Line) -> None:
    if line.printed.startswith("hil-app: "):  # how a mistake is told
        with pytest.raises(loading.ConfigError, match=re.escape(line.printed.strip()[9:])):
            check(line)
        return
    check(line)


@pytest.mark.parametrize("line", handbook.spans(), ids=str)
def test_a_command_in_a_sentence_is_one(line: Line) -> None:
    if PLACEHOLDER.search(" ".join(line.words)) or len(line.words) < 4:
        find(line.words[1:])
    else:
        check(line)


def test_other_programs_are_few_and_make_knows_its_targets() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in RUN_COMMANDS:
        if line.words[0] == "make":
            assert line.words[1] in targets, line
        else:
            assert line.words[0] in OTHERS | {"hil-app"}, line
