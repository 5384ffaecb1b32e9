"""Runs that there are, for the browser: what `hil-app runs` and the commands below it say."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute

from hil_app.page.home.api import Api, Asked, Busy
from hil_app.page.home.places import Places
from hil_app.runs.browse.curves import read_curves
from hil_app.runs.browse.facts import commands, facts, figures, inside
from hil_app.runs.browse.overview import RunOverview, differences
from hil_app.runs.browse.removal import refusal, remove
from hil_app.runs.folder import CONFIG, DATASET, EVALUATIONS, EVENTS, PLOT, VIDEO
from hil_app.support.words import data_size

_MOST_EVENTS = 200  # the newest
_MOST_RUNS = 6  # whose curves are drawn in one picture: there are as many colours


def routes(api: Api, places: Places) -> list[BaseRoute]:
    """What a browser may ask about runs."""

    def listed(_: Asked) -> Any:
        return [_row(run) for run in reversed(places.all_runs())]

    def shown(asked: Asked) -> Any:
        return _whole(api, places.run(asked.place["name"]))

    def compared(asked: Asked) -> Any:
        names = dict.fromkeys(asked.query.getlist("run")[:_MOST_RUNS])
        runs = [places.run(name) for name in names]
        curves = {run.folder.name: read_curves(run.folder) for run in runs}
        return {"curves": curves, "differences": differences(runs)}

    def removed(asked: Asked) -> Any:
        run = places.run(asked.place["name"])
        if why := refusal(run):
            raise Busy(why)
        remove(run)
        return {}

    return [
        api.get("/runs", listed),
        api.get("/curves", compared),
        api.get("/runs/{name}", shown),
        api.delete("/runs/{name}", removed),
    ]


def _row(run: RunOverview) -> dict[str, Any]:
    """A run in a list."""
    return {
        "name": run.folder.name,
        **figures(run),
        "size": data_size(run.size),
        "going_on": run.going_on,
        "recorded": run.recorded,
    }


def _whole(api: Api, run: RunOverview) -> dict[str, Any]:
    """All about a run."""
    files = run.folder / CONFIG, run.folder / PLOT
    return {
        **_row(run),
        "facts": [*facts(run)],
        "files": [*inside(run)],
        "links": {one.name: api.site.link_to(one) for one in files if _is_own(one)},
        "videos": [(one.stem, api.site.link_to(one)) for one in _videos(run.folder)],
        "commands": [*commands(run)],
        "dataset": f"runs/{run.folder.name}" if (run.folder / DATASET).is_dir() else None,
        "learned": run.learned,
        "goal": run.goal,
        "events": [*_events(run.folder / EVENTS)],
    }


def _videos(folder: Path) -> Iterator[Path]:
    """Those of evaluations, the newest first."""
    later = sorted((folder / EVALUATIONS).glob("*.mp4"), reverse=True)
    yield from filter(_is_own, chain(later, [folder / VIDEO]))


def _is_own(file: Path) -> bool:
    """Whether there is such a file, and no link leads elsewhere."""
    return file.is_file() and not file.is_symlink() and not file.parent.is_symlink()


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """What happened last, beside the ends of episodes; the newest first."""
    newest = deque[dict[str, Any]](maxlen=_MOST_EVENTS)
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and event.get("event") not in (None, "episode"):
                    newest.append(event)
    yield from reversed(newest)
