"""What the page shows, in a real browser, of a page's process that is played."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsers import chromium, needs_browser
from fake_page import PlayedPage
from sample_page import curves, episodes
from waiting import until

pytestmark = needs_browser
SIZES = ((360, 740), (1280, 800), (1920, 1080))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def played() -> Iterator[PlayedPage]:
    with PlayedPage().serving() as played:
        yield played


@pytest.fixture(scope="module")
def page(browser: Any, played: PlayedPage) -> Iterator[Any]:
    """One page for the module; a warning or an error in its console fails the test at its end."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(played.url)
    until(lambda: played.sockets)
    played.tell(type="curves", **{"from": 0}, series=curves())
    played.tell(type="episodes", add=episodes())
    yield page
    assert [line for line in said if "GPU stall" not in line] == []
    page.close()


def text(page: Any, selector: str) -> str:
    shown: str = page.locator(selector).inner_text()
    return shown


def test_the_token_leaves_the_address(page: Any) -> None:
    assert "token" not in page.url


@pytest.mark.parametrize(
    ("who", "mood", "shown"),
    [
        ("POLICY", "policy", "POLICY"),
        ("YOU", "you", "OPERATOR"),  # this browser has not the controls
        ("RESET", "paused", "RESET"),
        ("READY", "paused", "READY"),
        ("HOLDING", "paused", "HOLDING"),
        ("PAUSED", "paused", "PAUSED"),
        ("LOST", "paused", "LOST"),
        ("STOPPED", "alarm", "STOPPED"),
    ],
)
def test_who_has_the_arm_fills_the_band_in_its_colour(
    page: Any, played: PlayedPage, who: str, mood: str, shown: str
) -> None:
    played.state |= {"who": who, "mood": mood}
    until(lambda: text(page, "#who") == shown)
    assert page.title() == f"{shown} · hil-app"
    colours = "el => getComputedStyle(el).backgroundColor"
    band, accent = page.locator("#status"), page.locator("body")
    assert accent.get_attribute("data-mood") == mood
    assert band.evaluate(colours) == page.evaluate(
        f"""() => {{ const one = document.createElement("i"); document.body.append(one);
        one.style.background = "var(--{mood})"; const found = getComputedStyle(one).backgroundColor;
        one.remove(); return found; }}"""
    )


def test_a_request_for_help_is_an_alert(page: Any, played: PlayedPage) -> None:
    played.state |= {"who": "POLICY", "mood": "policy", "help": True}
    until(page.get_by_role("alert").is_visible)
    assert text(page, "#banner") == "The policy asks for a take-over"
    assert page.title().startswith("! ")
    played.state["help"] = False
    until(page.get_by_role("alert").is_hidden)


def test_images_are_drawn_as_they_come_and_their_age_is_told(page: Any, played: PlayedPage) -> None:
    drawn = "canvas => canvas.getContext('2d').getImageData(160, 180, 1, 1).data[0] > 0"
    for camera in ("front", "wrist"):
        canvas = page.get_by_role("img", name=f"Camera {camera}")
        until(lambda canvas=canvas: canvas.evaluate(drawn))
    before = len(played.said("drawn"))
    until(lambda: len(played.said("drawn")) > before + 4)
    played.age = 5.0
    until(page.locator(".camera[data-age=frozen]").count)
    played.age = 0.02
    until(lambda: page.locator(".camera[data-age=frozen]").count() == 0)


def test_curves_episodes_joints_and_figures_are_shown(page: Any) -> None:
    until(lambda: page.locator(".chart").count() == 10)
    titles = page.locator(".chart .name").all_inner_texts()
    assert titles[:3] == ["Success", "Interventions", "Return"]
    assert titles[-2:] == ["Joint loads", "Joint temperatures"]
    assert page.locator("#episode-rows tr").count() == 30
    assert text(page, "#episode-rows tr:first-child").split("\t")[:3] == ["30", "✓ success", "60"]
    assert text(page, "#recent") == "18 of the last 20"
    assert "↺ again" in page.locator("#episode-rows .rerecord").all_inner_texts()
    assert page.locator("#figures .joint").count() == 6
    assert "61 °C" in page.locator("#figures .heat.warn").all_inner_texts()
    assert "18 %" in text(page, "#figures .classifier")
    assert "0.12 / 1.40 / 6.20 ms" in text(page, "#figures")
    assert "3:07, 2:17 left" in text(page, "#facts")


def test_the_arm_stands_where_it_is_told_to_stand(page: Any) -> None:
    """Something is drawn: software WebGL is there in Debian's Chromium."""
    page.locator("#arm").scroll_into_view_if_needed()
    shot = "canvas => canvas.toDataURL().length"
    until(page.locator("#arm canvas").is_visible)
    until(lambda: page.locator("#arm canvas").evaluate(shot) > 1000)


def test_what_happens_is_listed_and_no_markup_is_obeyed(page: Any, played: PlayedPage) -> None:
    played.tell(
        type="event", problem=True, name="loop_slow", message="<img src=x onerror=alert(1)>"
    )
    until(page.locator("#event-rows li.problem").count)
    assert "loop slow <img src=x" in text(page, "#event-rows li:first-child")
    assert page.locator("#event-rows img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_screen(page: Any, size: tuple[int, int], scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    wide = page.evaluate(
        """() => [...document.querySelectorAll("button, h1, .chip, .facts div, .joint, .way")]
          .filter((one) => one.offsetParent && one.scrollWidth > one.clientWidth + 1 &&
            getComputedStyle(one).display !== "inline").map((one) => one.outerHTML)"""
    )
    assert wide == []
    stop = page.get_by_role("button", name="Emergency stop").bounding_box()
    assert stop["y"] >= 0
    assert stop["x"] + stop["width"] <= size[0]
    assert stop["height"] >= 44


def test_text_is_readable_in_every_mood_light_and_dark(page: Any, played: PlayedPage) -> None:
    """At least 4.5 to 1 between the band's words and its colour, as WCAG asks of small text."""
    contrast = """() => {
      const light = (colour) => {
        const [r, g, b] = colour.match(/\\d+/g).map((one) => one / 255)
          .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const style = getComputedStyle(document.querySelector("#status"));
      const both = [light(style.color), light(style.backgroundColor)].sort((a, b) => b - a);
      return (both[0] + 0.05) / (both[1] + 0.05);
    }"""
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for mood in ("policy", "you", "paused", "alarm"):
            played.state["mood"] = mood
            until(lambda mood=mood: page.locator("body").get_attribute("data-mood") == mood)
            found[scheme, mood] = page.evaluate(contrast)
    assert {key: value for key, value in found.items() if value < 4.5} == {}
