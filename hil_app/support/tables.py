"""Tables on the screen, whole however narrow it is."""

from __future__ import annotations

from rich.console import Console, RenderableType

_NARROWEST = 80  # columns; a terminal that has fewer breaks the lines, and nothing is left out


def print_table(table: RenderableType) -> None:
    """Print a table as wide as the terminal, or as a usual one if that is narrower."""
    Console(width=max(Console().width, _NARROWEST)).print(table)
