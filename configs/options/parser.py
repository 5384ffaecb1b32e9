"""One parser for the options of every command."""

from __future__ import annotations

import argparse
import math
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, NoReturn

from configs.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_WIDEST_NAME = 32  # columns of the options in the help; longer ones have a line of their own


class Parser(argparse.ArgumentParser):
    """The options of one command, spelled out in full; a fault is a :class:`ConfigError`.

    ::

        parser = Parser("hil-app find-port", DESCRIPTION)
        parser.add_argument("--also", action="append", help="look at these, too")
        options = parser.parse_args(argv)

    Paragraphs of the ``description`` are wrapped to the terminal; every indented line, as of
    examples, stays one. ``usage`` is what follows the command, where all options would be too many.
    """

    def __init__(self, prog: str, description: str = "", usage: str | None = None) -> None:
        super().__init__(
            prog=prog,
            usage=usage and f"{prog} {usage}",
            description=description,
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("-h", "--help", action="help", help="say what it does, and how")

    def print_help(self, file: SupportsWrite[str] | None = None) -> NoReturn:
        """Print the help, and end."""
        super().print_help(file)
        raise HelpShown(self)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage, which may be long."""
        raise ConfigError(f"{message} (see {self.prog} --help)")


class HelpShown(SystemExit):
    """The help that was asked for is printed; ``parser`` is whose it is. Ends with status 0."""

    def __init__(self, parser: Parser) -> None:
        super().__init__(0)
        self.parser = parser


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_WIDEST_NAME)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled: list[str] = []
        for indented, group in groupby(text.splitlines(), lambda line: line[:1] in ("", " ")):
            lines = [*group]
            for line in lines if indented else [" ".join(lines)]:
                hanging = line[: len(line) - len(line.lstrip())] + "    " * indented
                filled += textwrap.wrap(line, width, subsequent_indent=hanging) or [""]
        return textwrap.indent("\n".join(filled), indent)


def count(text: str) -> int:
    """The type of an option that says how many: at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def seconds(text: str) -> float:
    """The type of an option that says how long [s]: above 0, and finite."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0 and finite, got {number:g}")
    return number
