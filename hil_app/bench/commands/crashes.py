"""``hil-app bench crashes``: what kill -9 does to a dataset that is being written."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from configs.options.parser import count
from hil_app.bench import showing

if TYPE_CHECKING:
    from hil_app.bench.crashes import Crashes

DESCRIPTION = """\
Kill a process that writes episodes with two cameras, at random moments, and look at the dataset:
every episode that the process had said was finished must be there, right in every number and
image, and `hil-app dataset repair` must bring back the open one. Exit status 1 if not. 200 kills
take some minutes.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("crashes", DESCRIPTION)
    parser.add_argument("--kills", type=count, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args(argv)
    from hil_app.bench.crashes import crashes

    def report(found: Crashes) -> None:
        if found.kills % 20 == 0:
            print(f"{found.kills} kills, {found.lost} lost", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        found = crashes(Path(folder) / "dataset", options.kills, options.seed, report)
    showing.show(asdict(found), options.json, lambda: _table(found))
    return 0 if found.good else 1


def _table(found: Crashes) -> Table:
    counts = {
        "kills": found.kills,
        "after which the dataset did not open": found.half_read,
        "episodes finished before": found.acknowledged,
        "of them lost": found.lost,
        "episodes cut short": found.cut,
        "their frames": found.frames,
        "brought back": found.recovered,
        "most frames lost of one": found.most_lost,
        "anything wrong": len(found.wrong),
    }
    rows = [[name, str(count)] for name, count in counts.items()]
    return showing.table("crashes", ("", ""), rows, "; ".join(found.wrong[:3]))
