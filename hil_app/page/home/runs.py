"""Runs that there are, for the browser: the same facts as `hil-app runs` has."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from hil_app.page.home.api import Api, Asked
from hil_app.page.home.places import Places
from hil_app.runs.browse.overview import RunOverview


def routes(api: Api, places: Places) -> list[BaseRoute]:
    """What a browser may ask about runs."""

    def listed(_: Asked) -> Any:
        return [facts(run) for run in reversed(places.all_runs())]

    return [api.get("/runs", listed)]


def facts(run: RunOverview) -> dict[str, Any]:
    """A run in a row of a list."""
    names = ("started", "robot", "task", "stage", "ticks", "updates", "episodes", "size")
    success = None if run.success is None else vars(run.success)
    known = {name: getattr(run, name) for name in names}
    return {"name": run.folder.name, **known, "success": success, "going_on": run.going_on}
