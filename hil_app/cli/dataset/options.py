"""What the parsers of ``hil-app dataset …`` share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from configs.options.parser import Parser
from configs.text.paths import expanded


def add_root(parser: Parser) -> None:
    """Take the dataset."""
    parser.add_argument(
        "root", type=expanded, metavar="ROOT", help="the dataset's folder, or that of a run"
    )


T = TypeVar("T")


def in_sight(items: Sequence[T], doing: str) -> Iterator[T]:
    """The items, one by one; a terminal shows how far it is."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not console.is_terminal or len(items) < 2
    yield from track(items, doing, console=console, transient=True, disable=hidden)
