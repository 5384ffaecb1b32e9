"""``hil-app bench twin``: how fast the simulated arm runs, by its task and its cameras."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from configs.options.parser import count, seconds
from configs.plugins import load
from configs.task import TASKS
from hil_app.bench import showing

if TYPE_CHECKING:
    from rich.table import Table

    from hil_app.bench.twin import Speed

DESCRIPTION = """\
How many ticks a second the simulated SO101 makes, by its task and its cameras: the whole loop with
the scripted operator, physics, images and resets, without a policy, a learner or a recording.
"""
CAMERAS = ("none", "1x64x64", "2x64x64", "2x128x128", "2x480x640")


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    from rich.console import Console
    from rich.progress import track

    parser = showing.parser("twin", DESCRIPTION)
    load()
    known = [entry.name for entry in TASKS if entry.config.operator is not None]
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(known)}")
    parser.add_argument(
        "--cameras",
        nargs="+",
        type=_cameras,
        metavar="NxHxW",
        default=list(map(_cameras, CAMERAS)),
        help=f"how many of which height and width [px] (default: {' '.join(CAMERAS)})",
    )
    parser.add_argument(
        "--seconds", type=seconds, default=2, help="for each of them [s] (default: 2)"
    )
    options = parser.parse_args(argv)
    if unknown := set(options.tasks) - set(known):
        parser.error(f"no task {', '.join(unknown)} with an operator; known: {', '.join(known)}")
    from hil_app.bench import twin  # loads torch: only once the options are good
    from hil_app.runs.session import calm_threads

    calm_threads()
    names = options.tasks or known
    found = list(
        track(
            twin.speeds(names, [twin.Cameras(*some) for some in options.cameras], options.seconds),
            "[dim]task, cameras",
            total=len(names) * len(options.cameras),
            console=Console(stderr=True),
            transient=True,
        )
    )
    showing.show({"twin": [asdict(one) for one in found]}, options.json, lambda: _table(found))
    return 0


def _cameras(text: str) -> tuple[int, ...]:
    """How many cameras of which height and width; () is none."""
    if text == "none":
        return ()
    if not re.fullmatch(r"\d+x\d+x\d+", text):
        raise argparse.ArgumentTypeError(f"must be none or NxHxW, as in 2x64x64, got {text}")
    return tuple(map(count, text.split("x")))


def _table(found: Sequence[Speed]) -> Table:
    columns = list(dict.fromkeys(one.cameras for one in found))
    rows = {one.task: [one.task] for one in found}
    for one in found:
        rows[one.task].append(f"{one.ticks_per_s:.0f}")
    return showing.table("twin [ticks/s]", ("cameras", *columns), rows.values())
