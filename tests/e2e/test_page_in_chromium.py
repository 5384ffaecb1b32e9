"""A real command on the twin, seen and driven from a real browser."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attended_sessions import stretches
from browsers import PAD, Fingers, chromium, middle, move_pad, needs_browser
from page_clients import Browser, Served, served
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
    page = browser.new_page(viewport={"width": 1280, "height": 800}, **options)
    page.add_init_script(PAD)
    page.goto(running.link)
    until(page.get_by_role("button", name="Take the controls").is_visible)
    return page


def take_controls(page: Any) -> None:
    page.get_by_role("button", name="Take the controls").click()
    until(page.get_by_role("button", name="Give the controls back").is_visible)


def until_shown(page: Any, who: str) -> None:
    until(lambda: page.locator("#who").inner_text() == who)


class PadHand:
    """Moves the arm to the left by a gamepad."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def push(self) -> None:
        move_pad(self._page, axes={0: -0.6}, b5=1.0)

    def rest(self) -> None:
        move_pad(self._page, axes={0: 0.0}, b5=0.0)


class KeyHand:
    """Does so by keys."""

    def __init__(self, page: Any) -> None:
        self._keys = page.keyboard

    def push(self) -> None:
        self._keys.down("ShiftLeft")
        self._keys.down("ArrowLeft")

    def rest(self) -> None:
        self._keys.up("ArrowLeft")
        self._keys.up("ShiftLeft")


class TouchHand:
    """Does so by two thumbs on the screen."""

    def __init__(self, page: Any) -> None:
        self._touch = Fingers(page)
        page.get_by_role("tab", name="Touch").click()
        self._sticks = [middle(page, f".sticks .stick >> nth={index}") for index in (0, 1)]

    def push(self) -> None:
        left, right = self._sticks
        self._touch("touchStart", left, right)
        self._touch("touchMove", (left[0] - 30, left[1]), right)

    def rest(self) -> None:
        self._touch("touchEnd")


def ticks(watcher: Browser, count: int) -> None:
    """Let as many pass."""
    begun = watcher.state["stage"]["ticks"]
    watcher.until(lambda state: state["stage"]["ticks"] >= begun + count)


def demonstrate(hand: Any, watcher: Browser, page: Any) -> None:
    """Take over and move 2 cm, let go, take over again, and say that it is a success."""
    begun = watcher.until_who("HOLDING")
    hand.push()
    watcher.until(lambda state: state["tip"][1] > begun["tip"][1] + 0.02)
    hand.rest()
    watcher.until_who("HOLDING")
    ticks(watcher, 6)
    hand.push()
    watcher.until_who("YOU")
    page.get_by_role("button", name="Success").click()
    episode = begun["stage"]["episode"]
    until(lambda: watcher.closed or watcher.state["stage"]["episode"] > episode)
    hand.rest()


def test_what_pad_keys_and_thumbs_do_is_recorded_and_flagged(tmp_path: Path, browser: Any) -> None:
    options = ("--teleoperate.episodes=3", "--teleoperate.record=true")
    with served(tmp_path, "teleoperate", *PATIENT, *options) as running:
        page = opened(browser, running, has_touch=True)
        with Browser(running.link) as watcher:
            take_controls(page)
            for kind in (PadHand, KeyHand, TouchHand):
                demonstrate(kind(page), watcher, page)
            status, output, errors = running.end()
        until_shown(page, "ENDED")
        page.close()
    assert (status, errors) == (0, ""), output
    pushes = []
    for episode in recorded(running.folder):
        flags = episode["complementary_info.is_intervention"]
        assert stretches(flags)[-3:] == [True, False, True]
        action = episode["action"]
        assert not action[~flags][:, :3].any()
        assert not action[:, [0, 2]].any()  # to the left, and no other way
        assert (action[:, 1] >= 0).all()
        assert (~flags[np.argmax(flags) :]).sum() >= 6
        assert episode["next.reward"][-1] == 1.0
        pushes.append(round(float(action[:, 1].max()), 2))
    assert pushes[1] == 1.0  # a key is pressed or not
    assert 0 < pushes[0] < 1
    assert 0 < pushes[2] < 1


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
