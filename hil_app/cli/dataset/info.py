"""``hil-app dataset info``: what there is in a dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from configs.options.parser import Parser
from hil_app.cli.dataset.options import add_root
from hil_app.datasets.sparkline import sparkline
from hil_app.support.words import data_size, plural

if TYPE_CHECKING:
    from hil_app.datasets.overview import Overview, UnfinishedEpisode

DESCRIPTION = """\
Say what there is in a dataset: episodes, lengths, successes, interventions, cameras, and what each
frame holds: what the policy saw, what was done, what came of it, and what the robot measured,
whatever of it the policy saw. It may be written meanwhile. Exit status 1 if something in it cannot
be read.

  hil-app dataset info data/lift
  hil-app dataset info runs/2026-01-31_12-00-00_train --json
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if something cannot be read."""
    parser = Parser("hil-app dataset info", DESCRIPTION)
    add_root(parser)
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    options = parser.parse_args(list(argv))
    from hil_app.datasets.overview import overview
    from hil_app.runs.folder import dataset_of

    found = overview(dataset_of(options.root))
    if options.json:
        print(json.dumps(found.content(), indent=2))
    else:
        _show(found)
    return 1 if found.faults else 0


def _show(found: Overview) -> None:
    from rich.table import Table
    from rich.text import Text

    from hil_app.support.tables import print_table

    table = Table(title=str(found.root), show_header=False, title_style="bold")
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_facts(found), *_lines(found), *_contents(found)):
        table.add_row(name, Text(value))
    print_table(table)


def _facts(found: Overview) -> Iterator[tuple[str, str]]:
    count = len(found.lengths)
    yield "episodes", f"{count}{_counted(found.stages)}"
    yield "frames", f"{found.frames} at {found.fps:g} Hz, {_time(found.frames / found.fps)}"
    for fault in found.faults:
        yield "cannot be read", fault
    if found.open_episode is not None:
        yield "under way", _open_episode(found.open_episode)
    if found.recovered:
        which = ", ".join(map(str, found.recovered))
        yield "recovered", f"{plural(len(found.recovered), 'episode')} after a crash: {which}"


def _contents(found: Overview) -> Iterator[tuple[str, str]]:
    """What each frame holds."""
    yield "robot", found.robot
    yield (
        "tasks",
        "\n".join(f"{task} ({plural(number, 'episode')})" for task, number in found.tasks.items()),
    )
    yield "cameras", "\n".join(f"{n} {what}" for n, what in found.cameras.items()) or "none"
    yield "on the disk", data_size(found.bytes)
    width = max((len(key) for group in found.columns.values() for key in group), default=0)
    for group, columns in found.columns.items():
        yield group, "\n".join(f"{key:<{width}}  {what}" for key, what in columns.items())


def _lines(found: Overview) -> Iterator[tuple[str, str]]:
    """What episodes came to, a bar for each."""
    lengths = found.lengths
    if not lengths:
        return
    longest = max(lengths)
    said = f"{min(lengths)} to {longest} frames, median {median(lengths):g}"
    yield "lengths", f"{said}\n{sparkline(lengths, longest)}"
    if found.success_rate is None:
        yield "success", "not recorded"
    else:
        known = [success for success in found.successes if success is not None]
        said = f"{sum(known)} of {len(known)} ({found.success_rate:.0%})"
        yield "success", f"{said}\n{sparkline([float(s or 0) for s in found.successes], 1.0)}"
    if found.interventions is None or found.intervention_share is None:
        yield "interventions", "not recorded"
    else:
        shares = [
            intervened / max(1, n)
            for intervened, n in zip(found.interventions, lengths, strict=True)
        ]
        said = f"{found.intervention_share:.1%} of the frames"
        yield "interventions", f"{said}\n{sparkline(shares, 1.0)}"


def _counted(stages: Mapping[str, int]) -> str:
    said = ", ".join(f"{number} {stage}" for stage, number in stages.items())
    return f" ({said})" if said else ""


def _open_episode(found: UnfinishedEpisode) -> str:
    said = f"an episode with {plural(found.frames, 'frame')} so far"
    if found.seconds < 5:
        return f"{said}, being recorded now"
    return (
        f"{said}, last added to {_time(found.seconds)} ago: if nothing records any more, "
        "`hil-app dataset repair` brings it back"
    )


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"
