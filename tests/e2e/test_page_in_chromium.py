"""A real command on the twin, seen and driven from a real browser."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attended_sessions import stretches
from browsers import PAD, chromium, move_pad, needs_browser
from page_clients import Browser, Served, served
from page_hands import Eyes, Hand, KeyHand, PadHand, TouchHand, pick_up
from recordings import recorded
from waiting import until

pytestmark = needs_browser
PATIENT = ("--teleop.type=page", "--teleop.dead_man_ms=5000")
CAMERAS = ("--robot.cameras.front.width=64", "--robot.cameras.front.height=48")

DRAWN = "canvas => canvas.getContext('2d').getImageData(32, 24, 1, 1).data[3] === 255"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def opened(browser: Any, running: Served, **options: Any) -> Any:
    """A page of the run, with a pad that :func:`browsers.move_pad` moves."""
    page = new_page(browser, **options)
    open_page(page, running)
    return page


def new_page(browser: Any, **options: Any) -> Any:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, **options)
    page.add_init_script(PAD)
    return page


def open_page(page: Any, running: Served) -> None:
    page.goto(running.link)
    until(page.get_by_role("button", name="Take the controls").is_visible)


def take_controls(page: Any) -> None:
    page.get_by_role("button", name="Take the controls").click()
    until(page.get_by_role("button", name="Give the controls back").is_visible)


def until_shown(page: Any, who: str) -> None:
    until(lambda: page.locator("#who").inner_text() == who)


@pytest.mark.parametrize(
    "kind",
    [
        PadHand,
        pytest.param(KeyHand, marks=pytest.mark.slow),
        pytest.param(TouchHand, marks=pytest.mark.slow),
    ],
)
def test_an_operator_in_a_browser_picks_the_cube_up(
    kind: Callable[[Any], Hand], tmp_path: Path, browser: Any
) -> None:
    """And exactly those frames are flagged in which the page had the operator have the arm."""
    options = ("--teleoperate.episodes=1", "--teleoperate.record=true", "--env.fps=15")
    with served(tmp_path, "teleoperate", *PATIENT, *options) as running:
        page = new_page(browser, has_touch=True)
        eyes = Eyes(page)
        open_page(page, running)
        take_controls(page)
        pick_up(kind(page), eyes)
        status, output, errors = running.end()
        until_shown(page, "ENDED")
        page.close()
    assert (status, errors) == (0, ""), output
    (episode,) = recorded(running.folder)
    flags, shown = episode["complementary_info.is_intervention"], eyes.holders()
    assert len(shown) > 0.5 * len(flags)
    assert {tick: {"YOU" if flags[tick - 1] else "HOLDING"} for tick in shown} == shown
    assert stretches(flags)[:4] == [False, True, False, True]
    assert not episode["action"][~flags][:, :3].any()
    assert episode["next.reward"][-1] == 1.0


def test_two_browsers_look_and_the_one_without_controls_stops_the_arm(
    tmp_path: Path, browser: Any
) -> None:
    with served(tmp_path, "teleoperate", *PATIENT, *CAMERAS) as running:
        first, second = opened(browser, running), opened(browser, running)
        take_controls(first)
        until(lambda: "Somebody else" in second.locator("#holder-words").inner_text())
        second.get_by_role("button", name="Take the controls").click()
        until(second.get_by_role("alert").is_visible)  # refused
        move_pad(first, axes={0: 0.5}, b5=1.0)
        until_shown(first, "YOU")
        until_shown(second, "OPERATOR")
        for page in (first, second):
            until(lambda page=page: page.locator("#figures .joint").count() == 6)
            until(lambda page=page: page.get_by_role("img", name="Camera").evaluate(DRAWN))
        second.keyboard.press("Space")
        status, output, errors = running.end()
        for page in (first, second):
            until(lambda page=page: page.locator("#who").inner_text() in ("STOPPED", "ENDED"))
            page.close()
    assert (status, errors) == (1, "")
    assert "emergency stop" in output


COUNT_DRAWINGS = """
(() => {
  window.drawings = 0;
  const draw = WebGL2RenderingContext.prototype.drawElements;
  WebGL2RenderingContext.prototype.drawElements = function (...given) {
    window.drawings++;
    return draw.apply(this, given);
  };
})();
"""


def test_an_arm_that_rests_is_not_drawn_again_and_again(tmp_path: Path, browser: Any) -> None:
    with served(tmp_path, "teleoperate", *PATIENT) as running:
        page = new_page(browser)
        page.add_init_script(COUNT_DRAWINGS)
        open_page(page, running)

        def drawn(ms: int) -> int:
            """So many parts of it, for so long [ms]."""
            before: int = page.evaluate("drawings")
            page.wait_for_timeout(ms)
            found: int = page.evaluate("drawings")
            return found - before

        until(lambda: page.evaluate("drawings") > 0)
        until(lambda: drawn(1000) == 0)
        take_controls(page)
        move_pad(page, axes={0: 0.5}, b5=1.0)
        until_shown(page, "YOU")
        until(lambda: drawn(200) > 0)
        move_pad(page, axes={0: 0.0}, b5=0.0)
        until(lambda: drawn(1000) == 0)
        page.keyboard.press("Space")
        assert running.end()[0] == 1  # an emergency stop
        page.close()


def test_a_reload_a_dead_page_process_and_a_frozen_browser_let_go_of_the_arm(
    tmp_path: Path, browser: Any
) -> None:
    options = ("--teleop.type=page", "--teleop.dead_man_ms=3000")
    with served(tmp_path, "teleoperate", *options) as running, Browser(running.link) as watcher:
        page = opened(browser, running)
        take_controls(page)
        move_pad(page, axes={0: 0.3}, b5=1.0)
        watcher.until_who("YOU")
        page.reload()  # the pad that is played is at rest then
        watcher.until(lambda state: state["who"] != "YOU")
        until(page.get_by_role("button", name="Give the controls back").is_visible)
        move_pad(page, axes={}, b9=1.0)  # pause, to go on
        until_shown(page, "HOLDING")
        move_pad(page, axes={0: 0.3}, b5=1.0, b9=0.0)
        watcher.until_who("YOU")
        page.evaluate("setTimeout(() => { const e = Date.now() + 9000; while (Date.now() < e); })")
        watcher.until_who("LOST")
        assert watcher.until(lambda state: state["who"] != "LOST")["who"] == "PAUSED"
        process = running.page_process()
        assert process is not None
        os.kill(process, signal.SIGKILL)
        until(lambda: watcher.closed is not None)
        until_shown(page, "PAUSED")  # again, by the process that took its place
        until(page.get_by_role("button", name="Give the controls back").is_visible)
        page.get_by_role("button", name="Stop the run").click()
        page.get_by_role("button", name="Press again to stop").click()
        status, output, errors = running.end()
        page.close()
    assert (status, errors) == (0, ""), output
    assert "stopped by the operator" in output
