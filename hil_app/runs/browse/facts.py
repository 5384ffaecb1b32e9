"""A run in words: what it came to, what lies in its folder, how to go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from configs.errors import ConfigError
from configs.text.paths import typed
from hil_app.control.outcomes import success_rate
from hil_app.runs.browse.overview import RunOverview
from hil_app.runs.folder import CHECKPOINTS, best_of, updates_of
from hil_app.support.words import data_size, plural

_FIGURES = ("started", "robot", "task", "stage", "ticks", "updates", "episodes", "size")


def figures(run: RunOverview) -> dict[str, Any]:
    """The figures of a run in a list, as JSON has them."""
    success = None if run.success is None else vars(run.success)
    return {**{name: getattr(run, name) for name in _FIGURES}, "success": success}


def facts(run: RunOverview) -> Iterator[tuple[str, str]]:
    """What it came to: a name and a text each, of some lines."""
    yield "began", when(run)
    yield "ended", "a program has it now" if run.going_on else _end(run)
    yield "robot, task", f"{run.robot}, {run.task}"
    for stage, finished in run.history.stages.items():
        if finished:
            rate = success_rate([one.episode for one in finished])
            said = f"{plural(len(finished), 'episode')}, {finished[-1].tick} ticks"
            yield stage, f"{said}, {rate:.0%} successful"
    yield from _learned(run)


def inside(run: RunOverview) -> Iterator[tuple[str, str]]:
    """What lies in its folder: a name and a size each."""
    for path in sorted(run.folder.iterdir()):
        yield path.name, data_size(run.size_of(path))


def commands(run: RunOverview) -> Iterator[str]:
    """Commands to paste."""
    name = typed(run.folder)
    if run.updates:
        yield f"hil-app eval {name}"
    if run.checkpoints and not run.going_on:
        more = f" --train.ticks={2 * run.goal}" if run.goal else ""
        yield f"hil-app train --resume=true --output_dir={name}{more}"
    if run.recorded:
        yield f"hil-app dataset info {name}"


def when(run: RunOverview) -> str:
    """When it began."""
    return f"{datetime.fromtimestamp(run.started):%Y-%m-%d %H:%M}"


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
    best = None
    with suppress(ConfigError):  # what says so is damaged
        best = best_of(run.folder / CHECKPOINTS)
    for one in run.checkpoints:
        updates = updates_of(one)
        learned = "damaged" if updates is None else plural(updates, "update")
        yield f"{one.name}: {learned}{', the best' if one == best else ''}"
