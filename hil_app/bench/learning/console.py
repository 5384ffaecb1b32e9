"""What the commands of the learning benchmarks share: options, and how far the runs are."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from configs.options.parser import Parser, count
from configs.text.paths import expanded
from hil_app.remote.cluster import LOCAL, joined

if TYPE_CHECKING:  # both are loaded late
    from rich.console import Console

    from hil_app.bench.learning.experiment import Experiment
    from hil_app.bench.learning.processes import Place


def add_options(parser: Parser, command: str) -> None:
    """Take how many runs there are at a time, where they go and how they are told."""
    parser.add_argument("--jobs", type=count, help="runs at a time (default: 1)")
    parser.add_argument(
        "--ray",
        nargs="?",
        const=LOCAL,
        metavar="HOST:PORT",
        help="do them as tasks of the Ray cluster that this computer has joined, or of its own, as "
        "many at a time as there are cores; see `hil-app cluster`",
    )
    parser.add_argument("--json", action="store_true", help="print JSON; the table goes to stderr")
    parser.add_argument(
        "--output_dir", type=expanded, help=f"folder of the runs (default: runs/<time>_{command})"
    )


@contextmanager
def placed(options: Namespace) -> Iterator[tuple[int, Place]]:
    """How many runs there are at a time, and where; raises ConfigError or ClusterError."""
    from hil_app.bench.learning.processes import Processes

    if options.ray is None:
        yield options.jobs or 1, Processes()
        return
    with joined(options.ray) as cores:
        from hil_app.bench.learning.tasks import RayTasks

        yield options.jobs or cores, RayTasks()


@contextmanager
def watched(experiment: Experiment, console: Console) -> Iterator[None]:
    """Show how far the runs are while the block does them."""
    from rich.live import Live
    from rich.table import Table

    def so_far() -> Table:
        grid = Table.grid(padding=(0, 2))
        grid.add_row("runs", f"{experiment.over} of {len(experiment.runs)} are over")
        for name, words in experiment.under_way().items():
            grid.add_row(name, words)
        return grid

    with Live(get_renderable=so_far, console=console, refresh_per_second=1):
        yield
