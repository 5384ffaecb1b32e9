"""What the page sends of its operator's hands, in a real browser; its process is played."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from browsers import PAD, Fingers, chromium, middle, move_pad, needs_browser
from fake_page import TOKEN, PlayedPage
from waiting import until

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def played() -> Iterator[PlayedPage]:
    with PlayedPage().serving() as played:
        played.state["urdf"] = None
        played.hello["run"]["urdf"] = None  # nothing is drawn in 3D here
        yield played


@pytest.fixture
def page(browser: Any, played: PlayedPage) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 800}, has_touch=True)
    page.add_init_script(PAD)
    page.goto(played.url)
    until(lambda: played.sockets)
    yield page
    page.close()


def take_controls(page: Any, played: PlayedPage) -> None:
    page.get_by_role("button", name="Take the controls").click()
    until(lambda: played.holder)
    until(lambda: played.said("input"))


def newest(played: PlayedPage) -> dict[str, Any]:
    return played.said("input")[-1]


def test_without_the_controls_nothing_is_sent_and_no_button_counts(
    page: Any, played: PlayedPage
) -> None:
    success = page.get_by_role("button", name="Success")
    until(success.is_disabled)
    move_pad(page, axes={0: 1.0})
    page.keyboard.down("ArrowUp")
    time.sleep(0.3)
    page.keyboard.up("ArrowUp")
    assert played.said("input") == []
    take_controls(page, played)
    until(success.is_enabled)
    page.get_by_role("button", name="Give the controls back").click()
    until(lambda: played.holder is None)
    until(success.is_disabled)
    before = len(played.said("input"))
    time.sleep(0.3)
    assert len(played.said("input")) <= before + 3  # what was under way


def test_a_pad_is_sent_raw_at_every_change_and_drawn(page: Any, played: PlayedPage) -> None:
    take_controls(page, played)
    page.get_by_role("tab", name="Gamepad").click()
    until(lambda: newest(played)["gamepad"])
    assert newest(played)["gamepad"] == {"axes": [0, 0, 0, 0], "buttons": [0] * 17}
    move_pad(page, axes={1: -0.4567891}, b5=1.0, b7=0.25)
    until(lambda: newest(played)["gamepad"]["axes"][1] != 0)
    pad = newest(played)["gamepad"]
    assert pad["axes"] == [0, -0.457, 0, 0]
    assert {index: value for index, value in enumerate(pad["buttons"]) if value} == {5: 1, 7: 0.25}
    lit = page.locator(".pad .chip.lit")
    until(lambda: lit.count() == 2)
    assert sorted(lit.all_inner_texts()) == ["RB\ntake over (hold)", "RT\nopen gripper"]
    assert "forward" in page.locator(".pad .stick").first.inner_text()
    page.evaluate("played.there = false")  # unplugged
    until(lambda: newest(played)["gamepad"] is None)
    until(lambda: "Press a button" in page.locator(".pad .note").inner_text())


def test_a_pad_of_an_unknown_layout_is_not_guessed_at(page: Any, played: PlayedPage) -> None:
    page.evaluate("played.pad.mapping = ''")
    take_controls(page, played)
    page.get_by_role("tab", name="Gamepad").click()
    until(lambda: "does not know the layout of A pad" in page.locator(".pad .note").inner_text())
    assert newest(played)["gamepad"] is None


def test_what_is_at_rest_is_said_again_before_the_dead_man_lets_go(
    browser: Any, played: PlayedPage
) -> None:
    page = browser.new_page()
    page.clock.install()
    page.goto(played.url)
    take_controls(page, played)
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 1)
    before = len(played.said("input"))
    page.clock.run_for(1000)
    until(lambda: len(played.said("input")) >= before + 20)
    numbers = [message["seq"] for message in played.said("input")]
    assert numbers == list(range(len(numbers)))
    assert all(message["gamepad"] is message["sticks"] is None for message in played.said("input"))
    page.close()


def test_keys_are_held_as_codes_and_the_page_does_not_scroll(page: Any, played: PlayedPage) -> None:
    take_controls(page, played)
    page.get_by_role("tab", name="Keyboard").click()
    page.keyboard.down("Shift")
    page.keyboard.down("ArrowDown")
    until(lambda: newest(played)["keys"] == ["ShiftLeft", "ArrowDown"])
    assert page.evaluate("scrollY") == 0
    until(lambda: page.locator(".keys .chip.lit").count() == 2)
    page.keyboard.press("KeyX")  # it does nothing in this run
    page.keyboard.up("ArrowDown")
    until(lambda: newest(played)["keys"] == ["ShiftLeft"])
    page.keyboard.up("Shift")
    until(lambda: newest(played)["keys"] == [])
    page.keyboard.press("KeyS")  # a tap, down and up: both are sent
    until(lambda: any(message["keys"] == ["KeyS"] for message in played.said("input")))
    assert all("KeyX" not in message["keys"] for message in played.said("input"))


def test_all_is_let_go_when_the_page_loses_the_focus(page: Any, played: PlayedPage) -> None:
    take_controls(page, played)
    page.keyboard.down("ArrowUp")
    until(lambda: newest(played)["keys"] == ["ArrowUp"])
    page.evaluate("dispatchEvent(new Event('blur'))")
    until(lambda: newest(played)["keys"] == [])


def test_two_thumbs_on_the_sticks_take_over_and_drive_until_they_let_go(
    page: Any, played: PlayedPage
) -> None:
    take_controls(page, played)
    page.get_by_role("tab", name="Touch").click()
    touch = Fingers(page)
    left, right = (middle(page, f".sticks .stick >> nth={index}") for index in (0, 1))
    touch("touchStart", left, right)
    until(lambda: newest(played)["sticks"])
    touch("touchMove", (left[0], left[1] - 500), (right[0] + 10, right[1]))
    until(lambda: newest(played)["sticks"]["left"][1] < -0.99)  # wherever the page has put it
    sticks = newest(played)["sticks"]
    assert sticks["hold"] is True
    assert sticks["gripper"] == 1
    assert 0 < sticks["right"][0] < 1
    touch("touchEnd")
    until(lambda: newest(played)["sticks"] is None)
    for words, grips in (("Close gripper", 0), ("Open gripper", 2), ("Hold still", 1)):
        touch("touchStart", middle(page, f".between button:has-text('{words}')"))
        until(lambda: newest(played)["sticks"])
        assert newest(played)["sticks"] == {
            "left": [0, 0],
            "right": [0, 0],
            "hold": True,
            "gripper": grips,
        }
        touch("touchEnd")
        until(lambda: newest(played)["sticks"] is None)


def test_buttons_press_and_the_end_of_a_run_is_asked_for_twice(
    page: Any, played: PlayedPage
) -> None:
    take_controls(page, played)
    for words in ("Success", "Failure", "Record again", "Pause"):
        page.get_by_role("button", name=words).click()
    stop = page.get_by_role("button", name="Stop the run")
    stop.click()
    until(lambda: len(played.presses()) == 4)
    page.get_by_role("button", name="Press again to stop").click()
    until(lambda: len(played.presses()) == 5)
    assert played.presses() == ["success", "failure", "rerecord", "pause", "stop"]
    played.state |= {"who": "READY", "mood": "paused"}
    page.get_by_role("button", name="Next episode").click()
    until(lambda: played.presses()[-1] == "ready")


def test_the_space_bar_is_the_emergency_stop_of_whoever_looks(
    page: Any, played: PlayedPage
) -> None:
    page.get_by_role("tab", name="Gamepad").focus()  # a button that has the focus is not clicked
    page.keyboard.press("Space")
    until(lambda: played.presses() == ["emergency_stop"])
    until(lambda: "STOP SENT" in page.locator("#emergency").inner_text().upper())
    assert page.get_by_role("tab", name="Gamepad").get_attribute("aria-selected") == "false"
    page.get_by_role("button", name="Stop sent").click()
    until(lambda: played.presses() == ["emergency_stop"] * 2)
    assert played.posts == []


def test_an_emergency_stop_that_nobody_confirms_goes_by_http(page: Any, played: PlayedPage) -> None:
    played.answers = False
    page.keyboard.press("Space")
    until(lambda: played.posts == [f"Bearer {TOKEN}"])
    until(lambda: "STOP SENT" in page.locator("#emergency").inner_text().upper())


def test_an_emergency_stop_without_a_socket_goes_by_http(page: Any, played: PlayedPage) -> None:
    played.refuses = True
    played.hang_up()
    until(lambda: page.locator("#who").inner_text() == "NO LINE")
    page.get_by_role("button", name="Emergency stop").click()
    until(lambda: played.posts == [f"Bearer {TOKEN}"])
    assert played.presses() == []


def test_a_lost_line_is_opened_again_and_the_controls_asked_for(
    page: Any, played: PlayedPage
) -> None:
    take_controls(page, played)
    played.refuses = True
    played.hang_up()
    until(lambda: page.locator("#who").inner_text() == "NO LINE")
    assert page.get_by_role("button", name="Success").is_disabled()
    played.refuses = False
    until(lambda: page.locator("#who").inner_text() == "POLICY")
    until(lambda: played.holder == "browser 2")


def test_a_reloaded_page_has_the_run_and_its_controls_again(page: Any, played: PlayedPage) -> None:
    take_controls(page, played)
    page.reload()
    until(lambda: played.holder == "browser 2")
    until(lambda: page.locator("#who").inner_text() == "POLICY")
    assert len(page.locator(".camera").all()) == 2


def test_a_process_that_hangs_is_a_lost_line(page: Any, played: PlayedPage) -> None:
    until(lambda: page.locator("#who").inner_text() == "POLICY")
    played.silent = True
    until(lambda: page.locator("#who").inner_text() == "NO LINE")
    played.silent = False
    until(lambda: page.locator("#who").inner_text() == "POLICY")


def test_the_end_of_a_run_stays_on_the_screen(page: Any, played: PlayedPage) -> None:
    played.state |= {"who": "ENDED", "mood": "paused"}
    until(lambda: page.locator("#who").inner_text() == "ENDED")
    played.refuses = True
    played.hang_up()
    time.sleep(0.5)
    assert page.locator("#who").inner_text() == "ENDED"


def test_a_wrong_token_is_told_and_not_tried_again(browser: Any, played: PlayedPage) -> None:
    page = browser.new_page()
    page.goto(played.url.replace(TOKEN, "of-another-run"))
    until(lambda: page.locator("#who").inner_text() == "LOCKED")
    assert "open the one the run prints" in page.locator("#means").inner_text()
    page.close()


def test_two_browsers_see_who_has_the_controls(page: Any, browser: Any, played: PlayedPage) -> None:
    take_controls(page, played)
    other = browser.new_page()
    other.goto(played.url)
    until(lambda: "Somebody else" in other.locator("#holder-words").inner_text())
    other.close()
