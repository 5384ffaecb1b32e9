"""Datasets for the browser: what it is shown, and what it may change."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from asgi_client import Client
from sample_datasets import CAMERAS, episode, identified, write_dataset

from configs.page import PageConfig
from hil_app.page.home import episodes
from hil_app.page.home.desk import Desk
from hil_app.page.home.places import Places
from hil_app.page.home.server import app_of, site_of
from hil_app.recording.dataset import Dataset
from hil_app.recording.lock import Lock

LIFT = "/api/datasets/data/lift"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with episodes of 6, 9 (which failed) and 4 frames."""
    root = tmp_path_factory.mktemp("recorded") / "data"
    write_dataset(root)
    return root


@pytest.fixture
def lift(places: Places, three: Path) -> Path:
    """The same, for a test to change."""
    shutil.copytree(three, places.data / "lift")
    return places.data / "lift"


@pytest.fixture
def state(browser: Client, lift: Path) -> str:
    assert lift.is_dir()
    found: str = browser.get(LIFT).json()["state"]
    return found


def edit(browser: Client, state: str, *operations: dict[str, Any], **more: Any) -> Any:
    return browser.post(f"{LIFT}/edit", {"state": state, "edit": operations, **more})


def test_datasets_are_listed_with_what_they_hold(
    browser: Client, places: Places, lift: Path
) -> None:
    write_dataset(places.data / "hurt", [episode(0, 2)])
    (places.data / "hurt/meta/info.json").write_text("{}")
    found = {one["name"]: one for one in browser.get("/api/datasets").json()}
    one = found["data/lift"]
    assert (one["episodes"], one["frames"], one["robot"]) == (3, 19, "sim")
    assert one["size"].endswith("kB")
    assert one["changed"] == pytest.approx((lift / "meta/info.json").stat().st_mtime)
    assert "version unknown" in found["data/hurt"]["fault"]


def test_a_dataset_says_what_its_episodes_came_to(browser: Client, lift: Path) -> None:
    assert lift.is_dir()
    found = browser.get(LIFT).json()
    rows = found["episodes"]
    assert [row["length"] for row in rows] == [6, 9, 4]
    assert [row["success"] for row in rows] == [True, False, True]
    assert [row["share"] for row in rows] == pytest.approx([2 / 6, 2 / 9, 1 / 4])
    assert (found["undo"], found["restorable"], found["busy"]) == (None, [], None)


def test_an_episode_has_its_curves(browser: Client, lift: Path) -> None:
    found, columns = browser.get(f"{LIFT}/1").json(), Dataset(lift).columns(1)
    assert list(found["motions"]) == ["x", "y", "z", "gripper"]
    assert found["motions"]["y"] == pytest.approx(columns["action"][:, 1].tolist())
    assert found["frames"] == list(range(9))
    assert found["interventions"] == [[1, 2], [5, 6]]
    assert found["end"] == "cut short"
    assert [camera["name"] for camera in found["cameras"]] == list(CAMERAS)


def test_of_a_very_long_episode_every_so_many_th_frame_is_shown(
    browser: Client, lift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "_MOST_POINTS", 4)
    found, columns = browser.get(f"{LIFT}/1").json(), Dataset(lift).columns(1)
    assert (found["length"], found["frames"]) == (9, [0, 3, 6])
    assert found["motions"]["y"] == pytest.approx(columns["action"][::3, 1].tolist())
    assert len(found["reward"]) == 3


def test_its_videos_are_served_in_ranges(places: Places, lift: Path) -> None:
    site = site_of("a-token-of-the-page", "127.0.0.1")
    app = app_of(site, places, Desk(places, PageConfig()))
    browser = Client(app, authorization="Bearer a-token-of-the-page")
    video = browser.get(f"{LIFT}/1").json()["cameras"][0]["video"]
    content = (lift / "videos/observation.images.front/chunk-000/file-001.mp4").read_bytes()
    part = Client(app).get(video, range="bytes=100-299")
    assert (part.status, part.content) == (206, content[100:300])


def test_images_come_one_by_one_for_who_cannot_play_a_video(browser: Client, lift: Path) -> None:
    assert lift.is_dir()
    found = browser.get(f"{LIFT}/1/images?camera=wrist&first=5&count=3").json()
    content = [b64decode(one.removeprefix("data:image/jpeg;base64,")) for one in found]
    seen = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in content]
    assert [identified(np.asarray(one)) for one in seen] == [(1, 1, n) for n in (5, 6, 7)]
    assert len(browser.get(f"{LIFT}/1/images?camera=front&first=7&count=999").json()) == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/datasets/data/none", 404),
        ("/api/datasets/data/..%2f..%2fetc", 404),
        ("/api/datasets/etc/passwd", 404),
        (f"{LIFT}/3", 404),
        (f"{LIFT}/-1", 400),
        (f"{LIFT}/{'9' * 30}", 400),
        (f"{LIFT}/0/images?camera=none&first=0&count=1", 400),
        (f"{LIFT}/0/images?camera=front&first=-1&count=1", 400),
        (f"{LIFT}/0/images?camera=front", 400),
    ],
)
def test_what_is_not_there_is_not_shown(
    browser: Client, lift: Path, path: str, status: int
) -> None:
    assert lift.is_dir()
    answer = browser.get(path)
    assert answer.status == status
    assert "Traceback" not in answer.text


