"""``hil-app bench crashes``: what kill -9 does to a dataset that is being written."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from configs.load import ConfigError
from configs.parser import Parser

if TYPE_CHECKING:
    from hil_app.bench.crashes import Crashes

DESCRIPTION = """\
Kill a process that writes episodes with two cameras, at random moments, and look at the dataset:
every episode that the process had said was finished must be there, right in every number and
picture, and `hil-app dataset repair` must bring back the one under way. Exit status 1 if not.
200 kills take some minutes.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app bench crashes", DESCRIPTION)
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(list(argv))
    if options.kills < 1:
        raise ConfigError("--kills must be at least 1")
    from hil_app.bench.crashes import crashes

    def told(found: Crashes) -> None:
        if found.kills % 20 == 0:
            print(f"{found.kills} kills, {found.lost} lost", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        found = crashes(Path(folder) / "dataset", options.kills, options.seed, told)
    if options.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        _show(found)
    return 0 if found.good else 1


def _show(found: Crashes) -> None:
    from rich.table import Table

    from hil_app.cli.tables import print_table

    table = Table(title="hil-app bench crashes", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in (
        ("kills", found.kills),
        ("after which the dataset did not open", found.half_read),
        ("episodes finished before", found.acknowledged),
        ("of them lost", found.lost),
        ("episodes cut short", found.cut),
        ("their frames", found.frames),
        ("brought back", found.recovered),
        ("most frames lost of one", found.most_lost),
        ("anything wrong", len(found.wrong)),
    ):
        table.add_row(name, str(value))
    table.caption = "; ".join(found.wrong[:3]) or None
    print_table(table)
