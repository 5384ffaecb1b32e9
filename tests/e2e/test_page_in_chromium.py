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
GAIN = 30.0  # of a hand that steers by eye [1/m]
PATIENT = ("--teleop.type=page", "--teleop.dead_man_ms=5000", "--teleop.slow_speed=0.12")
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
    """Drives by a gamepad."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def push(self, x: float, y: float, z: float) -> None:
        move_pad(self._page, axes={0: -y, 1: -x, 3: -z}, b5=1.0)

    def grip(self, *, closes: bool) -> None:
        move_pad(self._page, axes={}, b5=1.0, b6=float(closes), b7=float(not closes))

    def rest(self) -> None:
        move_pad(self._page, axes={0: 0.0, 1: 0.0, 3: 0.0}, b5=0.0, b6=0.0, b7=0.0)


class KeyHand:
    """Drives by keys, slowly."""

    MOVES = (("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"), ("KeyE", "KeyD"))

    def __init__(self, page: Any) -> None:
        self._page, self._held = page, set[str]()
        page.get_by_role("tab", name="Keyboard").click()

    def _hold(self, *keys: str) -> None:
        for key in self._held - set(keys):
            self._page.keyboard.up(key)
        for key in sorted(set(keys) - self._held, reverse=True):  # take over first
            self._page.keyboard.down(key)
        self._held = set(keys)

    def push(self, *ways: float) -> None:
        pairs = zip(ways, self.MOVES, strict=True)
        wanted = [keys[way < 0] if abs(way) > GAIN * 0.003 else "" for way, keys in pairs]
        across = [key for key in wanted[:2] if key]
        self._hold("ShiftLeft", "ControlLeft", *(across or filter(None, wanted)))

    def grip(self, *, closes: bool) -> None:
        self._hold("ShiftLeft", "KeyC" if closes else "KeyO")

    def rest(self) -> None:
        self._hold()


class TouchHand:
    """Drives by two thumbs on the screen."""

    def __init__(self, page: Any) -> None:
        self._page, self._touch, self._down = page, Fingers(page), ""
        page.get_by_role("tab", name="Touch").click()
        fields = [page.locator(".sticks .stick").nth(index).bounding_box() for index in (0, 1)]
        self._reach = 0.62 * fields[0]["width"] / 2
        self._middles = [middle(page, f".sticks .stick >> nth={index}") for index in (0, 1)]

    def push(self, x: float, y: float, z: float) -> None:
        self._begin("sticks", *self._middles)
        pushes = zip(self._middles, ((-y, -x), (0.0, -z)), strict=True)
        ends = [(at[0] + self._reach * a, at[1] + self._reach * b) for at, (a, b) in pushes]
        self._touch("touchMove", *ends)

    def grip(self, *, closes: bool) -> None:
        words = "Close gripper" if closes else "Open gripper"
        self._begin(words, middle(self._page, f".between button:has-text('{words}')"))

    def rest(self) -> None:
        if self._down:
            self._touch("touchEnd")
        self._down = ""

    def _begin(self, what: str, *points: tuple[float, float]) -> None:
        if self._down != what:
            self.rest()
            self._touch("touchStart", *points)
        self._down = what


def go(hand: Any, watcher: Browser, z: float, near: float) -> None:
    """Bring the gripper over the cube, to a height [m], as near [m] as that."""

    def there() -> bool:
        state = watcher.state
        way = np.array(state["object"]) - np.array(state["tip"])
        way[2] = z - state["tip"][2]
        hand.push(*np.clip(GAIN * way, -1, 1).tolist())
        return bool(np.abs(way).max() < near)

    until(there)


def ticks(watcher: Browser, count: int) -> None:
    """Let as many pass."""
    begun = watcher.state["stage"]["ticks"]
    watcher.until(lambda state: state["stage"]["ticks"] >= begun + count)


def pick_up(hand: Any, watcher: Browser) -> None:
    """Open, let go for a while, go there, close and lift, until that is a success."""
    before = watcher.state["stage"]["episode"]
    hand.grip(closes=False)
    watcher.until_who("YOU")
    ticks(watcher, 12)
    hand.rest()
    watcher.until_who("HOLDING")
    ticks(watcher, 9)
    go(hand, watcher, z=0.06, near=0.004)  # lest the cube be pushed away
    go(hand, watcher, z=0.012, near=0.008)
    hand.grip(closes=True)
    ticks(watcher, 30)
    hand.push(0.0, 0.0, 1.0)
    until(lambda: watcher.closed or watcher.state["stage"]["episode"] > before)
    hand.rest()


def test_pad_keys_and_thumbs_pick_the_cube_up_and_what_they_did_is_flagged(
    tmp_path: Path, browser: Any
) -> None:
    options = ("--teleoperate.episodes=3", "--teleoperate.record=true")
    with served(tmp_path, "teleoperate", *PATIENT, *options) as running:
        page = opened(browser, running, has_touch=True)
        with Browser(running.link) as watcher:
            take_controls(page)
            for kind in (PadHand, KeyHand, TouchHand):
                watcher.until_who("HOLDING")
                pick_up(kind(page), watcher)
            status, output, errors = running.end()
        until_shown(page, "ENDED")
        page.close()
    assert (status, errors) == (0, ""), output
    done = recorded(running.folder)
    assert len(done) == 3
    for episode in done:
        flags = episode["complementary_info.is_intervention"]
        assert stretches(flags)[-4:] in ([False, True, False, True], [True, False, True])
        assert not episode["action"][~flags][:, :3].any()
        assert (~flags[np.argmax(flags) :]).sum() >= 9
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


def test_a_reload_a_dead_page_process_and_a_frozen_browser_let_go_of_the_arm(
    tmp_path: Path, browser: Any
) -> None:
    options = ("--teleop.type=page", "--teleop.dead_man_ms=1000")
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
        page.evaluate("setTimeout(() => { const e = Date.now() + 4000; while (Date.now() < e); })")
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
