"""Runs on the page without a run: listed, shown, compared, and removed with care."""

from __future__ import annotations

from pathlib import Path

import pytest
from asgi_client import Client
from made_runs import episode, evaluation, event, make_run, metrics

from hil_app.page.home.places import Places
from hil_app.recording.lock import Lock


@pytest.fixture
def good(places: Places) -> Path:
    """A run that has learned, with a video."""
    lines = [*(episode(success=n > 2) for n in range(6)), evaluation(20, 3)]
    run = make_run(places.runs / "good", *lines, event("checkpoint", ticks=60), updates=55)
    metrics(run, {"ticks": 10, "train/success_rate": 0.5}, {"ticks": 20, "learner/q_mean": 0.1})
    (run / "evaluation.mp4").write_bytes(b"video")
    return run


def test_runs_are_listed_the_newest_first(good: Path, places: Places, browser: Client) -> None:
    make_run(places.runs / "later", event("run_started", robot="so101_sim")).touch()
    found = browser.get("/api/runs").json()
    assert {one["name"] for one in found} == {"good", "later"}
    (row,) = (one for one in found if one["name"] == good.name)
    assert (row["task"], row["ticks"], row["updates"]) == ("pick_lift", 60, 55)
    assert row["success"] == {"rate": 0.15, "alone": True}
    with Lock(good):
        rows = browser.get("/api/runs").json()
    assert [one["name"] for one in rows if one["going_on"]] == ["good"]


def test_a_run_is_shown_with_its_video_and_what_happened(good: Path, browser: Client) -> None:
    found = browser.get("/api/runs/good").json()
    assert ["train", "6 episodes, 60 ticks, 50% successful"] in found["facts"]
    assert f"hil-app eval {good}" in found["commands"]
    assert [one["event"] for one in found["events"]] == ["checkpoint", "evaluation", "run_started"]
    ((name, link),) = found["videos"]
    part = browser.get(link, range="bytes=1-3", authorization="")
    assert (name, part.status, part.content) == ("evaluation", 206, b"ide")
    assert browser.get(found["links"]["config.yaml"]).text.startswith("robot:")


def test_a_video_that_a_link_leads_to_elsewhere_is_not_shown(
    good: Path, tmp_path: Path, browser: Client
) -> None:
    (good / "evaluation.mp4").unlink()
    (tmp_path / "other.mp4").write_bytes(b"of somebody else")
    (good / "evaluation.mp4").symlink_to(tmp_path / "other.mp4")
    assert browser.get("/api/runs/good").json()["videos"] == []


def test_curves_of_several_come_together(good: Path, places: Places, browser: Client) -> None:
    other = make_run(places.runs / "other", seed=3)
    metrics(other, {"ticks": 10, "train/success_rate": 1.0})
    found = browser.get("/api/curves?run=good&run=other").json()
    assert found["curves"] == {
        good.name: {"success": [[10, 0.5]], "q": [[20, 0.1]]},
        "other": {"success": [[10, 1.0]]},
    }
    assert found["differences"] == {"seed": ["0", "3"]}


def test_a_run_is_removed_and_nothing_beside_it(
    good: Path, places: Places, browser: Client
) -> None:
    other = make_run(places.runs / "other")
    assert browser.get("/api/runs/good").status == 200
    assert browser.post("/api/runs/good").status == 405
    assert good.is_dir()
    assert browser.delete("/api/runs/good").status == 200
    assert not good.exists()
    assert [path.name for path in places.runs.iterdir()] == [other.name]
    assert browser.delete("/api/runs/good").status == 404


def test_a_run_that_goes_on_stays(good: Path, browser: Client) -> None:
    with Lock(good):
        answer = browser.delete("/api/runs/good")
    assert (answer.status, good.is_dir()) == (409, True)
    assert answer.json() == {"error": f"{good} is in use: end its run first"}


def test_a_stranger_removes_nothing(good: Path, stranger: Client, browser: Client) -> None:
    assert stranger.delete("/api/runs/good").status == 401
    assert browser.delete("/api/runs/good", origin="http://evil.example").status == 403
    assert browser.delete("/api/runs/good", origin="http://127.0.0.1:9999").status == 403
    assert good.is_dir()


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(
    "name", ["..", ".", "%2e%2e", "..%2fprecious", "good%2f..", "linked", "good%2fcheckpoints", "x"]
)
def test_nothing_is_removed_that_is_no_run_of_ours(
    name: str, places: Places, tmp_path: Path, browser: Client
) -> None:
    precious = make_run(tmp_path / "precious")
    (places.runs / "linked").symlink_to(precious)
    (places.runs / "x").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert browser.delete(f"/api/runs/{name}").status in (404, 405)
    assert browser.get(f"/api/runs/{name}").status == 404
    assert sorted(tmp_path.rglob("*")) == before
