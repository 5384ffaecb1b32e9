"""One parser for the options of every command."""

from __future__ import annotations

import argparse
import math
import re
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from configs.errors import ConfigError
from configs.text.reading import did_you_mean, shown

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

OPEN = ("--open", "page.open", "open the run's page in a browser")  # of commands that have one
CONFIG_WORD = "word "  # begins the dest of what is an option of the configuration
_UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")
_MOST_MEANT = 3  # options that a word may have been meant for
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

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As ever; ``--help=TOPIC`` shows all help there is, where the command has no topics."""
        words = ["--help" if word.startswith("--help=") else word for word in args]
        return super().parse_known_args(words, namespace)

    def print_help(self, file: SupportsWrite[str] | None = None) -> NoReturn:
        """Print the help, and end."""
        super().print_help(file)
        raise HelpShown(self)

    def add_place(
        self, dest: str, *spellings: str, nargs: Literal["?", "*"] = "?", **described: Any
    ) -> None:
        """Take what a command is about as a word, or by an option of one of the ``spellings``.

        It is None, or no list, if it is not given; given in both ways it is refused.
        """
        described |= {"dest": dest, "action": _Once}
        self.add_argument(nargs=nargs, **described)
        self.add_argument(
            *spellings, **(described | {"help": "the same"}), nargs="+" if nargs == "*" else None
        )

    def add_config_word(self, name: str, metavar: str, help: str) -> None:
        """Take an option of the configuration, as ``robot.port``, as a word, too."""
        self.add_argument(f"{CONFIG_WORD}{name}", nargs="?", metavar=metavar, help=help)

    def add_config_flag(self, flag: str, name: str, help: str) -> None:
        """Take ``--flag`` for ``--name=true``, a truth of the configuration."""
        dest = f"{CONFIG_WORD}{name}"
        self.add_argument(flag, action="store_const", const="true", dest=dest, help=help)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage, which may be long."""
        unknown = _UNKNOWN.match(message)
        hint = self.alike(unknown[1]) if unknown else ""
        raise ConfigError(f"{message}{hint} (see {self.prog} --help)")

    def alike(self, word: str) -> str:
        """`` (did you mean --env.fps?)`` where an option is meant by a word, else nothing."""
        name, known = word.partition("=")[0], [*self._option_string_actions]
        ends = [one for one in known if one.endswith(f".{name.lstrip('-')}")][:_MOST_MEANT]
        return f" (did you mean {' or '.join(ends)}?)" if ends else did_you_mean(name, known)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is none of an option's choices, in the words of a configuration."""
        known = [*map(str, action.choices or ())]
        if known and str(value) not in known:
            hint = did_you_mean(str(value), known)
            raise argparse.ArgumentError(
                action, f"got '{shown(str(value), 60)}'{hint}, allowed: {', '.join(known)}"
            )


class _Once(argparse.Action):
    """Keep what is given, once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if not values:  # a word that is not given
            return
        if getattr(namespace, self.dest, None):
            spelled = f", the other time by {option_string}" * bool(option_string)
            parser.error(f"{self.metavar} is given twice{spelled}: leave one out")
        setattr(namespace, self.dest, values)


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
