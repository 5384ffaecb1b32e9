"""``hil-app bench hil``: how much of somebody's time each task takes to be learned."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.load import DEFAULT_PRESET, Parser, load, presets
from configs.options.parser import count
from configs.text.paths import expanded
from configs.text.writing import write_whole
from hil_app.bench.learning import suite
from hil_app.bench.learning.console import add_options, placed, watched
from hil_app.bench.learning.suite import OBSERVATIONS, OPERATORS, SUITES, TASKS, Case, Learner
from hil_app.runs.folder import new_run

if TYPE_CHECKING:  # loaded late
    from rich.console import Console

    from hil_app.bench.learning.lines import Line

LINES, TABLE, PLOT = "bench.jsonl", "bench.md", "bench.png"
PARTS: Sequence[tuple[str, str, Collection[str]]] = (
    ("--tasks", "TASK", TASKS),
    ("--obs", "OBS", OBSERVATIONS),
    ("--operators", "OPERATOR", OPERATORS),
)
DESCRIPTION = """\
How soon each task of the simulated arm is learned beside an operator, and how much of somebody's
time that takes: with the hands on the stick, and watching. Each run is a process and a folder of
its own, evaluated every 500 ticks; the handbook's page Benchmark has the protocol.

  hil-app bench hil --suite core --jobs 2 --output_dir=runs/core
  hil-app bench hil --tasks pick_lift push --obs pixels --seeds 3
  hil-app bench hil --tasks pick_lift --preset hil hil_serl rlpd lerobot

With the same --output_dir, what is there already is not run again. A --runner is another program
that learns the same: NAME=COMMAND, which takes the options of `hil-app train`. Any
--block.key=value is handed on to every training.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options, handed_on = _options(argv)
    cases, seeds = _cases(options)
    _check(cases, handed_on)
    from rich.console import Console

    from hil_app.bench.learning import lines  # late: once the options are good
    from hil_app.bench.learning.experiment import Experiment

    beside = [line for path in options.beside for line in lines.read(path)]
    folder = options.output_dir or new_run("bench_hil")
    results, console = lines.Results(cases), Console(stderr=options.json)
    with placed(options) as (jobs, place):
        experiment = Experiment(folder, suite.runs(cases, seeds, handed_on), jobs, place)
        with watched(experiment, console):
            for done in experiment.run():
                results.add(done, experiment.path(done))
                lines.save(results.lines, folder / LINES)
    if options.json:
        print("\n".join(map(lines.text, results.lines)))
    _show(results.lines, beside, folder, console)
    experiment.check()
    return 0


def _options(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = Parser("hil-app bench hil", DESCRIPTION, "[options] [--block.key=value ...]")
    parser.add_argument(
        "--suite",
        choices=SUITES,
        default="core",
        help="core: state and an ordinary operator, 3 seeds; full: all there is, 5 seeds (default: "
        "core)",
    )
    for option, one, known in PARTS:
        listed = f"of {', '.join(known)} (default: the suite's)"
        parser.add_argument(option, nargs="+", choices=known, metavar=one, help=listed)
    parser.add_argument("--seeds", type=count, help="seeds 0, 1, … of each (default: the suite's)")
    own = ", ".join(one.preset for one in OBSERVATIONS.values())
    parser.add_argument(
        "--preset",
        nargs="+",
        metavar="PRESET|FILE",
        default=[],
        help=f"the learner's settings: {', '.join(presets())}, or YAML files (default: {own})",
    )
    parser.add_argument(
        "--runner",
        action="append",
        type=_runner,
        metavar="NAME=COMMAND",
        default=[],
        help="another program that learns; may be repeated",
    )
    parser.add_argument(
        "--beside",
        nargs="+",
        type=expanded,
        metavar="FILE",
        default=[],
        help="lines of JSON of other benchmarks, to show in the same table and image",
    )
    add_options(parser, "bench_hil")
    return parser.parse_known_args(argv)


def _runner(text: str) -> Learner:
    name, equals, command = text.partition("=")
    if not (name.isidentifier() and equals and command.split()):
        raise argparse.ArgumentTypeError(f"must be NAME=COMMAND, got {text!r}")
    return Learner(name, program=tuple(shlex.split(command)))


def _cases(options: argparse.Namespace) -> tuple[list[Case], int]:
    """All that is to be compared, and the number of seeds."""
    wanted = SUITES[options.suite]
    presets = [Learner(Path(preset).stem, preset) for preset in options.preset]
    learners = [*presets, *options.runner] or [Learner()]
    cases = suite.cases(
        options.tasks or TASKS,
        options.obs or wanted.obs,
        options.operators or wanted.operators,
        learners,
    )
    return cases, options.seeds or wanted.seeds


def _check(cases: Sequence[Case], options: Sequence[str]) -> None:
    """Raise ConfigError if a training would refuse its options."""
    for case in cases:
        load(Parser("hil-app bench hil"), case.run(0, options).options, DEFAULT_PRESET)


def _show(found: Sequence[Line], beside: Sequence[Line], folder: Path, console: Console) -> None:
    """Write the table and the image of all lines, and show the table."""
    from hil_app.bench.learning import panels, standings

    shown = [*found, *beside]
    if not shown:
        return
    write_whole(folder / TABLE, standings.markdown(shown).encode())
    panels.plot(shown, folder / PLOT)
    console.print(standings.table(shown))
    console.out(f"in {folder}: {LINES}, {TABLE}, {PLOT} and a folder a run", highlight=False)
