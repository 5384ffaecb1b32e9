"""What the parsers of ``hil-app dataset …`` share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, TypeVar

from configs.load import ConfigError
from configs.paths import expanded


class Parser(argparse.ArgumentParser):
    """An argument parser that raises ConfigError, and takes a dataset first."""

    def __init__(self, name: str, description: str, **options: Any) -> None:
        super().__init__(
            prog=f"hil-app dataset {name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,
        )

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(f"{message} (see {self.prog} --help)")


def add_root(parser: argparse.ArgumentParser) -> None:
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


def megabytes(count: int) -> str:
    """So many bytes, in words."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
