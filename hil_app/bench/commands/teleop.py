"""``hil-app bench hands``: how soon the arm does what the pad says."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from configs.load import ConfigError
from configs.parser import Parser

DESCRIPTION = """\
The time from a press on a virtual pad, at random between two ticks, to the new goals on the bus of
a virtual arm, in a loop of 30 Hz. "own" is the software's share of it: from the poll that sees the
press to the goals. The rest is waiting for that poll, up to a tick.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if a press was lost."""
    options = _options(argv)
    from hil_app.bench import teleop as hands  # loads torch: only once the options are good
    from hil_app.bench.virtual import virtual_arm
    from hil_app.runs.session import calm_threads

    calm_threads()
    with virtual_arm("--world=none") as port:
        result = hands.hands(port, options.presses)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    return 1 if result["lost"] else 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("hil-app bench hands", DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--presses", type=int, default=300, help="how many (default: 300)")
    options = parser.parse_args(list(argv))
    if options.presses < 1:
        raise ConfigError("--presses must be at least 1")
    return options


def _show(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    from hil_app.cli.tables import print_table

    table = Table(title="hil-app bench hands [ms]", title_style="bold")
    for column in ("", "p50", "p99", "max"):
        table.add_column(column, justify="right" if column else "left")
    for name, values in result["ms"].items():
        table.add_row(name, *(f"{values[key]:.2f}" for key in ("p50", "p99", "max")))
    table.caption = f"{result['presses']} presses, {result['lost']} lost, {result['fps']:g} Hz"
    print_table(table)
