"""Datasets in a real browser: played, marked and trimmed by keys and buttons, saved, undone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium, needs_browser
from sample_datasets import episode, write_dataset
from waiting import until

from configs.page import PageConfig
from hil_app.datasets.editing.history import History
from hil_app.page.home.places import Places
from hil_app.page.home.server import serving
from hil_app.recording.dataset import Dataset
from hil_app.runs.at_the_page import PagePlace

pytestmark = needs_browser
LENGTHS = (40, 9, 12)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded") / "data"
    write_dataset(root, [episode(n, length, success=n != 1) for n, length in enumerate(LENGTHS)])
    return root


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of the datasets, and the link to the page."""
    here, folder = Path.cwd(), tmp_path_factory.mktemp("home")
    os.chdir(folder)
    places = Places(folder / "runs", folder / "data")
    with PagePlace(PageConfig()) as place, serving(place, places):
        yield folder / "data", place.link
    os.chdir(here)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def root(served: tuple[Path, str], recorded: Path) -> Iterator[Path]:
    root = served[0] / "lift"
    shutil.copytree(recorded, root)
    yield root
    shutil.rmtree(served[0])


@pytest.fixture
def page(browser: Any, served: tuple[Path, str], root: Path) -> Iterator[Any]:
    """The page with the dataset's first episode; nothing may go wrong on it."""
    assert root.is_dir()
    found: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("pageerror", lambda error: found.append(str(error)))
    page.goto(served[1])
    until(page.get_by_role("heading", name="Start", exact=True).is_visible)
    page.evaluate("() => { location.hash = '#/datasets/data/lift'; }")
    until(page.get_by_role("heading", name="Episode 0").is_visible)
    yield page
    page.close()
    assert found == []


def frame_of(page: Any) -> str:
    found: str = page.locator(".time").inner_text().partition("frame ")[2]
    return found


def times(page: Any) -> list[float]:
    found: list[float] = page.eval_on_selector_all("video", "all => all.map(v => v.currentTime)")
    return found


def test_an_episode_is_edited_by_keys_and_buttons_saved_and_undone(page: Any, root: Path) -> None:
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("[")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    assert frame_of(page) == "25"
    page.get_by_role("button", name="Trim end here").click()
    page.keyboard.press("f")
    page.keyboard.press("n")
    until(page.get_by_role("heading", name="Episode 1").is_visible)
    page.get_by_role("button", name="Delete", exact=True).click()
    assert page.locator("tr.gone td").first.inner_text() == "1"
    bar = page.get_by_role("region", name="Edits that are not saved")
    assert bar.locator("b").inner_text() == "1 deleted, 1 trimmed, 1 marked a failure"
    assert [about.length for about in Dataset(root).episodes] == [*LENGTHS]
    bar.get_by_role("button", name="Save", exact=True).click()
    until(lambda: [about.length for about in Dataset(root).episodes] == [21, 12])
    assert Dataset(root).episodes[0].success is False
    until(lambda: page.locator(".episodes tbody tr").count() == 2)
    assert bar.is_hidden()
    page.get_by_role("button", name="Undo the last edit").click()
    page.get_by_role("button", name="Undo", exact=True).click()
    until(lambda: [about.length for about in Dataset(root).episodes] == [*LENGTHS])
    until(lambda: page.locator(".episodes tbody tr").count() == 3)
    assert History(root).edits == ()


def test_a_new_dataset_is_named_and_opened(page: Any, root: Path) -> None:
    page.keyboard.press("d")
    page.get_by_role("button", name="Save as a new dataset").click()
    name = page.get_by_label("Its name")
    name.fill("a/b")
    name.press("Enter")
    until(lambda: "letters, digits" in page.locator("dialog .warn").inner_text())
    name.fill("good")
    name.press("Enter")
    until(page.get_by_role("heading", name="data/good").is_visible)
    assert [about.length for about in Dataset(root.with_name("good")).episodes] == [9, 12]
    assert len(Dataset(root).episodes) == 3


def test_all_cameras_and_curves_show_the_same_frame(page: Any) -> None:
    until(lambda: page.eval_on_selector_all("video", "all => all.every(v => v.readyState > 1)"))
    page.get_by_label("Frame").fill("30")
    until(lambda: times(page) == pytest.approx([30.5 / 30] * 2, abs=0.01))
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 10.5 / 40, box["y"] + 20)
    assert frame_of(page) == "10"
    until(lambda: times(page) == pytest.approx([10.5 / 30] * 2, abs=0.01))
    page.locator("h1").click()
    page.keyboard.press("Space")
    until(lambda: frame_of(page) == "39")
    until(lambda: times(page) == pytest.approx([39.5 / 30] * 2, abs=0.01))
    assert page.get_by_role("button", name="Play").is_visible()


def test_images_stand_in_for_a_video_that_cannot_be_played(page: Any) -> None:
    page.route("**/files?*", lambda route: route.abort())
    page.get_by_role("link", name="Episode 2").click()
    until(page.get_by_role("heading", name="Episode 2").is_visible)
    until(lambda: page.locator(".camera img:visible").count() == 2)
    loaded = "all => all.every(one => one.naturalWidth === 80)"
    until(lambda: page.eval_on_selector_all(".camera img", loaded))
    first = page.locator(".camera img").first
    before = first.get_attribute("src")
    page.keyboard.press("End")
    until(lambda: first.get_attribute("src") != before)


def test_nothing_is_wider_than_a_narrow_screen(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.keyboard.press("d")
    for place in ("datasets/data/lift/2", "datasets"):
        page.evaluate("place => { location.hash = place; }", f"#/{place}")
        until(lambda: page.locator("#view h1").count() == 1)
        until(lambda: page.evaluate(WIDER) <= 0)
