"""``hil-app bench bus``: what our servo bus costs over the bare SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from rich.table import Table

from configs.options.parser import count
from configs.text.paths import expanded_text
from hil_app.bench import showing

DESCRIPTION = """\
The time of one sync read of six motors (15 bytes each, position to current) and one sync write of
their goals: with the bare SDK and with our bus, in turns on one port. The goals are where the
motors are. Without --port it starts a virtual arm, which answers at once; real motors take about
3 ms.
"""
NAMES = {"sdk": "bare SDK", "ours": "our bus"}


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("bus", DESCRIPTION)
    parser.add_place(
        "port",
        "--port",
        type=expanded_text,
        metavar="PORT",
        help="port of an arm (default: a virtual arm of its own)",
    )
    parser.add_argument("--rounds", type=count, default=2000, help="times of each (default: 2000)")
    options = parser.parse_args(argv)
    from hil_app.bench import bus
    from hil_app.bench.virtual import virtual_arm

    with nullcontext(options.port) if options.port else virtual_arm("--world=none") as port:
        result = bus.bus(port, options.rounds)
    showing.show(result, options.json, lambda: _table(result))
    return 0


def _table(result: Mapping[str, Any]) -> Table:
    share = result["share_of_tick"]
    rows = [
        [NAMES[name], *showing.figures(values), f"{share[name]:.1%}"]
        for name, values in result["ms"].items()
    ]
    ratio = ["ours / SDK", *(f"{value:.2f}x" for value in result["ratio"].values())]
    columns = ("", *showing.PERCENTILES, "of a 30 Hz tick")
    return showing.table(
        "bus [ms]", columns, [*rows, [], ratio], f"{result['rounds']} rounds of each"
    )
