"""How a guided command tells the page that has started it what a terminal would show.

It prints lines that begin with :data:`MARK` and go on with JSON; answers come as lines on its
standard input: one of the choices that a question has ("" is Enter alone), or words if it has none.
The page names itself by the environment's :data:`BY_PAGE`.
"""

from __future__ import annotations

import json
import os
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

BY_PAGE = "HIL_APP_ON_THE_PAGE"
MARK = "\x1e"  # ASCII's record separator, as in sequences of JSON texts


def on_the_page() -> bool:
    """Whether this command was started by a page."""
    return bool(os.environ.get(BY_PAGE))


def tell(**message: Any) -> None:
    """Have the page show something."""
    print(f"{MARK}{json.dumps(message)}", flush=True)


def heard(line: str) -> dict[str, Any] | None:
    """What a line of such a command tells; None if it is only printed."""
    if not line.startswith(MARK):
        return None
    try:
        found = json.loads(line.removeprefix(MARK))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def content_of(thing: RenderableType) -> dict[str, Any]:
    """A sentence, or a table: its title, heads, which columns stand to the right, rows of cells.

    A cell is a text and a style.
    """
    if not isinstance(thing, Table):
        return {"say": str(thing)}
    columns = [[*column.cells] for column in thing.columns]
    table = {
        "title": _cell(thing.title or "")[0],
        "head": [_cell(column.header)[0] for column in thing.columns],
        "right": [column.justify == "right" for column in thing.columns],
        "rows": [[_cell(cell) for cell in row] for row in zip(*columns, strict=True)],
    }
    return {"table": table}


def _cell(cell: RenderableType) -> tuple[str, str]:
    """The text of a cell, and the style of what is marked up in it."""
    text = cell if isinstance(cell, Text) else Text.from_markup(str(cell))
    styles = [str(span.style) for span in text.spans]
    return text.plain, styles[0] if styles else ""
