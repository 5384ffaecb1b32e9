"""``hil-app runs show``: all about one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from configs.options.parser import Parser
from configs.text.paths import expanded, typed

if TYPE_CHECKING:
    from hil_app.runs.browse.overview import RunOverview

DESCRIPTION = """\
Show what a run came to, what lies in its folder, and how to go on with it. It may go on meanwhile.

  hil-app runs show runs/first
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app runs show", DESCRIPTION)
    parser.add_argument("run", type=expanded, metavar="RUN", help="its folder")
    options = parser.parse_args(list(argv))
    from rich.table import Table
    from rich.text import Text

    from hil_app.runs.browse.overview import overview
    from hil_app.support.tables import print_table

    found = overview(options.run)
    table = Table(title=str(found.folder), show_header=False, title_style="bold")
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_facts(found), *_learned(found), *_inside(found)):
        table.add_row(name, Text(value))
    print_table(table)
    for line in _next(found):
        print(line)
    return 0


def _facts(run: RunOverview) -> Iterator[tuple[str, str]]:
    from hil_app.cli.runs.table import when
    from hil_app.control.outcomes import success_rate
    from hil_app.support.words import plural

    yield "began", when(run)
    yield "ended", "a program has it now" if run.going_on else _end(run)
    yield "robot, task", f"{run.robot}, {run.task}"
    for stage, finished in run.history.stages.items():
        if finished:
            rate = success_rate([one.episode for one in finished])
            said = f"{plural(len(finished), 'episode')}, {finished[-1].tick} ticks"
            yield stage, f"{said}, {rate:.0%} successful"


def _end(run: RunOverview) -> str:
    return str(run.summary.get("ended") or "cut off: it has no summary")


def _learned(run: RunOverview) -> Iterator[tuple[str, str]]:
    from hil_app.runs.folder import CHECKPOINTS, best_of, updates_of

    if run.history.evaluations:
        yield (
            "evaluations amid it",
            "\n".join(
                f"{one.successes}/{one.episodes} after {one.ticks} ticks, {one.updates} updates"
                for one in run.history.evaluations
            ),
        )
    if run.evaluations:
        yield (
            "evaluations since",
            "\n".join(
                f"{name}: {figures['success_rate']:.0%} of {figures['episodes']}"
                for name, figures in run.evaluations.items()
            ),
        )
    best = best_of(run.folder / CHECKPOINTS) if run.checkpoints else None
    marked = {best: ", the best"}
    if run.checkpoints:
        yield (
            "checkpoints",
            "\n".join(
                f"{one.name}: {updates_of(one)} updates{marked.get(one, '')}"
                for one in run.checkpoints
            ),
        )


def _inside(run: RunOverview) -> Iterator[tuple[str, str]]:
    from hil_app.support.words import data_size

    sizes = {path.name: run.size_of(path) for path in sorted(run.folder.iterdir())}
    width = max(map(len, sizes))
    yield "files", "\n".join(f"{name:<{width}}  {data_size(n)}" for name, n in sizes.items())
    yield "in all", data_size(run.size)


def _next(run: RunOverview) -> Iterator[str]:
    """Commands to paste."""
    name = typed(run.folder)
    if run.updates:
        yield f"hil-app eval {name}"
    if run.checkpoints and not run.going_on:
        more = 2 * int(run.config.get("train", {}).get("ticks", 0))
        yield f"hil-app train --resume=true --output_dir={name} --train.ticks={more}"
    if run.recorded:
        yield f"hil-app dataset info {name}"
