"""``hil-app runs show``: all about one run."""

from __future__ import annotations

from collections.abc import Sequence

from configs.options.parser import Parser
from configs.text.paths import expanded

DESCRIPTION = """\
Show what a run came to, what lies in its folder, and how to go on with it. It may go on meanwhile.

  hil-app runs show runs/first
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app runs show", DESCRIPTION)
    parser.add_argument("run", type=expanded, metavar="RUN", help="its folder")
    options = parser.parse_args(list(argv))
    from rich.table import Table
    from rich.text import Text

    from hil_app.runs.browse.facts import commands, facts, inside
    from hil_app.runs.browse.overview import overview
    from hil_app.support.tables import print_table
    from hil_app.support.words import data_size

    found = overview(options.run)
    table = Table(title=str(found.folder), show_header=False, title_style="bold")
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    sizes = dict(inside(found))
    width = max(map(len, sizes))
    files = "\n".join(f"{name:<{width}}  {size}" for name, size in sizes.items())
    for name, value in (*facts(found), ("files", files), ("in all", data_size(found.size))):
        table.add_row(name, Text(value))
    print_table(table)
    for line in commands(found):
        print(line)
    return 0
