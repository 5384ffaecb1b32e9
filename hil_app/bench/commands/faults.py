"""``hil-app bench faults``: what happens when the arm fails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from configs.options.parser import count
from hil_app.bench import showing

if TYPE_CHECKING:
    from hil_app.bench.faults import FaultOutcome

DESCRIPTION = """\
Make a virtual arm fail in every way there is, at random moments of real control loops at 30 Hz:
transient faults must be survived, lasting ones must end the loop with the arm without torque.
Its motors check every command. 1,000 faults take about a quarter of an hour. Exit status 1 if
anything is not as it should be.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("faults", DESCRIPTION)
    parser.add_argument("--faults", type=count, default=1000, help="how many (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args(argv)
    from hil_app.bench.faults import faults  # loads torch
    from hil_app.runs.session import calm_threads

    calm_threads()

    def report(outcome: FaultOutcome) -> None:
        print(f"{outcome.fault}: {_verdict(outcome)}", file=sys.stderr, flush=True)

    outcomes = faults(options.faults, options.seed, report)
    showing.show([asdict(one) for one in outcomes], options.json, lambda: _table(outcomes))
    return 0 if all(outcome.good for outcome in outcomes) else 1


def _table(outcomes: Sequence[FaultOutcome]) -> Table:
    rows = [
        [
            outcome.fault,
            str(outcome.faults),
            _verdict(outcome),
            f"{outcome.episodes - outcome.lost} of {outcome.episodes}" if outcome.episodes else "–",
            str(outcome.violations),
        ]
        for outcome in outcomes
    ]
    columns = ("fault", "faults", "what came of it", "episodes kept", "bad commands")
    caption = f"{sum(outcome.faults for outcome in outcomes)} faults"
    return showing.table("faults", columns, rows, caption)


def _verdict(outcome: FaultOutcome) -> str:
    if outcome.problems:
        return "; ".join(outcome.problems)
    if outcome.borne:
        return "survived: the loop went on"
    if not outcome.episodes:
        return f"refused within {outcome.slowest_s:.1f} s, torque never on"
    return f"ended with its cause, safe within {outcome.slowest_s:.1f} s"
