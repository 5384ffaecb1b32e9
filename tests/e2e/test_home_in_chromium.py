"""The page without a run in a real browser: forms, runs, a guided command, its narrow form."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium, needs_browser
from made_runs import episode, evaluation, make_run, metrics
from waiting import until

from configs.page import PageConfig
from hil_app.page.home.places import Places
from hil_app.page.home.server import serving
from hil_app.runs.at_the_page import PagePlace

pytestmark = needs_browser
SIZES = ({"width": 360, "height": 740}, {"width": 1280, "height": 800})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with two runs."""
    here, folder = Path.cwd(), tmp_path_factory.mktemp("home")
    for seed, name in enumerate(("first", "second")):
        run = make_run(folder / "runs" / name, episode(), evaluation(10, 12), updates=9, seed=seed)
        lines = (
            {"ticks": n, "train/success_rate": n / 60, "learner/q_mean": n} for n in (1, 30, 60)
        )
        metrics(run, *lines)
    make_run(folder / "runs" / "spoilt", episode(success=False))
    os.chdir(folder)
    yield folder
    os.chdir(here)


@pytest.fixture(scope="module")
def link(folder: Path) -> Iterator[str]:
    places = Places(folder / "runs", folder / "data")
    with PagePlace(PageConfig()) as place, serving(place, places):
        yield place.link


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Any, link: str) -> Iterator[Any]:
    """The page as it is opened; nothing may go wrong on it."""
    found: list[str] = []
    page = browser.new_page(viewport=SIZES[1])
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else 0)
    page.goto(link)
    until(page.get_by_role("heading", name="Start", exact=True).is_visible)
    yield page
    page.close()
    assert found == []


def go(page: Any, place: str) -> None:
    """Follow a link of the page."""
    page.evaluate("place => { location.hash = place; }", f"#/{place}")


def test_the_token_leaves_the_address_and_without_it_nothing_is_shown(
    page: Any, browser: Any, link: str
) -> None:
    assert "token" not in page.url
    stranger = browser.new_page()
    asked: list[str] = []
    stranger.on("request", lambda request: asked.append(request.url))
    stranger.goto(link.partition("#")[0])
    until(stranger.get_by_role("alert").is_visible)
    assert "open the one that hil-app page printed last" in stranger.inner_text("#banner")
    stranger.wait_for_timeout(4000)  # in which it would look again for what is under way
    assert len([one for one in asked if "/api/" in one]) <= 2  # which would lock others out
    stranger.close()


def test_a_form_says_what_is_wrong_beside_its_field_and_what_it_comes_to(page: Any) -> None:
    page.get_by_role("link", name="Train", exact=True).click()
    ticks = page.get_by_label("train.ticks")
    ticks.fill("-3")
    fault = page.locator(".field[data-fault] .fault")
    until(
        lambda: (
            fault.all_inner_texts()
            == ["train.ticks: input should be greater than or equal to 1, got -3"]
        )
    )
    assert page.get_by_role("button", name="Start").is_disabled()
    ticks.fill("50")
    until(page.get_by_role("button", name="Start").is_enabled)
    command = "hil-app train --config_path=sim_pick_lift --train.ticks=50"
    assert page.locator(".command code").inner_text().startswith(command)
    page.get_by_label("On top of").select_option("so101_pick_lift")
    until(page.get_by_label("robot.port").is_visible)
    assert page.get_by_label("train.ticks").input_value() == "50"


def test_curves_of_several_runs_are_in_one_picture(page: Any) -> None:
    page.get_by_role("link", name="Runs").click()
    until(lambda: page.locator(".runs tbody tr").count() >= 2)
    for name in ("first", "second"):
        page.get_by_label(f"Compare {name}").check()
    page.get_by_role("button", name="Compare curves of 2").click()
    until(lambda: page.locator(".chart").count() == 2)
    assert page.locator(".chart .name").all_inner_texts() == ["Success, with help", "Q"]
    assert page.locator(".chart").first.locator(".hue").count() == 2
    until(lambda: page.locator(".chart canvas").first.evaluate("one => one.width > 100"))
    assert "seed" in page.get_by_label("They differ in").inner_text()


def test_a_run_is_deleted_only_once_that_is_confirmed(page: Any, folder: Path) -> None:
    go(page, "runs/spoilt")
    until(page.get_by_role("button", name="Delete").is_visible)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Cancel").click()
    assert (folder / "runs/spoilt").is_dir()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    until(lambda: not (folder / "runs/spoilt").exists())
    until(lambda: page.locator(".runs tbody tr").count() == 2)


