"""Datasets that there are, for the browser."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from hil_app.page.home.api import Api, Asked
from hil_app.page.home.places import Places


def routes(api: Api, places: Places) -> list[BaseRoute]:
    """What a browser may ask about datasets."""

    def listed(_: Asked) -> Any:
        return [{"name": name, "folder": str(path)} for name, path in places.datasets().items()]

    return [api.get("/datasets", listed)]
