"""``hil-app bench torture``: hostile inputs and hostile surroundings, and what they lead to."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from configs.load import ConfigError
from configs.parser import Parser
from configs.reading import shown

if TYPE_CHECKING:
    from hil_app.bench.torture.row import Row

DESCRIPTION = """\
Hurt everything that comes from outside (configs, options, datasets, journals, checkpoints, packets
of devices and sockets) and read it: whatever is wrong must be refused in one clear line, soon and
with little memory, and nothing wrong may pass. Then have recordings on virtual arms meet storms of
signals, a terminal and a disk that stall, a stopped job and a killed deadman: torque must be off
within the configured time, and every frame told of on the disk. Exit status 1 if anything is not
as it should be. All of it takes about 45 minutes.
"""
COLUMNS = (
    ("tries", "tries"),
    ("tracebacks", "trace-\nbacks"),
    ("hangs", "hangs"),
    ("memory_mb", "most\nMiB"),
    ("accepted", "pas-\nsed"),
    ("frames_lost", "frames\nlost"),
    ("torque_left", "torque\nleft"),
    ("slowest_s", "off\n[s]"),
)
_SHOWN = 3  # faults of a kind below the table


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app bench torture", DESCRIPTION)
    parser.add_argument("--tries", type=int, default=1500, help="of each input (default: 1500)")
    parser.add_argument("--storms", type=int, default=500, help="of signals (default: 500)")
    parser.add_argument("--runs", type=int, default=10, help="of each other trouble (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("--only", action="append", metavar="KIND", help="one kind; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(list(argv))
    if min(options.tries, options.storms, options.runs) < 1:
        raise ConfigError("--tries, --storms and --runs must be at least 1")
    rows = list(_rows(options))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _show(rows)
    return 0 if all(row.good for row in rows) else 1


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    """Every row that is asked for."""
    from hil_app.bench.torture.inputs import SUBJECTS, inputs  # loads torch
    from hil_app.bench.torture.runs import STORMS, runs, troubles

    kinds = [*SUBJECTS, *troubles()]
    wanted = options.only or kinds
    if unknown := [kind for kind in wanted if kind not in kinds]:
        raise ConfigError(f"--only: no kind '{shown(unknown[0], 60)}'; kinds: {', '.join(kinds)}")

    def told(row: Row) -> None:
        print(f"{row.kind}: {row.tries} tries", file=sys.stderr, flush=True)

    for kind in wanted:
        if kind in SUBJECTS:
            yield inputs(kind, options.tries, options.seed, told)
    tries = {kind: options.storms if kind == STORMS else options.runs for kind in wanted}
    if hardware := {kind: count for kind, count in tries.items() if kind not in SUBJECTS}:
        yield from runs(hardware, options.seed, told)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _show(rows: Sequence[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title="hil-app bench torture",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.caption = "passed: wrong, and accepted silently; off: slowest until no motor had torque"
    table.add_column("", no_wrap=True)
    for _, title in COLUMNS:
        table.add_column(escape(title), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.kind, *(_figure(getattr(row, name)) for name, _ in COLUMNS))
    console = Console()
    console.print(table)
    for row in rows:
        for fault in row.faults[:_SHOWN]:
            console.print(f"{row.kind}: {escape(ascii(fault)[1:200])}", highlight=False)
