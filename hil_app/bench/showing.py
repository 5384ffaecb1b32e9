"""What the commands of all benchmarks share: ``--json``, one shape of table, saved figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from configs.options.parser import Parser
from configs.run import RunConfig
from configs.text.writing import write_whole
from hil_app.runs.folder import BENCH, open_folder
from hil_app.support.tables import print_table

PERCENTILES = ("p50", "p99", "max")

TableRow = Sequence[str]  # a name and its figures; an empty one parts two groups


def parser(name: str, description: str) -> Parser:
    """The parser of ``hil-app bench NAME``."""
    made = Parser(f"hil-app bench {name}", description)
    made.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return made


def figures(
    values: Mapping[str, float], keys: Sequence[str] = PERCENTILES, form: str = ".3f"
) -> TableRow:
    """The ``values`` of some keys, as a table has them."""
    return [format(values[key], form) for key in keys]


def table(title: str, columns: Sequence[str], rows: Iterable[TableRow], caption: str = "") -> Table:
    """A table of names at the left and figures at the right; the columns may have no names."""
    made = Table(
        title=Text(f"hil-app bench {title}", "bold"),
        caption=Text(caption) if caption else None,
        show_header=any(columns),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        made.add_column(Text(column), justify="right" if number else "left")
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def show(result: Any, as_json: bool, made: Callable[[], Table]) -> None:
    """Print a ``result``: the table that is ``made`` of it, or the result itself."""
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        print_table(made())


def check_folder(config: RunConfig) -> None:
    """Make the folder that the figures are to be saved in, if one is named, before measuring."""
    if config.output_dir is not None:
        open_folder(config.output_dir, config).release()


def save(result: Any, config: RunConfig) -> None:
    """Save the figures beside the config, if a folder is named."""
    if config.output_dir is not None:
        write_whole(config.output_dir / BENCH, f"{json.dumps(result, indent=2)}\n".encode())
