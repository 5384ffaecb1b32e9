"""From presets, files and dotted options to one validated :class:`RunConfig`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from importlib import resources
from itertools import accumulate
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from configs import plugins
from configs.base import ConfigError as ConfigError
from configs.errors import HilAppError
from configs.options import help_page
from configs.options.catalogue import topics
from configs.options.explain import explain, locate
from configs.options.overrides import TypeChange, overridden
from configs.options.overrides import merge as merge
from configs.options.parser import CONFIG_WORD
from configs.options.parser import Parser as Parser
from configs.run import RunConfig
from configs.text.paths import expanded, option
from configs.text.reading import Unreadable, did_you_mean, parse_yaml, read_yaml, shown

_MOST_FAULTS, _LONGEST = 8, 700  # that a message tells, and their characters; one is always told
_OTHER_VERSION = (
    "this is a run's own config, of another version of hil-app or changed by hand: take these keys "
    "out of the file or correct them, or use the version that wrote it"
)
_SHORT = """\
And the options of the configuration, --block.key=value: --help shows the main ones,
--help=TOPIC all of {topics}.
"""
RUN_CONFIG = "config.yaml"  # what it is called in a run's folder
DEFAULT_PRESET = "sim_pick_lift"  # the embedded default: neither arm nor gamepad


class _Settings(RunConfig, BaseSettings):
    """The run's configuration as command-line options."""

    model_config = SettingsConfigDict(cli_implicit_flags=False, cli_hide_none_type=True)


class Base(NamedTuple):
    """What options go on top of, and what messages call it."""

    name: str
    content: dict[str, Any]


Default = str | Callable[[argparse.Namespace], str | Base]


class Loaded(NamedTuple):
    """A configuration, and what it was made of."""

    config: RunConfig
    options: argparse.Namespace  # the command's own
    base: Base
    content: dict[str, Any]  # of the base, with the options on top
    given: tuple[str, ...]  # names of the options


def load(
    parser: Parser,
    argv: Sequence[str],
    default: Default,
    named: str | None = None,
    main: Sequence[str] = help_page.MAIN,
) -> tuple[RunConfig, argparse.Namespace]:
    """Parse ``argv`` with ``parser``'s own options and every dotted config option.

    ``default`` is the preset or file used when ``--config_path`` is absent, or tells it from the
    command's own options, and then ``named`` says in the help what it is; a ``Base`` that it tells
    has taken ``--config_path`` into account. ``main`` are the options that the help shows. Returns
    the validated configuration and the command's own options. Raises :class:`ConfigError`.
    """
    found = load_with_origins(parser, argv, default, named, main)
    return found.config, found.options


def load_with_origins(
    parser: Parser,
    argv: Sequence[str],
    default: Default,
    named: str | None = None,
    main: Sequence[str] = help_page.MAIN,
) -> Loaded:
    """The same, with what it was made of."""
    _load_plugins()
    named = default if isinstance(default, str) else named
    own_places = [one for one in parser._actions if not one.option_strings]
    places = "".join(
        f" [{one.metavar}]" if one.nargs == "?" else f" {one.metavar or one.dest}"
        for one in own_places
    )
    parser.usage = f"{parser.prog}{places} [options] [--block.key=value ...]"  # all fill a page
    if not any(action.dest == "config_path" for action in parser._actions):
        which = f"a preset ({', '.join(presets())}) or a YAML file (default: {named})"
        parser.add_argument("--config_path", metavar="PRESET|FILE", help=which)
    if "-h" in argv:
        parser.epilog = _SHORT.format(topics=", ".join(topics()))
        parser.print_help()
    if (topic := help_page.asked(argv)) is not None:
        config, base = _for_help(parser, argv, default)
        help_page.page(parser, topic, main, config, base).print_help()
    return _parsed(parser, argv, default)


def _for_help(parser: Parser, argv: Sequence[str], default: Default) -> tuple[RunConfig, str]:
    """The configuration whose values the help shows, and what it is that of."""
    rest = [word for word in argv if word.partition("=")[0] != "--help"]
    try:
        found = _parsed(parser, rest, default)
    except HilAppError:  # which is not what was asked about
        name = default if isinstance(default, str) else DEFAULT_PRESET
        return validate(read(name)), name
    return found.config, found.base.name + ", with your options on top" * bool(found.given)


def _parsed(parser: Parser, argv: Sequence[str], default: Default) -> Loaded:
    own = {action.dest for action in parser._actions}
    parser = deepcopy(parser)  # whose help is to show no more
    CliSettingsSource(_Settings, root_parser=parser, cli_parse_args=False)  # adds all the others
    options, unknown = parser.parse_known_args(list(argv))
    given = [(name, value) for name, value in vars(options).items() if name not in own]
    texts = [(name, value if isinstance(value, list) else [value]) for name, value in given]
    texts += [_dotted(argument, parser) for argument in unknown]
    texts += _words(options, [name for name, _ in texts], parser)
    base = default if isinstance(default, str) else default(options)  # which may refuse the options
    saved = options.config_path is None and not isinstance(default, str)
    if isinstance(base, str):
        name = base if options.config_path is None else options.config_path
        base = Base(name, read(name))
    config, content = _over(base, texts, saved=saved)
    return Loaded(config, options, base, content, tuple(name for name, _ in texts))


