"""``hil-app bench learn``: how fast and how surely a preset learns, over several seeds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from configs.load import DEFAULT_PRESET, Parser, load, presets
from configs.options.parser import count
from configs.text.paths import expanded
from hil_app.runs.folder import BENCH, new_run

if TYPE_CHECKING:  # both are loaded late
    from rich.console import Console

    from hil_app.bench.learn import Experiment

PLOT = "learning.png"
DESCRIPTION = """\
Train with several seeds, each in a process and a folder of its own, evaluate the policy without
interventions every 500 ticks (20 episodes) and at the end (100), and show how soon it got there:

  hil-app bench learn --preset sim_pick_lift --seeds 5
  hil-app bench learn --preset sim_pick_lift hil_serl --seeds 3 --ablations --train.ticks=3000

Any --block.key=value is handed on to every run. With the same --output_dir, what is there already
is not run again. Two --jobs at a time take less long, but make each run's seconds longer.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options, handed_on = _options(argv)
    from rich.console import Console

    from hil_app.bench import curves  # loads torch: only once the options are known to be good
    from hil_app.bench.learn import Experiment, Seed, arms, save

    console = Console(stderr=options.json)
    found = arms(options.preset, handed_on, options.ablations)
    for arm in found:
        load(Parser("hil-app bench learn"), arm.options, DEFAULT_PRESET)  # or fail now
    folder = options.output_dir or new_run("bench_learn")
    experiment = Experiment(folder, found, range(options.seeds), options.jobs)
    results: dict[str, list[Seed]] = {arm.name: [] for arm in found}
    with _watched(experiment, console):
        for arm, seed in experiment.run():
            results[arm.name].append(seed)
    saved = save(results, folder)
    curves.plot(results, folder / PLOT)
    if options.json:
        print(json.dumps(saved, indent=2))
    console.print(curves.table(results))
    console.out(f"in {folder}: {BENCH}, {PLOT} and a folder a run", highlight=False)
    return 0


def _options(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = Parser("hil-app bench learn", DESCRIPTION, "[options] [--block.key=value ...]")
    parser.add_argument(
        "--preset",
        nargs="+",
        metavar="PRESET|FILE",
        default=[DEFAULT_PRESET],
        help=f"what to compare: {', '.join(presets())}, or YAML files (default: {DEFAULT_PRESET})",
    )
    parser.add_argument("--seeds", type=count, default=5, help="seeds 0, 1, … of each (default: 5)")
    parser.add_argument(
        "--ablations",
        action="store_true",
        help="also without demonstrations, and with nothing but demonstrations",
    )
    parser.add_argument("--jobs", type=count, default=1, help="runs at a time (default: 1)")
    parser.add_argument("--json", action="store_true", help="print JSON; the table goes to stderr")
    parser.add_argument(
        "--output_dir", type=expanded, help="folder of the runs (default: runs/<time>_bench_learn)"
    )
    return parser.parse_known_args(argv)


@contextmanager
def _watched(experiment: Experiment, console: Console) -> Iterator[None]:
    """Show how far each run is while the block runs them."""
    from rich.live import Live
    from rich.table import Table

    def so_far() -> Table:
        grid = Table.grid(padding=(0, 2))
        for (name, seed), words in experiment.progress().items():
            grid.add_row(f"{name}, seed {seed}", words)
        return grid

    with Live(get_renderable=so_far, console=console, refresh_per_second=1):
        yield
