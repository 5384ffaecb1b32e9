"""Ways to damage what comes from outside: at random, and the same again for the same draw."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Place = tuple[str | int, ...]  # keys and places in lists, from the top

_MOST = 64  # bytes of garbage, or of a span that goes
_NESTED = 3000  # brackets
NEVER = (  # what no number, text or list of ours can be
    ".nan",
    "-.inf",
    "1.0e+999",
    "9" * 5000,
    "[" * _NESTED + "]" * _NESTED,
    '{"' + 'k": {"' * 500 + 'k": 1' + "}" * 501,
)
ODD = (  # what is wrong in most places, and must do no harm in any
    *("null", "true", "-1", "0", "1.0e+308", "[]", "{}", '""', "2001-99-99", "0x_", "1:60:70"),
    *('"~"', '"/"', '"../../elsewhere"', '"{x.__class__}"', '"{foo:09999999999d}"', '"%s%n"'),
    *('"\\u0000"', '"\\ud800"', '"\\u001b[2J"', '"' + "x" * 100_000 + '"', '"/dev/zero"', "1e400"),
)
JSON_SPELLING = {".nan": "NaN", "-.inf": "-Infinity", "1.0e+999": "1e999"}


def damaged(draw: Random, content: bytes) -> tuple[str, bytes]:
    """What was done to ``content``, and what became of it."""
    name = draw.choice(sorted(_DAMAGES))
    return name, _DAMAGES[name](draw, content)


def planted(
    draw: Random, tree: Any, spell: Callable[[Any], str], json_too: bool
) -> tuple[Place, str, str]:
    """A hostile value in place of one that ``tree`` has: where, which, and the text then.

    ``spell`` writes a tree as text; the value is put into that text as it stands, so that nothing
    that writes trees has to be able to write it.
    """
    place = draw.choice(list(leaves(tree)))
    token = draw.choice(NEVER if draw.random() < 0.5 else ODD)
    if json_too:
        token = JSON_SPELLING.get(token, token)
    mark = "@hostile@"
    text = spell(_with(tree, place, mark))
    for quoted in (f'"{mark}"', f"'{mark}'", mark):
        if quoted in text:
            return place, token, text.replace(quoted, token, 1)
    raise AssertionError("the mark is in the text")


def leaves(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Where ``tree`` has values that hold no others."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(tree, dict):
        inner = list(tree.items())
    elif isinstance(tree, list):
        inner = list(enumerate(tree))
    if not inner:
        yield place
    for key, value in inner:
        yield from leaves(value, (*place, key))


def at(tree: Any, place: Place) -> Any:
    """What ``tree`` has there."""
    for key in place:
        tree = tree[key]
    return tree


def finite(tree: Any) -> bool:
    """Whether no number anywhere in ``tree`` is a NaN or an infinity."""
    if isinstance(tree, dict):
        return all(map(finite, tree.values()))
    if isinstance(tree, list | tuple):
        return all(map(finite, tree))
    return not isinstance(tree, float) or math.isfinite(tree)


def _with(tree: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    copy: Any = tree.copy()
    copy[place[0]] = _with(tree[place[0]], place[1:], value)
    return copy


def _span(draw: Random, content: bytes) -> tuple[int, int]:
    start = draw.randrange(len(content) + 1)
    return start, min(len(content), start + draw.randint(1, _MOST))


def _flip(draw: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 8)) if content else 0):
        changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(draw: Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _remove(draw: Random, content: bytes) -> bytes:
    start, end = _span(draw, content)
    return content[:start] + content[end:]


def _insert(draw: Random, content: bytes) -> bytes:
    start, _ = _span(draw, content)
    return content[:start] + draw.randbytes(draw.randint(1, _MOST)) + content[start:]


def _blank(draw: Random, content: bytes) -> bytes:
    start, end = _span(draw, content)
    return content[:start] + bytes(end - start) + content[end:]


def _repeat(draw: Random, content: bytes) -> bytes:
    start, end = _span(draw, content)
    return content[:end] + content[start:end] * draw.randint(1, 200) + content[end:]


def _shuffle(draw: Random, content: bytes) -> bytes:
    start, end = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[end:] + content[start:end] + content[:start]


def _garbage(draw: Random, content: bytes) -> bytes:
    return draw.randbytes(len(content) % 4096)


def _otherwise(draw: Random, content: bytes) -> bytes:
    """The same text in another encoding, if it is one."""
    coding = draw.choice(("utf-8-sig", "utf-16", "utf-32", "utf-16-be"))
    return content.decode(errors="replace").encode(coding)


_DAMAGES: dict[str, Callable[[Random, bytes], bytes]] = {
    "bits flipped": _flip,
    "cut off": _cut,
    "a span removed": _remove,
    "garbage inserted": _insert,
    "a span blanked": _blank,
    "a span repeated": _repeat,
    "parts swapped": _shuffle,
    "all garbage": _garbage,
    "emptied": lambda draw, content: b"",  # noqa: ARG005 - as the others are called
    "another encoding": _otherwise,
}


def as_json(tree: Any) -> str:
    """``tree`` as our JSON files are written."""
    return json.dumps(tree, indent=4)