def _load_plugins() -> None:
    """Load them, and say which ones fail."""
    for plugin in plugins.load():
        if plugin.failure:
            print(f"hil-app: {plugin} is left out: {plugin.failure}", file=sys.stderr)


def _over(
    under: Base, options: Sequence[tuple[str, Sequence[str]]], *, saved: bool
) -> tuple[RunConfig, dict[str, Any]]:
    """A preset or file with options on top; ``saved`` if it is a run's own."""
    name, base = under
    content, changes = overridden(base, options)
    try:
        config = validate(content)
    except ConfigError:
        found, own = ([text for _, text in faults(one)] for one in (content, base))
        wrong = [text for text in own if text in found]
        if name in presets() or not wrong:
            raise
        remedy = f": {_OTHER_VERSION}" if saved else ""
        raise ConfigError(f"{shown(name, 300)}: {_joined(wrong)}{remedy}") from None
    for change in changes:
        print(f"hil-app: {_warning(change)}", file=sys.stderr)
    return config, content


def _warning(change: TypeChange) -> str:
    place, lost = ".".join(change.place), ", ".join(change.lost)
    return (
        f"{place}.type changes from {change.before} to {change.after}, which has its own: {lost}; "
        "what was set before does not count"
    )


def presets() -> list[str]:
    """Names of the presets that come with the package."""
    files = resources.files("configs.presets").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def read(name: str) -> dict[str, Any]:
    """The raw content of a preset, of a YAML file, or of the one in a run's folder."""
    known = presets()
    try:
        if name in known:
            preset = resources.files("configs.presets").joinpath(f"{name}.yaml")
            content = parse_yaml(preset.read_bytes())
        else:
            path = expanded(name)
            saved = path / RUN_CONFIG
            content = read_yaml(saved if saved.is_file() else path)
    except Unreadable as error:
        raise ConfigError(f"{shown(name)}: not a YAML file: {error}") from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        hint = did_you_mean(name, known)
        raise ConfigError(
            f"--config_path: no preset or file '{shown(name)}'{hint}; presets: {', '.join(known)}"
        ) from None
    except OSError as error:
        raise ConfigError(f"--config_path: cannot read {shown(name)}: {error.strerror}") from error
    if not isinstance(content, dict | None):
        raise ConfigError(
            f"{name}: expected keys and values at the top, got a {type(content).__name__}"
        )
    return content or {}


def validate(content: Mapping[str, Any]) -> RunConfig:
    """The configuration that ``content`` describes; raises :class:`ConfigError` in one line.

    It may name whatever plug-ins have registered.
    """
    plugins.load()
    try:
        return RunConfig.model_validate(dict(content))
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise ConfigError(_joined([explain(fault) for fault in found])) from None


def faults(content: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """All that is wrong with ``content``: the place of each fault, and a clause that says what."""
    try:
        RunConfig.model_validate(dict(content))
    except ValidationError as error:
        found = error.errors(include_url=False)
        return [(tuple(locate(fault["loc"])[0]), explain(fault)) for fault in found]
    return []


def dump(config: RunConfig) -> str:
    """The configuration as YAML that :func:`read` takes back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _words(
    options: argparse.Namespace, named: Sequence[str], parser: Parser
) -> Iterator[tuple[str, list[str]]]:
    """What is given as a word; ``named`` are the options that are given by name."""
    for dest, value in vars(options).items():
        if dest.startswith(CONFIG_WORD) and value is not None:
            name = dest.removeprefix(CONFIG_WORD)
            if name in named:
                parser.error(f"{shown(value)} and --{name} are the same: leave one out")
            yield name, [value]


def _dotted(argument: str, parser: Parser) -> tuple[str, list[str]]:
    """``--robot.cameras.front.width=64``: the name and its text (for keys the user names)."""
    name, equals, value = argument.removeprefix("--").partition("=")
    if not (argument.startswith("--") and equals and "." in name):
        unknown, hint = shown(argument), parser.alike(argument)
        if argument in presets() or argument.endswith((".yaml", ".yml")):
            hint = f" (did you mean {option('config_path', unknown)}?)"
        parser.error(
            f"unknown option {unknown}{hint}; config options are spelled --block.key=value"
        )
    return name, [value]


def _joined(clauses: Sequence[str]) -> str:
    """The first of some clauses, and how many more there are."""
    lengths = accumulate(len(clause) for clause in clauses[1:_MOST_FAULTS])
    count = 1 + sum(len(clauses[0]) + length <= _LONGEST for length in lengths)
    more = len(clauses) - count
    return "; ".join(clauses[:count]) + (f"; and {more:,} more" if more > 0 else "")
