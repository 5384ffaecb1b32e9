"""What ``--help`` shows of the options of a configuration, a page or a topic at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from configs.errors import ConfigError
from configs.options.catalogue import Block, Option, blocks, topics
from configs.options.parser import Parser
from configs.run import RunConfig
from configs.text.reading import did_you_mean, shown

MAIN = (  # what matters for a command that does not say
    "robot.type",
    "robot.port",
    "robot.id",
    "robot.cameras",
    "teleop.type",
    "env.fps",
    "env.paced",
    "env.control_time_s",
    "env.reset_time_s",
    "seed",
    "output_dir",
)
ALL = "all"
_MANY = 12  # choices that are not worth their lines


def asked(argv: Sequence[str]) -> str | None:
    """The topic of ``--help=TOPIC``, "" where it has none; None without a --help."""
    for word in argv:
        name, _, topic = word.partition("=")
        if name == "--help":
            return topic
    return None


def page(parser: Parser, topic: str, main: Sequence[str], config: RunConfig, base: str) -> Parser:
    """What prints a topic's options, or a command's ``parser`` with the ``main`` ones.

    The values are those of ``config``; ``base`` is what that is called. Raises ConfigError for a
    topic that is not known.
    """
    known = [*blocks(config)]
    if topic:
        usage, parser = parser.usage, Parser(parser.prog)
        parser.usage = usage
        _fill_blocks(parser, known if topic == ALL else _about(topic, known))
    else:
        _fill_main(parser, main, known)
    parser.epilog = (
        f"The values are those of {base}; null turns an optional thing off. --help=TOPIC shows all "
        f"options of {', '.join(topics())}; --help={ALL} shows all there are."
    )
    return parser


def _about(topic: str, known: Sequence[Block]) -> list[Block]:
    """The blocks of a topic, which is the dotted name of one, and those in it."""
    found = [one for one in known if f"{one.name}.".startswith(f"{topic}.")]
    if not found:
        hint = did_you_mean(topic, [ALL, *(one.name for one in known)])
        raise ConfigError(
            f"--help: no topic '{shown(topic, 60)}'{hint}; topics: {', '.join(topics())}, {ALL}"
        )
    return found


def _fill_main(parser: Parser, main: Sequence[str], known: Sequence[Block]) -> None:
    """Show some options, each in a line or two, under their topics."""
    found: dict[str, Option] = {}
    for block in known:  # those that are there now come before those that could be
        for option in block.options:
            found.setdefault(option.name, option)
    groups: dict[str, list[Option]] = {}
    for name in main:
        topic, dot, _ = name.partition(".")
        groups.setdefault(topic if dot else "run", []).append(found[name])
    for topic, options in groups.items():
        _add(parser, f"{topic} (all of it: --help={topic})", options, short=True)


def _fill_blocks(parser: Parser, chosen: Iterable[Block]) -> None:
    for block in chosen:
        title = f"{block.name}, {block.only}" if block.only else block.name
        _add(parser, title, block.options, block.description or None)


def _add(
    parser: Parser,
    title: str,
    options: Iterable[Option],
    description: str | None = None,
    *,
    short: bool = False,
) -> None:
    """Show options in a group, spelled with the values that they have."""
    group = parser.add_argument_group(title, description)
    for option in options:
        words = option.description.rstrip(".")
        if short:
            words = re.split("[.;] ", words)[0]
        if 1 < len(option.choices) < _MANY and option.choices != ("true", "false"):
            words = f"{words}: {', '.join(option.choices)}"
        spelled = f"--{option.name}={option.text}"
        group.add_argument(f"{title} {option.name}", metavar=spelled, help=words.replace("%", "%%"))
