"""``hil-app runs show``: all about one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded, typed
from hil_app.support.words import data_size, plural

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
    amid = [
        f"{one.successes}/{one.episodes} after {one.ticks} ticks, {one.updates} updates"
        for one in run.history.evaluations
    ]
    since = [
        f"{name}: {later.success_rate:.0%} of {later.episodes}"
        for name, later in run.evaluations.items()
    ]
    for name, lines in (
        ("evaluations amid it", amid),
        ("evaluations since", since),
        ("checkpoints", [*_checkpoints(run)]),
    ):
        if lines:
            yield name, "\n".join(lines)


def _checkpoints(run: RunOverview) -> Iterator[str]:
    from hil_app.runs.folder import CHECKPOINTS, best_of, updates_of

    best = None
    with suppress(ConfigError):  # what says so is damaged
        best = best_of(run.folder / CHECKPOINTS)
    for one in run.checkpoints:
        updates = updates_of(one)
        learned = "damaged" if updates is None else plural(updates, "update")
        yield f"{one.name}: {learned}{', the best' if one == best else ''}"


def _inside(run: RunOverview) -> Iterator[tuple[str, str]]:
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
        more = f" --train.ticks={2 * run.goal}" if run.goal else ""
        yield f"hil-app train --resume=true --output_dir={name}{more}"
    if run.recorded:
        yield f"hil-app dataset info {name}"
