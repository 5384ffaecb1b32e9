"""``hil-app completion``: what has bash or zsh complete commands, options and their values."""

from __future__ import annotations

import argparse
import io
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout

from configs import plugins
from configs.load import DEFAULT_PRESET, Parser, presets, read, validate
from configs.options.catalogue import NAME, Option, blocks, topics
from configs.options.help_page import ALL
from configs.options.parser import HelpShown
from hil_app.cli.commands import COMMANDS, PROGRAM, CliCommand
from hil_app.cli.completion.scripts import SCRIPTS

DESCRIPTION = """\
Print a script that has the shell complete commands, options, presets and the types that robots,
teleoperators and so on can be of. Make it anew after installing a plug-in, or another version.

  mkdir -p ~/.local/share/bash-completion/completions
  hil-app completion bash > ~/.local/share/bash-completion/completions/hil-app

For zsh, with `fpath+=~/.zfunc; autoload -U compinit; compinit` in ~/.zshrc:

  mkdir -p ~/.zfunc
  hil-app completion zsh > ~/.zfunc/_hil-app
"""
_CONFIGURED = "[--block.key=value"  # in the usage of commands that take the whole configuration
_Case = tuple[str, Iterable[str]]  # a pattern of the shell, and the words that answer it


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app completion", DESCRIPTION)
    parser.add_argument("shell", choices=list(SCRIPTS), help="for which shell")
    shell = parser.parse_args(list(argv)).shell
    plugins.load()
    parsers = {one.name: _parser_of(one) for one in COMMANDS if one.module}
    configured = [name for name, one in parsers.items() if _CONFIGURED in (one.usage or "")]
    config = validate(read(DEFAULT_PRESET))  # any has all the others' blocks, too
    options = [option for block in blocks(config) for option in block.options]
    parts = {
        "BELOW": _cases(_below(parsers)),
        "OPTIONS": _cases((shlex.quote(name), _own(one)) for name, one in parsers.items()),
        "CONFIGURED": " | ".join(map(shlex.quote, configured)),
        "CONFIG": " ".join(sorted({f"--{one.name}=" for one in options if NAME not in one.place})),
        "VALUES": _cases([*_own_values(parsers), *_values(options)]),
    }
    script = SCRIPTS[shell]
    for name, text in parts.items():
        script = script.replace(f"@{name}@", text)
    print(script, end="")
    return 0


def _parser_of(command: CliCommand) -> Parser:
    """What parses a command's own options."""
    try:
        with redirect_stdout(io.StringIO()):
            command.run(["-h"])
    except HelpShown as shown:
        return shown.parser
    raise AssertionError(f"{command.name} has no help")


def _below(parsers: dict[str, Parser]) -> Iterator[_Case]:
    """The words that may follow each command."""
    for command in (PROGRAM, *COMMANDS):
        words = [one.word for one in command.below()]
        if command.module:
            actions = parsers[command.name]._actions
            words += [str(word) for one in actions if not one.option_strings for word in _of(one)]
        yield shlex.quote(command.name), words


def _own(parser: Parser) -> list[str]:
    """The command's own options."""
    topic = ["--help="] if _CONFIGURED in (parser.usage or "") else []
    named = [(name, one) for one in parser._actions for name in one.option_strings]
    return [f"{name}{'=' * (one.nargs != 0)}" for name, one in named] + topic


def _own_values(parsers: dict[str, Parser]) -> Iterator[_Case]:
    for name, parser in parsers.items():
        for one in parser._actions:
            for option in one.option_strings:
                yield shlex.quote(f"{name} {option}"), _of(one)


def _values(options: Iterable[Option]) -> Iterator[_Case]:
    """The values of the options of a configuration."""
    yield "*' --help'", [*topics(), ALL]
    choices: dict[str, dict[str, None]] = {}
    for option in options:
        choices.setdefault(option.name.replace(NAME, "*"), {}).update(dict.fromkeys(option.choices))
    for name, words in choices.items():
        yield f"*' --{name}'".replace("*.", "'*'."), words


def _of(action: argparse.Action) -> list[str]:
    """What an option or a place may be given, where that can be listed."""
    named = presets() if "PRESET" in str(action.metavar) else []
    return [*map(str, action.choices or ()), *named]


def _cases(cases: Iterable[_Case]) -> str:
    """The branches of a shell's case: a word a line, for each that there is."""
    return "\n".join(
        f"        {pattern}) printf '%s\\n' {' '.join(map(shlex.quote, words))} ;;"
        for pattern, words in ((pattern, [*words]) for pattern, words in cases)
        if words
    )
