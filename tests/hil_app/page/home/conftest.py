"""A page without a run, over folders of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from asgi_client import Client
from starlette.types import ASGIApp

from configs.page import PageConfig
from hil_app.page.home.desk import Desk
from hil_app.page.home.places import Places
from hil_app.page.home.server import app_of, site_of

TOKEN = "token-of-the-page-at-home"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Folders for runs and datasets, which are not there yet."""
    return Places(tmp_path / "runs", tmp_path / "data")


@pytest.fixture
def desk(places: Places) -> Iterator[Desk]:
    """Starts commands, and has ended them by the test's end."""
    desk = Desk(places, PageConfig())
    yield desk
    desk.close()


@pytest.fixture
def app(places: Places, desk: Desk) -> ASGIApp:
    return app_of(site_of(TOKEN, "127.0.0.1"), places, desk)


@pytest.fixture
def stranger(app: ASGIApp) -> Client:
    """Who has no token."""
    return Client(app)


@pytest.fixture
def browser(app: ASGIApp) -> Client:
    """Who has the link."""
    return Client(app, authorization=f"Bearer {TOKEN}")
