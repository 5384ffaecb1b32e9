"""Values set in a YAML text, with all else in it, comments included, left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from configs.load import ConfigError
from configs.text.reading import Unreadable, parse_yaml

Path = tuple[str, ...]  # keys from the top, such as ("robot", "reset_pose")


def edited(text: str, changes: Mapping[Path, Any]) -> str:
    """``text`` with every value of ``changes`` at its place, and nothing else changed.

    Raises ConfigError if it is no YAML of keys and values, or is written in a way (such as with an
    alias in that place) that does not let this be done.
    """
    wanted, new = _content(text), text
    try:
        for path, value in changes.items():
            _put(wanted, path, value)
            new = _with(new, path, value)
        sure = parse_yaml(new) == wanted
    except (yaml.YAMLError, Unreadable):
        sure = False
    if not sure:
        places = ", ".join(".".join(path) for path in changes)
        raise ConfigError(f"written in a way that does not let {places} be changed alone")
    return new


def value_at(text: str, path: Path) -> Any:
    """What ``text`` says at ``path``; None if nothing."""
    value: Any = _content(text)
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _content(text: str) -> dict[str, Any]:
    try:
        content = parse_yaml(text)
    except Unreadable as error:
        raise ConfigError(f"not a YAML file: {error}") from None
    if not isinstance(content, dict | None):
        raise ConfigError(f"keys and values expected, not a {type(content).__name__}")
    return {key: _unshared(value) for key, value in (content or {}).items()}


def _unshared(value: Any) -> Any:
    """``value`` in which no part stands twice, as one that an alias names does."""
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value


def _put(content: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[path[-1]] = value


def _with(text: str, path: Path, value: Any) -> str:
    """``text`` with ``value`` written where ``path`` leads, or where it would."""
    node, key, found = _deepest(yaml.compose(text, yaml.SafeLoader), path)
    rest = path[found:]
    if node is None or (key is None and not getattr(node, "flow_style", None)):
        return f"{text.rstrip()}\n{_line(rest, value)}\n".lstrip("\n")
    if isinstance(node, yaml.MappingNode) and rest:
        return _with_entry(text, node, _line(rest, value))
    assert key is not None
    return _with_value(text, key, node, f"{{{_line(rest, value)}}}" if rest else _flow(value))


def _deepest(node: yaml.Node | None, path: Path) -> tuple[yaml.Node | None, yaml.Node | None, int]:
    """The node furthest along ``path``, its key, and how many of the keys lead there."""
    key, found = None, 0
    while isinstance(node, yaml.MappingNode) and found < len(path):
        children = {name.value: (name, value) for name, value in node.value}
        if path[found] not in children:
            break
        key, node = children[path[found]]
        found += 1
    return node, key, found


def _with_entry(text: str, node: yaml.MappingNode, line: str) -> str:
    """``text`` with one more entry in a mapping: first in a block, last between braces."""
    if not node.flow_style:
        start = node.start_mark.index
        return f"{text[:start]}{line}\n{' ' * node.start_mark.column}{text[start:]}"
    end = node.end_mark.index - 1
    return text[:end] + (", " if node.value else "") + line + text[end:]


def _with_value(text: str, key: yaml.Node, node: yaml.Node, new: str) -> str:
    """``text`` with ``new`` in a value's place, on the line of its key."""
    start, end = node.start_mark.index, node.end_mark.index
    colon = text.index(":", key.end_mark.index) + 1
    if start == end:  # nothing stands there, which means null
        return f"{text[:colon]} {new}{text[colon:]}"
    end = start + len(_without_tail(text[start:end]))
    if node.start_mark.line == key.start_mark.line:
        return text[:start] + new + text[end:]
    return f"{text[:colon]} {new}{text[end:]}"


def _line(rest: Path, value: Any) -> str:
    """``rest`` and ``value`` on one line: ``bounds: {min: [0, 1]}``."""
    text = _flow(value)
    for key in reversed(rest[1:]):
        text = f"{{{key}: {text}}}"
    return f"{rest[0]}: {text}"


def _flow(value: Any) -> str:
    """``value`` on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    if isinstance(value, str) and value.startswith(":"):  # plain, it is none within braces
        text = yaml.safe_dump(value, default_style='"', width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _without_tail(text: str) -> str:
    """A value's text without the empty lines and comments after it, which a block list has too."""
    lines = text.split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return "\n".join(lines)
