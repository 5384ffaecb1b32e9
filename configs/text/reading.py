"""One strict reader for every text that comes from outside: YAML and JSON, files and lines.

Whatever a text holds, reading it takes bounded time and memory and ends in a value or in
:class:`Unreadable`; a file that cannot be opened raises OSError, as ever. Only plain data comes
out: dicts with text as keys, lists, text, numbers, truth values and None. A date stays text.
"""

from __future__ import annotations

import codecs
import difflib
import errno
import json
import math
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

if TYPE_CHECKING:
    from yaml import SafeLoader as _BaseLoader
else:
    _BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LONGEST = 1 << 20  # bytes of a text
DEEPEST = 50  # blocks inside each other
MOST = 200_000  # values in a text, those that aliases repeat counted each time
_DIGITS = 400  # of a number; the largest float has 309

_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of characters
_ZERO_FIRST = re.compile("[-+]?0[0-9_]")
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_NO_PLAIN_VALUES = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")

_MARKS = {  # how texts begin that are not plain UTF-8, the longer marks first
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Unreadable(ValueError):
    """A text cannot be used; a short clause, without the file's name, that says what and where."""


def read_yaml(path: Path) -> Any:
    """What a YAML file holds. Raises Unreadable or OSError."""
    return parse_yaml(content_of(path))


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises Unreadable or OSError."""
    return parse_json(content_of(path))


def content_of(path: Path, longest: int = LONGEST) -> bytes:
    """The bytes of a regular file; no pipe or device is opened, or waited for.

    Raises Unreadable if it is no regular file, or has more than ``longest`` bytes, and OSError.
    """
    _check_kind(path, os.stat(path))
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_kind(path, os.fstat(number))
        content = bytearray()
        while len(content) <= longest and (more := os.read(number, longest + 1 - len(content))):
            content += more
    finally:
        os.close(number)
    return _bounded(bytes(content), longest)


def text_of(content: bytes) -> str:
    """The text that bytes are: UTF-8, or what a byte order mark says. Raises Unreadable."""
    coding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(coding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"not text: byte {error.start} is not {coding.upper()}") from None


def parse_json(source: str | bytes) -> Any:
    """What a JSON text holds: one value, numbers finite, no key twice. Raises Unreadable."""
    text = _text(source)
    try:
        value = json.loads(
            text,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_not_finite,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        comment = text[error.pos : error.pos + 1] in ("#", "/")
        problem = "a comment, which JSON does not have" if comment else error.msg
        raise Unreadable(f"{problem} ({_place(error.lineno, error.colno)})") from None
    except RecursionError:
        raise _too_deep() from None
    return _checked(value)


def parse_yaml(source: str | bytes) -> Any:
    """What a YAML text holds: one document, no key twice, no tags. Raises Unreadable."""
    text = _text(source)
    try:
        _Survey().of(text)
        return _checked(yaml.load(text, _Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = mark and f" ({_place(mark.line + 1, mark.column + 1)})"
        tab = mark is not None and text[mark.index : mark.index + 1] == "\t"
        problem = "a tab, where only spaces can stand" if tab else shown(error.problem)
        raise Unreadable(f"{problem}{where or ''}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise Unreadable(shown(error)) from None


def shown(value: object, longest: int = 120) -> str:
    """``value`` for a message: one line of at most ``longest`` printable characters."""
    if isinstance(value, Exception):
        text = " ".join(str(value)[: 4 * longest].split())
    else:
        text = value if isinstance(value, str) else repr(value)
    head = text[: longest + 1]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)
    return safe if len(safe) <= longest else safe[: longest - 1] + "…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` where one of the ``known`` names is close, else nothing."""
    close = difflib.get_close_matches(name[:40], [*known], n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _check_kind(path: Path, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if kind != stat.S_IFREG:
        raise Unreadable(f"{_KINDS.get(kind, 'something else')}, not a file")


def _bounded(content: bytes, longest: int = LONGEST) -> bytes:
    if len(content) > longest:
        raise Unreadable(f"longer than {longest:,} bytes")
    return content


def _text(source: str | bytes) -> str:
    if isinstance(source, bytes):
        return text_of(_bounded(source))
    if len(source) > LONGEST:
        raise Unreadable(f"longer than {LONGEST:,} characters")
    return source


def _place(line: int, column: int) -> str:
    return f"line {line}, column {column}"


def _too_deep() -> Unreadable:
    return Unreadable(f"more than {DEEPEST} blocks inside each other")


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise Unreadable(f"a number of {len(text):,} digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise Unreadable(f"{shown(text, 20)} is not a finite number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Unreadable(_twice(key))
        found[key] = value
    return found


def _twice(key: str) -> str:
    return f"the key '{shown(key, 40)}' stands twice in one block"


def _checked(value: Any) -> Any:
    """``value``, unless it is too deep or too much, or has text that no file name can have."""
    waiting, count = [(value, 1)], 0
    while waiting:
        one, depth = waiting.pop()
        count += 1
        if depth > DEEPEST:
            raise _too_deep()
        if count > MOST:
            raise Unreadable(f"more than {MOST:,} values")
        if isinstance(one, dict):
            waiting += [(inner, depth + 1) for inner in one.values()]
            waiting += [(key, depth) for key in one]
        elif isinstance(one, list):
            waiting += [(inner, depth + 1) for inner in one]
        elif isinstance(one, str) and _NO_TEXT.search(one):
            raise Unreadable(f"'{shown(one, 40)}' holds what is no character")
    return value


def _fault(problem: str, found: yaml.Event | yaml.Node) -> Unreadable:
    """The error to raise for something found in a YAML text."""
    mark = found.start_mark
    return Unreadable(f"{problem} ({_place(mark.line + 1, mark.column + 1)})" if mark else problem)


@dataclass
class _Block:
    """A list or mapping that a walk over a YAML text is inside of."""

    anchor: str | None = None
    keys: set[str] | None = None  # of a mapping
    nodes: int = 1  # it and what is in it
    expects_key: bool = False


class _Survey:
    """A look at a YAML text, event by event, before anything is built of it."""

    def __init__(self) -> None:
        self._sizes: dict[str | None, int] = {}  # of what has an anchor, in nodes
        self._inside = [_Block()]

    def of(self, text: str) -> None:
        """Raise Unreadable or YAMLError if ``text`` is not to be built."""
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent):
                self._check_tag(event)
            if isinstance(event, yaml.CollectionStartEvent):
                self._open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                block = self._inside.pop()
                self._count(block.nodes, block.anchor)
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)

    def _check_tag(self, event: yaml.CollectionStartEvent | yaml.ScalarEvent) -> None:
        if event.tag is not None:
            raise _fault(f"the tag {shown(event.tag, 40)}; only plain values are read", event)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        self._check_key(event)
        if len(self._inside) > DEEPEST:
            raise _too_deep()
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._inside.append(_Block(event.anchor, set() if mapping else None, expects_key=mapping))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        block = self._inside[-1]
        if block.expects_key and block.keys is not None:
            if event.value in block.keys:
                raise _fault(_twice(event.value), event)
            block.keys.add(event.value)
        self._count(1, event.anchor)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._check_key(event)
        if any(block.anchor == event.anchor for block in self._inside):
            raise _fault(f"the alias *{shown(event.anchor, 40)} stands in what it repeats", event)
        self._count(self._sizes.get(event.anchor, 1))

    def _check_key(self, event: yaml.NodeEvent) -> None:
        if self._inside[-1].expects_key:
            raise _fault("a key that is no plain text", event)

    def _count(self, nodes: int, anchor: str | None = None) -> None:
        """Add a value of so many nodes to the block around it."""
        block = self._inside[-1]
        block.nodes += nodes
        block.expects_key = block.keys is not None and not block.expects_key
        if anchor is not None:
            self._sizes[anchor] = nodes
        if block.nodes > MOST:
            raise Unreadable(f"more than {MOST:,} values")


class _Loader(_BaseLoader):
    """Builds plain values: keys are text as they stand, and so is what only looks like a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The values by key, those of merged blocks included."""
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def number(self, node: yaml.ScalarNode) -> int | float | str:
        """A number; text if it is none after all, such as ``0x_`` or the time 1:30.

        So is one with zeros before it: it may be meant for octal, or be an ID such as 007.
        """
        text = str(node.value)
        if ":" in text or _ZERO_FIRST.match(text):
            return text
        if len(text) > _DIGITS:
            raise _fault(f"a number of {len(text):,} digits", node)
        try:
            whole = node.tag == _INT
            return self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)
        except ValueError:
            return text


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in _NO_PLAIN_VALUES]
    for first, forms in _BaseLoader.yaml_implicit_resolvers.items()
}
for _tag in (_INT, _FLOAT):
    _Loader.add_constructor(_tag, _Loader.number)