def test_an_edit_in_place_can_be_undone(browser: Client, lift: Path, state: str) -> None:
    operations = (
        {"do": "delete", "episode": 0},
        {"do": "trim", "episode": 1, "first": 2, "last": 5},
        {"do": "mark", "episode": 1, "success": True},
    )
    assert edit(browser, state, *operations).json() == {"episodes": 2, "frames": 8}
    found = browser.get(LIFT).json()
    assert [(row["length"], row["success"]) for row in found["episodes"]] == [(4, True), (4, True)]
    assert found["undo"]["what"][0] == "delete episode 0"
    assert found["restorable"] == [{"edit": 1, "episode": 0, "length": 6, "success": True}]
    assert found["state"] != state
    assert browser.post(f"{LIFT}/undo", {"state": found["state"]}).status == 200
    assert [about.length for about in Dataset(lift).episodes] == [6, 9, 4]


def test_a_deleted_episode_comes_back(browser: Client, lift: Path, state: str) -> None:
    edit(browser, state, {"do": "delete", "episode": 0})
    state = browser.get(LIFT).json()["state"]
    assert edit(browser, state, {"do": "restore", "edit": 1, "episode": 0}).status == 200
    assert [about.length for about in Dataset(lift).episodes] == [9, 4, 6]


def test_what_edits_have_kept_can_be_removed(browser: Client, lift: Path, state: str) -> None:
    edit(browser, state, {"do": "delete", "episode": 0})
    state = browser.get(LIFT).json()["state"]
    assert browser.post(f"{LIFT}/purge", {"state": state}).status == 200
    found = browser.get(LIFT).json()
    assert (found["undo"], found["restorable"], found["kept"]) == (None, [], None)
    assert not lift.with_name("lift.undo").exists()


def test_an_edited_dataset_can_be_a_new_one(
    browser: Client, places: Places, lift: Path, state: str
) -> None:
    answer = edit(browser, state, {"do": "delete", "episode": 1}, to="good ones")
    assert answer.json() == {"episodes": 2, "frames": 10, "name": "data/good ones"}
    assert [about.length for about in Dataset(places.data / "good ones").episodes] == [6, 4]
    assert [about.length for about in Dataset(lift).episodes] == [6, 9, 4]
    again = edit(browser, state, {"do": "delete", "episode": 1}, to="good ones")
    assert again.status == 400
    assert "choose another name" in again.json()["error"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../evil", "/tmp/evil", "a/b", "a\0b", 7, "x" * 101]
)
def test_a_new_dataset_goes_nowhere_else(
    browser: Client, places: Places, lift: Path, state: str, name: Any
) -> None:
    before = sorted(places.data.parent.rglob("*"))
    assert edit(browser, state, {"do": "delete", "episode": 1}, to=name).status == 400
    assert sorted(places.data.parent.rglob("*")) == before
    assert lift.is_dir()


def test_what_was_looked_at_is_what_is_edited(browser: Client, lift: Path, state: str) -> None:
    edit(browser, state, {"do": "delete", "episode": 0})
    for path, more in (
        (f"{LIFT}/edit", {"edit": [{"do": "delete", "episode": 0}]}),
        (f"{LIFT}/undo", {}),
        (f"{LIFT}/purge", {}),
    ):
        answer = browser.post(path, {"state": state, **more})
        assert answer.status == 409
        assert "load it again" in answer.json()["error"]
    assert [about.length for about in Dataset(lift).episodes] == [9, 4]


def test_a_dataset_that_is_being_recorded_is_looked_at_and_not_edited(
    browser: Client, lift: Path, state: str
) -> None:
    with Lock(lift):
        assert browser.get(LIFT).json()["busy"] == "it is being recorded into"
        answer = edit(browser, state, {"do": "delete", "episode": 0})
    assert answer.status == 400
    assert "being written" in answer.json()["error"]


@pytest.mark.parametrize(
    "body", [{}, {"edit": 7}, {"edit": []}, {"edit": [{"do": "burn"}]}, {"edit": ["x"] * 20}]
)
def test_what_is_no_edit_is_refused(
    browser: Client, lift: Path, state: str, body: dict[str, Any]
) -> None:
    answer = browser.post(f"{LIFT}/edit", {"state": state, **body})
    assert answer.status == 400
    assert "\n" not in answer.json()["error"]
    assert len(Dataset(lift).episodes) == 3


@pytest.mark.parametrize("what", ["edit", "undo", "purge"])
def test_nothing_is_changed_by_get_or_without_the_token(
    browser: Client, stranger: Client, lift: Path, state: str, what: str
) -> None:
    body = {"state": state, "edit": [{"do": "delete", "episode": 0}]}
    assert browser.get(f"{LIFT}/{what}").status in (400, 405)
    assert stranger.post(f"{LIFT}/{what}", body).status == 401
    assert browser.post(f"{LIFT}/{what}", body, origin="http://evil.example").status == 403
    assert len(Dataset(lift).episodes) == 3


def test_too_large_an_edit_is_refused(browser: Client, lift: Path, state: str) -> None:
    content = json.dumps({"state": state, "edit": [{"do": "delete", "episode": 0}] * 3000})
    assert browser.ask("POST", f"{LIFT}/edit", content.encode()).status == 413
    assert len(Dataset(lift).episodes) == 3