def test_what_a_command_asks_is_answered_by_the_enter_key_and_stopped(page: Any) -> None:
    go(page, "setup/calibrate")
    page.get_by_label("robot.port").fill("no/such/port")
    line = page.locator("form .command code")
    until(lambda: "--robot.port=no/such/port" in line.inner_text())
    page.get_by_role("button", name="Start").click()
    until(page.get_by_role("button", name="Enter").is_visible)
    problems = page.locator(".log .problem")
    assert "There is no port no/such/port" in problems.first.inner_text()
    page.locator("h1").click()
    page.keyboard.press("Enter")
    until(lambda: problems.count() == 2)
    page.reload()
    until(lambda: problems.count() == 2)  # all of it is told again
    until(page.get_by_role("link", name="calibrate is under way").is_visible)
    page.get_by_role("button", name="Stop").click()
    until(lambda: page.locator(".started h2").inner_text() == "calibrate was stopped")
    assert page.locator(".asks button").count() == 0


def test_words_are_typed_where_they_are_asked_for_and_nothing_is_shown_twice(page: Any) -> None:
    """Of a command that is played: its answer is told to two looks at the same time."""
    said: list[dict[str, Any]] = [{"head": "4/5 cameras"}]
    state = {"name": "setup", "command": "hil-app setup", "began": 1.0, "going_on": True}
    state |= {"status": None, "link": None, "look": {"busy": "looking at the cameras ..."}}
    waiting: list[Any] = []

    def answer(route: Any) -> None:
        """Whatever is asked of the page."""
        asked = route.request
        if asked.method == "POST":
            said.append({"ask": "Name of the camera", "answer": asked.post_data_json["text"]})
            route.fulfill(json={})
        elif len(said) == 2 and asked.url.endswith("seen=1"):
            waiting.append(route)
        else:
            tell(route)

    def tell(route: Any) -> None:
        seen = min(int(route.request.url.partition("seen=")[2]), len(said))
        question = {"number": 1, "text": "Name of the camera", "choices": []}
        asks = question if len(said) == 1 else None
        new = {"said": said[seen:], "count": len(said), "question": asks}
        route.fulfill(json={**state, **new})

    page.route("**/api/started*", answer)
    page.route("**/api/started/answer", answer)
    go(page, "setup/setup")
    page.get_by_label("Name of the camera").fill("top")
    assert page.locator(".look").inner_text() == "looking at the cameras ..."
    page.keyboard.press("Enter")
    until(lambda: page.wait_for_timeout(20) or len(waiting) == 2)
    for route in waiting:
        tell(route)
    until(lambda: page.locator(".log .answer").all_inner_texts() == ["top"])
    page.wait_for_timeout(300)
    assert page.locator(".log .answer").all_inner_texts() == ["top"]
    assert page.locator(".asks").is_hidden()


@pytest.mark.parametrize("size", SIZES, ids=["narrow", "wide"])
def test_nothing_is_wider_than_the_screen(size: dict[str, int], page: Any) -> None:
    page.set_viewport_size(size)
    for place in (
        "start/train",
        "setup/setup",
        "setup/find-limits",
        "runs",
        "runs/first",
        "runs/compare/first/second",
    ):
        go(page, place)
        until(
            lambda: (
                page.locator("#view h1").count() == 1 and page.locator("#view .none").count() == 0
            )
        )
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0, place


@pytest.mark.slow
def test_a_demo_is_started_seen_at_its_own_page_and_stopped(page: Any, folder: Path) -> None:
    page.get_by_role("link", name="Demo", exact=True).click()
    page.get_by_label("train.demonstrations").fill("1")
    page.get_by_label("env.paced").select_option("true")
    line = page.locator("form .command code")
    until(lambda: "--env.paced=true" in line.inner_text())
    page.get_by_role("button", name="Start").click()
    until(page.get_by_role("link", name="Open its page").is_visible)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open its page").click()
    run = opened.value
    until(lambda: run.locator("#who").inner_text() not in ("", "…"))
    run.close()
    page.get_by_role("button", name="Stop").click()
    until(lambda: page.locator(".started h2").inner_text() == "demo was stopped")
    assert "Summary" in page.locator(".log").inner_text()
    (made,) = (one for one in (folder / "runs").iterdir() if one.name.endswith("_demo"))
    assert (made / "summary.json").is_file()
