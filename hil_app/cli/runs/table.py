"""Runs in a table that fits 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from hil_app.runs.browse.facts import when
from hil_app.runs.browse.overview import RunOverview
from hil_app.support.tables import print_table
from hil_app.support.words import data_size

HELPED = "* of the last episodes, in which the operator could help; others are evaluations"


def print_runs(runs: Sequence[RunOverview]) -> None:
    """Print what each came to, in two lines."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("run", overflow="fold", min_width=25)
    table.add_column("task, robot", overflow="fold")
    for name in ("ticks", "updates", "episodes", "success", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        now = ", now" if run.going_on else ""
        table.add_row(
            Text(f"{run.folder.name}\n") + Text(f"{when(run)}{now}", style="dim"),
            Text(f"{run.task}\n") + Text(run.robot, style="dim"),
            f"{run.ticks}",
            f"{run.updates}",
            f"{run.episodes}",
            success(run),
            data_size(run.size),
        )
    print_table(table)
    if any(success(run).endswith("*") for run in runs):
        print(HELPED)


def success(run: RunOverview) -> str:
    """How it did lately, with a mark where the operator had a hand in it."""
    if run.success is None:
        return "–"
    return f"{run.success.rate:.0%}" + "*" * (not run.success.alone)
