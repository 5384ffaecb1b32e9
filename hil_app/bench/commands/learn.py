"""``hil-app bench learn``: how fast and how surely a preset learns, over several seeds."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from configs.load import DEFAULT_PRESET, Parser, load, presets
from configs.options.parser import count
from hil_app.bench.learning.console import add_options, placed, watched
from hil_app.runs.folder import BENCH, new_run

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

    from hil_app.bench.learning import curves, outcome  # late: once the options are good
    from hil_app.bench.learning.arms import arms, runs, save
    from hil_app.bench.learning.experiment import Experiment

    console = Console(stderr=options.json)
    found = arms(options.preset, handed_on, options.ablations)
    for arm in found:
        load(Parser("hil-app bench learn"), arm.options, DEFAULT_PRESET)  # or fail now
    folder = options.output_dir or new_run("bench_learn")
    results: dict[str, list[outcome.Outcome]] = {arm.name: [] for arm in found}
    with placed(options) as (jobs, place):
        experiment = Experiment(folder, runs(found, range(options.seeds)), jobs, place)
        with watched(experiment, console):
            for done in experiment.run():
                results[done.name].append(outcome.read(experiment.path(done), done.seed))
    for seeds in results.values():
        seeds.sort(key=lambda one: one.seed)
    saved = save(results, folder)
    curves.plot(results, folder / PLOT)
    if options.json:
        print(json.dumps(saved, indent=2))
    console.print(curves.table(results))
    console.out(f"in {folder}: {BENCH}, {PLOT} and a folder a run", highlight=False)
    experiment.check()
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
    add_options(parser, "bench_learn")
    return parser.parse_known_args(argv)
