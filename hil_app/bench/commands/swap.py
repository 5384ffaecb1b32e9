"""``hil-app bench swap``: how fast new weights come to the policy that acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.options.parser import count
from hil_app.bench import showing

DESCRIPTION = """\
The time of new weights from the learner to the policy that acts, without the wait for the next
tick.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("swap", DESCRIPTION)
    parser.add_argument("--rounds", type=count, default=1000, help="times of each (default: 1000)")
    options = parser.parse_args(argv)
    from hil_app.bench import swap  # loads torch: only once the options are good
    from hil_app.runs.session import calm_threads

    calm_threads()
    result = swap.swap(options.rounds)
    showing.show(result, options.json, lambda: _table(result))
    return 0


def _table(result: Mapping[str, Any]) -> Table:
    rows: list[showing.TableRow] = []
    for title, times in result.items():
        if title != "rounds":
            rows.append([title])
            rows += [[f"  {name}", *showing.figures(values)] for name, values in times.items()]
            rows.append([])
    return showing.table("swap [ms]", ("", *showing.PERCENTILES), rows)
