"""``hil-app bench torture``: hostile inputs and hostile surroundings, and what they lead to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from configs.load import ConfigError
from configs.options.parser import count
from configs.text.reading import shown
from hil_app.bench import showing

if TYPE_CHECKING:
    from hil_app.bench.torture.row import TortureRow

DESCRIPTION = """\
Hurt everything that comes from outside (configs, options, datasets, journals, checkpoints, packets
of devices and sockets) and read it: whatever is wrong must be refused in one clear line, soon and
with little memory, and nothing wrong may pass. Then have recordings on virtual arms meet storms of
signals, a terminal and a disk that stall, a stopped job and a killed deadman: torque must be off
within the configured time, and every frame that was reported on the disk. Exit status 1 if anything
is not as it should be. All of it takes about 45 minutes.
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
    parser = showing.parser("torture", DESCRIPTION)
    parser.add_argument("--tries", type=count, default=1500, help="of each input (default: 1500)")
    parser.add_argument("--storms", type=count, default=500, help="of signals (default: 500)")
    parser.add_argument(
        "--runs", type=count, default=10, help="of each other trouble (default: 10)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument("--only", action="append", metavar="KIND", help="one kind; may be repeated")
    options = parser.parse_args(argv)
    rows = list(_rows(options))
    showing.show([asdict(row) for row in rows], options.json, lambda: _table(rows))
    return 0 if all(row.good for row in rows) else 1


def _rows(options: argparse.Namespace) -> Iterator[TortureRow]:
    """Every row that is asked for."""
    from hil_app.bench.torture.inputs import SUBJECTS, inputs  # loads torch
    from hil_app.bench.torture.runs import STORMS, runs, troubles

    kinds = [*SUBJECTS, *troubles()]
    wanted = options.only or kinds
    if unknown := [kind for kind in wanted if kind not in kinds]:
        raise ConfigError(f"--only: no kind '{shown(unknown[0], 60)}'; kinds: {', '.join(kinds)}")

    def report(row: TortureRow) -> None:
        print(f"{row.kind}: {row.tries} tries", file=sys.stderr, flush=True)

    for kind in wanted:
        if kind in SUBJECTS:
            yield inputs(kind, options.tries, options.seed, report)
    tries = {kind: options.storms if kind == STORMS else options.runs for kind in wanted}
    if hardware := {kind: count for kind, count in tries.items() if kind not in SUBJECTS}:
        yield from runs(hardware, options.seed, report)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _table(rows: Sequence[TortureRow]) -> Table:
    found = [[row.kind, *(_figure(getattr(row, name)) for name, _ in COLUMNS)] for row in rows]
    faults = [f"{row.kind}: {ascii(fault)[1:200]}" for row in rows for fault in row.faults[:_SHOWN]]
    said = "passed: wrong, and accepted silently; off: slowest until no motor had torque"
    titles = ("", *(title for _, title in COLUMNS))
    return showing.table("torture", titles, found, "\n".join([said, *faults]))
