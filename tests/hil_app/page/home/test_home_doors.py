"""Who is let in to a page without a run, and to what."""

from __future__ import annotations

from pathlib import Path

import pytest
from asgi_client import Client

from hil_app.page.guard import WRONG
from hil_app.page.home.desk import Desk
from hil_app.page.home.places import Places
from hil_app.page.home.server import app_of, site_of

TOKEN = "token-of-a-page-of-these-tests"


def test_nothing_is_told_without_the_token(stranger: Client) -> None:
    assert stranger.get("/api/runs").status == 401
    statuses = [stranger.get("/api/runs", authorization=f"Bearer {n}").status for n in range(WRONG)]
    assert statuses == [401] * (WRONG - 1) + [429]


def test_another_page_may_ask_for_nothing(browser: Client) -> None:
    assert browser.get("/api/runs", origin="http://evil.example").status == 403
    assert browser.get("/api/runs", host="evil.example").status == 403
    assert browser.get("/api/runs", origin="http://127.0.0.1:8080").json() == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_on_the_network_its_own_page_alone_asks(scheme: str, places: Places, desk: Desk) -> None:
    host = "192.168.0.7:8080"
    app = app_of(site_of(TOKEN, "0.0.0.0"), places, desk)
    browser = Client(app, scheme, authorization=f"Bearer {TOKEN}", host=host)
    assert browser.get("/api/runs", origin=f"{scheme}://{host}").json() == []
    for foreign in (f"{scheme}://192.168.0.8:8080", f"{scheme}://192.168.0.7", "null"):
        assert browser.get("/api/runs", origin=foreign).status == 403
    assert browser.get("/api/runs", host="evil.example:8080").status == 403
    assert Client(app, scheme, host=host).get("/api/runs").status == 401


def test_what_was_not_encrypted_may_not_ask_what_is(places: Places, desk: Desk) -> None:
    """Whoever is in between can serve it; a proxy that encrypts is another matter."""
    host = "192.168.0.7:8080"
    app = app_of(site_of(TOKEN, "0.0.0.0"), places, desk)
    for scheme, origin, status in (("https", "http", 403), ("http", "https", 200)):
        browser = Client(app, scheme, authorization=f"Bearer {TOKEN}", host=host)
        assert browser.get("/api/runs", origin=f"{origin}://{host}").status == status


def test_what_is_too_large_is_refused(browser: Client) -> None:
    assert browser.ask("GET", "/api/runs", b"x" * 100_000).status == 413


@pytest.mark.parametrize(
    "path",
    ["/../site.py", "/..%2fsite.py", "/%2e%2e/site.py", "/assets/../../site.py", "//etc/passwd"],
)
def test_nothing_but_the_page_is_served(path: str, browser: Client) -> None:
    answer = browser.get(path)
    assert answer.status == 404
    assert "import" not in answer.text


def test_a_checkout_without_the_built_page_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, places: Places, desk: Desk
) -> None:
    monkeypatch.setattr("hil_app.page.site.STATIC", tmp_path / "none")
    bare = Client(app_of(site_of(TOKEN, "127.0.0.1"), places, desk))
    assert (bare.get("/").status, bare.get("/home.html").status) == (503, 404)
    assert "`make page` builds them, with npm" in bare.get("/").text
    assert bare.get("/api/runs", authorization=f"Bearer {TOKEN}").json() == []


def test_a_file_is_served_in_ranges_to_who_was_given_its_link(
    browser: Client, places: Places, desk: Desk, tmp_path: Path
) -> None:
    site = site_of("one-token-of-a-page", "127.0.0.1")
    knows = Client(app_of(site, places, desk))
    video, other = tmp_path / "a b.mp4", tmp_path / "secret"
    video.write_bytes(bytes(range(100)))
    other.write_text("secret")
    link = site.link_to(video)
    assert knows.get(link).headers["content-type"] == "video/mp4"
    part = knows.get(link, range="bytes=10-19")
    assert (part.status, part.content) == (206, bytes(range(10, 20)))
    assert knows.get(link.replace("mp4", "mp3")).status == 404
    assert knows.get(f"/files?path={other}&key=%C3%A9").status == 404
    assert knows.get(f"/files?path={other}&key={link.partition('key=')[2]}").status == 404
    assert browser.get(link).status == 404  # it is another page's
    video.unlink()
    assert knows.get(link).status == 404
