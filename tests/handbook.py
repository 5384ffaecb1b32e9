"""What README and handbook tell people to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (
    *(page for page in sorted(ROOT.glob("*.md")) if page.name != "CHANGELOG.md"),
    *sorted(page for page in ROOT.glob("docs/**/*.md") if "reference" not in page.parts),
)
_BLOCK = re.compile(r"^( *)```(?:console|bash)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(hil-app [a-z][^`]*)`")
_SHELL = ("|", ">", "&&")


@dataclass(frozen=True)
class Line:
    """A command of a page, and what is said to be printed by it."""

    page: str
    words: tuple[str, ...]
    printed: str = ""

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def blocks(page: Path) -> Iterator[list[Line]]:
    """The commands of each block of a page, with what they print."""
    for margin, block in _BLOCK.findall(page.read_text()):
        text = re.sub(rf"^{margin}", "", block, flags=re.MULTILINE)
        yield [_line(page, part) for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]


def _line(page: Path, part: str) -> Line:
    command, _, printed = part.replace("\\\n", " ").partition("\n")
    return Line(str(page.relative_to(ROOT)), _words(command), printed)


def _words(command: str) -> tuple[str, ...]:
    words = shlex.split(command, comments=True)
    ends = [place for place, word in enumerate(words) if word in _SHELL]
    return tuple(words[: min(ends, default=len(words))])


def commands() -> list[Line]:
    """All commands in the blocks of all pages, in order."""
    return [line for page in PAGES for block in blocks(page) for line in block]


def spans() -> list[Line]:
    """All commands that are named in sentences; a line's end may be amid one."""
    found: list[Line] = []
    for page in PAGES:
        text = _BLOCK.sub("", page.read_text())
        named = (" ".join(span.split()) for span in _SPAN.findall(text))
        found += [Line(str(page.relative_to(ROOT)), tuple(shlex.split(one))) for one in named]
    return found


def told(page: str, *words: str) -> Line:
    """The command of a page that begins with these words."""
    lines = [line for block in blocks(ROOT / page) for line in block]
    return next(line for line in lines if line.words[: len(words)] == words)


def shape(text: str) -> list[str]:
    """The lines of a text without its numbers, spaces and the lines of its tables.

    A page leaves out what "…" stands for, amid a line or for some.
    """
    plain = re.sub(r"[─-╿]", " ", text).replace("…", "\n")
    plain = re.sub(r"[-+]?\d[\d.,:]*", "#", plain)
    return [line for each in plain.splitlines() if (line := " ".join(each.split()))]


def check_shape(told: str, printed: str) -> None:
    """Raise unless all lines of the page are printed, in their order.

    Lines may break anywhere: a narrow terminal breaks a long path amid a name.
    """
    stream, place = "".join(shape(printed)).replace(" ", ""), 0
    for line in (one.replace(" ", "") for one in shape(told)):
        found = stream.find(line, place)
        assert found >= 0, f"{line!r} is not printed (any more), or elsewhere:\n{printed}"
        place = found + len(line)
