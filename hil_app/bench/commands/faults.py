"""``hil-app bench faults``: what happens when the arm fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from configs.load import ConfigError
from configs.parser import Parser

if TYPE_CHECKING:
    from hil_app.bench.faults import Outcome

DESCRIPTION = """\
Make a virtual arm fail in every way there is, at random moments of real control loops at 30 Hz:
faults that pass must be borne, faults that last must end the loop with the arm without torque.
Its motors check every command. 1,000 faults take about a quarter of an hour. Exit status 1 if
anything is not as it should be.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app bench faults", DESCRIPTION)
    parser.add_argument("--faults", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(list(argv))
    if options.faults < 1:
        raise ConfigError("--faults must be at least 1")
    from rich.table import Table

    from hil_app.bench.faults import faults  # loads torch
    from hil_app.cli.tables import print_table
    from hil_app.runs.session import calm_threads

    calm_threads()

    def told(outcome: Outcome) -> None:
        print(f"{outcome.fault}: {_verdict(outcome)}", file=sys.stderr, flush=True)

    outcomes = faults(options.faults, options.seed, told)
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
        return 0 if all(outcome.good for outcome in outcomes) else 1
    table = Table(title="hil-app bench faults", title_style="bold")
    for column in ("fault", "faults", "what came of it", "episodes kept", "bad commands"):
        table.add_column(column, justify="left" if column[0] in "w" else "right")
    table.columns[0].justify = "left"
    for outcome in outcomes:
        kept = f"{outcome.episodes - outcome.lost} of {outcome.episodes}"
        table.add_row(
            outcome.fault,
            str(outcome.faults),
            _verdict(outcome),
            kept if outcome.episodes else "–",
            str(outcome.violations),
        )
    table.caption = f"{sum(outcome.faults for outcome in outcomes)} faults"
    print_table(table)
    return 0 if all(outcome.good for outcome in outcomes) else 1


def _verdict(outcome: Outcome) -> str:
    if outcome.problems:
        return "; ".join(outcome.problems)
    if outcome.borne:
        return "borne: the loop went on"
    if not outcome.episodes:
        return f"refused within {outcome.slowest_s:.1f} s, torque never on"
    return f"ended with its cause, safe within {outcome.slowest_s:.1f} s"
