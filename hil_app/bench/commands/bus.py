"""``hil-app bench bus``: what our servo bus costs over the bare SDK."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from configs.load import ConfigError
from configs.parser import Parser
from configs.paths import expanded_text

DESCRIPTION = """\
The time of one sync read of six motors (15 bytes each, position to current) and one sync write of
their goals: with the bare SDK and with our bus, in turns on one port. The goals are where the
motors are. Without --port it starts a virtual arm, which answers at once; real motors take about
3 ms.
"""
NAMES = {"sdk": "bare SDK", "ours": "our bus"}


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options = _options(argv)
    from hil_app.bench import bus
    from hil_app.bench.virtual import virtual_arm

    with nullcontext(options.port) if options.port else virtual_arm("--world=none") as port:
        result = bus.bus(port, options.rounds)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("hil-app bench bus", DESCRIPTION)
    parser.add_argument(
        "--port", type=expanded_text, help="port of an arm (default: a virtual arm of its own)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=2000, help="times of each (default: 2000)")
    options = parser.parse_args(list(argv))
    if options.rounds < 1:
        raise ConfigError("--rounds must be at least 1")
    return options


def _show(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    from hil_app.cli.tables import print_table

    table = Table(title="hil-app bench bus [ms]", title_style="bold")
    for column in ("", "p50", "p99", "max", "of a 30 Hz tick"):
        table.add_column(column, justify="right" if column else "left")
    for name, values in result["ms"].items():
        figures = (f"{values[key]:.3f}" for key in ("p50", "p99", "max"))
        table.add_row(NAMES[name], *figures, f"{result['share_of_tick'][name]:.1%}")
    table.add_section()
    table.add_row("ours / SDK", *(f"{value:.2f}x" for value in result["ratio"].values()))
    table.caption = f"{result['rounds']} rounds of each"
    print_table(table)
