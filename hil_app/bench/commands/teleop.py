"""``hil-app bench teleop``: how soon the arm does what the pad says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.options.parser import count
from hil_app.bench import showing

DESCRIPTION = """\
The time from a press on a virtual pad, at random between two ticks, to the new goals on the bus of
a virtual arm, in a loop of 30 Hz. "own" is the software's share of it: from the poll that sees the
press to the goals. The rest is waiting for that poll, up to a tick.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if a press was lost."""
    parser = showing.parser("teleop", DESCRIPTION)
    parser.add_argument("--presses", type=count, default=300, help="how many (default: 300)")
    options = parser.parse_args(argv)
    from hil_app.bench import teleop  # loads torch: only once the options are good
    from hil_app.bench.virtual import virtual_arm
    from hil_app.runs.session import calm_threads

    calm_threads()
    with virtual_arm("--world=none") as port:
        result = teleop.press_latency(port, options.presses)
    showing.show(result, options.json, lambda: _table(result))
    return 1 if result["lost"] else 0


def _table(result: Mapping[str, Any]) -> Table:
    rows = [[name, *showing.figures(values, form=".2f")] for name, values in result["ms"].items()]
    caption = f"{result['presses']} presses, {result['lost']} lost, {result['fps']:g} Hz"
    return showing.table("teleop [ms]", ("", *showing.PERCENTILES), rows, caption)
