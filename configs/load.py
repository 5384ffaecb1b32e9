"""From presets, files and dotted options to one validated :class:`RunConfig`."""

from __future__ import annotations

import argparse
import difflib
import typing
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict, SettingsError

from configs.reading import Unreadable, parse_yaml, read_yaml, shown
from configs.robot import our_spelling
from configs.run import RunConfig

DEFAULT_PRESET = "sim_pick_lift"  # the embedded default: neither arm nor gamepad


class ConfigError(Exception):
    """A configuration cannot be used; the message has the dotted path and what is allowed."""


class _Settings(RunConfig, BaseSettings):
    """The run's configuration as command-line options."""

    model_config = SettingsConfigDict(cli_implicit_flags=False, cli_hide_none_type=True)


class Parser(argparse.ArgumentParser):
    """An argument parser that raises :class:`ConfigError` and spells every option out in full."""

    def __init__(self, **options: Any) -> None:
        usage = f"{options['prog']} [options] [--block.key=value ...]"  # a full one fills a page
        epilog = (
            "The defaults above are those without a preset or file; `hil-app config show` prints\n"
            "what a run would use. null turns an optional thing off."
        )
        super().__init__(usage=usage, epilog=epilog, **options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage, which is long."""
        raise ConfigError(f"{message} (see {self.prog} --help)")


def load(
    parser: Parser,
    argv: Sequence[str],
    default: str | Callable[[argparse.Namespace], str],
    named: str | None = None,
) -> tuple[RunConfig, argparse.Namespace]:
    """Parse ``argv`` with ``parser``'s own options and every dotted config option.

    ``default`` is the preset or file used when ``--config_path`` is absent, or tells it from the
    command's own options, and then ``named`` says in the help what it is. Returns the validated
    configuration and those options. Raises :class:`ConfigError`.
    """
    named = default if isinstance(default, str) else named
    parser.add_argument(
        "--config_path",
        metavar="PRESET|FILE",
        help=f"a preset ({', '.join(presets())}) or a YAML file (default: {named})",
    )
    source: CliSettingsSource[Any] = CliSettingsSource(
        _Settings, root_parser=parser, cli_parse_args=False
    )
    options, unknown = parser.parse_known_args(list(argv))
    try:
        overrides = source(parsed_args=options)()
    except SettingsError as error:
        parser.error(_one_line(error))
    for argument in unknown:
        _merge_into(overrides, _dotted(argument, parser))
    fallback = default if isinstance(default, str) else default(options)
    base = read(options.config_path or fallback)
    return validate(merge(base, overrides)), options


def presets() -> list[str]:
    """Names of the presets that come with the package."""
    files = resources.files("configs.presets").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def read(name: str) -> dict[str, Any]:
    """The raw content of a preset or of a YAML file."""
    known = presets()
    try:
        if name in known:
            preset = resources.files("configs.presets").joinpath(f"{name}.yaml")
            content = parse_yaml(preset.read_bytes())
        else:
            content = read_yaml(Path(name))
    except Unreadable as error:
        raise ConfigError(f"{shown(name)}: not a YAML file: {error}") from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ConfigError(
            f"--config_path: no preset or file '{shown(name)}'; presets: {', '.join(known)}"
        ) from None
    except OSError as error:
        raise ConfigError(f"--config_path: cannot read {shown(name)}: {error.strerror}") from error
    if not isinstance(content, dict | None):
        raise ConfigError(
            f"{name}: expected keys and values at the top, got a {type(content).__name__}"
        )
    return content or {}


def validate(content: Mapping[str, Any]) -> RunConfig:
    """The configuration that ``content`` describes; raises :class:`ConfigError` in one line."""
    try:
        return RunConfig.model_validate(dict(content))
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(fault) for fault in error.errors())) from None


def faults(content: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """All that is wrong with ``content``: the place of each fault, and a clause that says what."""
    try:
        RunConfig.model_validate(dict(content))
    except ValidationError as error:
        found = error.errors()
        return [(tuple(_locate(fault["loc"])[0]), _explain(fault)) for fault in found]
    return []


def dump(config: RunConfig) -> str:
    """The configuration as YAML that :func:`read` takes back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``overrides`` on top; a changed ``type`` drops the block's other keys."""
    merged = dict(base)
    _merge_into(merged, overrides)
    return merged


def _merge_into(base: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    for key, value in overrides.items():
        old = base.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            changed = "type" in value and "type" in old and not _same(value["type"], old["type"])
            base[key] = dict(value) if changed else merge(old, value)
        else:
            base[key] = value


def _same(one: object, other: object) -> bool:
    """Whether two ``type`` values mean the same, however they are spelled."""
    return our_spelling(str(one)) == our_spelling(str(other))


def _dotted(argument: str, parser: Parser) -> dict[str, Any]:
    """``--robot.cameras.front.width=64`` as a nested dictionary (for keys the user names)."""
    name, equals, value = argument.removeprefix("--").partition("=")
    if not (argument.startswith("--") and equals and "." in name):
        parser.error(f"unknown option {argument}; config options are spelled --block.key=value")
    try:
        content: Any = parse_yaml(value)
    except Unreadable as error:
        raise ConfigError(f"{shown(name)}: got '{shown(value)}': {error}") from None
    for key in reversed(name.split(".")):
        content = {key: content}
    return typing.cast("dict[str, Any]", content)


def _explain(fault: Mapping[str, Any]) -> str:
    """One readable clause for one pydantic error: dotted path, fact, what is allowed."""
    path, model = _locate(fault["loc"])
    where = ".".join(path) or "config"
    if fault["type"] == "extra_forbidden" and model is not None:
        known = list(model.model_fields)
        close = difflib.get_close_matches(path[-1], known, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        return f"{where}: unknown key{hint}; available: {', '.join(known)}"
    if fault["type"] == "union_tag_invalid":
        allowed = fault["ctx"]["expected_tags"].replace("'", "")
        return f"{where}.type: got '{fault['ctx']['tag']}', allowed: {allowed}"
    if fault["type"] == "union_tag_not_found" and model is not None:
        choices = models_in(model.model_fields[path[-1]].annotation)
        return f"{where}.type: missing, allowed: {', '.join(str(tag_of(one)) for one in choices)}"
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    given = fault["input"]
    shown = "" if isinstance(given, dict | BaseModel) else f", got {given!r}"
    return f"{where}: {message}{shown}"


def _locate(loc: Sequence[int | str]) -> tuple[list[str], type[BaseModel] | None]:
    """The dotted path of an error (union tags left out) and the model its last key belongs to."""
    path: list[str] = []
    owner: type[BaseModel] | None = None
    models: list[type[BaseModel]] = [RunConfig]
    named_by_user = False
    for part in map(str, loc):
        if tagged := [model for model in models if tag_of(model) == part]:
            models = tagged
            continue
        if part == "[key]":  # the key before it is the fault
            continue
        path.append(part)
        if named_by_user:
            named_by_user = False
            continue
        if part.isdecimal() and owner:  # a place in a list
            continue
        owner = models[0] if models else None
        field = owner.model_fields.get(part) if owner else None
        models = models_in(field.annotation) if field else []
        named_by_user = field is not None and typing.get_origin(field.annotation) is dict
    return path, owner


def tag_of(model: type[BaseModel]) -> object:
    """What a model's ``type`` says, if it has one."""
    field = model.model_fields.get("type")
    return field.default if field else None


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Every config model that an annotation may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in models_in(inner)]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
