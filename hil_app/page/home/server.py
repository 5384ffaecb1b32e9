"""The page without a run, served by the command itself until it is told to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from starlette.types import ASGIApp

from hil_app.page.home import datasets, runs
from hil_app.page.home.api import Api
from hil_app.page.home.desk import Desk
from hil_app.page.home.places import Places
from hil_app.page.serving import server_of
from hil_app.page.site import Site
from hil_app.runs.at_the_page import PagePlace

INDEX = "home.html"
_LARGEST = 1 << 16  # bytes of what a browser asks for


def app_of(site: Site, places: Places, desk: Desk) -> ASGIApp:
    """The application."""
    api = Api(site)
    subjects = (desk.routes(api), runs.routes(api, places), datasets.routes(api, places))
    return site.asgi([*chain(*subjects), site.files()])


def site_of(token: str, host: str) -> Site:
    """The doors of a page without a run."""
    return Site(token, host, INDEX, largest=_LARGEST)


@contextmanager
def serving(place: PagePlace, places: Places) -> Iterator[Desk]:
    """Serve at a place, which is entered, in a thread of its own until the block ends.

    What was started from the page is ended then.
    """
    desk = Desk(places, place.config)
    app = app_of(site_of(place.token, place.config.host), places, desk)
    server = server_of(app, place.config.certificate)
    thread = threading.Thread(
        target=server.run, args=([place.address.socket],), name="page", daemon=True
    )
    thread.start()
    try:
        yield desk
    finally:
        desk.close()
        server.should_exit = True
        thread.join()
