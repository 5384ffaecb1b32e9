"""The thread between a run and its page, beside a loop that is played."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest
from page_clients import Browser, pad
from waiting import until

from configs.load import validate
from hil_app.build.assembly import Assembly
from hil_app.control.monitor import Monitor
from hil_app.control.policy import NoPolicy
from hil_app.control.rate import Rate
from hil_app.page.feeder import CLEAR_S, Page
from hil_app.page.news import News
from hil_app.runs.at_the_page import PagePlace
from hil_app.support.events import EventLog
from robots.safety.urgent import LOOP, USUAL, urgent
from teleop.page.codes import BUTTONS
from teleop.page.device import PageDevice

PATIENCE_S = 2.0
RB, A = BUTTONS.index("rightshoulder"), BUTTONS.index("a")


def held(device: PageDevice) -> frozenset[str]:
    found = device.poll()
    return frozenset() if found is None else found.held


def test_a_thread_that_lags_behind_makes_nobody_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the browser has said in the meantime counts once the loop looks."""
    config = validate({"teleop": {"type": "page", "dead_man_ms": 1000 * PATIENCE_S}})
    parts, place = Assembly(config), PagePlace(config.page)
    device, stuck, goes_on = parts.device, threading.Event(), threading.Event()
    assert isinstance(device, PageDevice)
    look = News.state
    with place, Page(parts, Monitor(), EventLog(), place), Browser(place.link) as browser:
        browser.take_controls()
        browser.do(pad(RB))
        until(lambda: "rightshoulder" in held(device))

        def lags(news: News) -> dict[str, object]:
            stuck.set()
            assert goes_on.wait(100)
            return look(news)

        monkeypatch.setattr(News, "state", lags)
        until(stuck.is_set)
        time.sleep(PATIENCE_S + 0.2)
        browser.do(pad(RB, A))
        try:
            until(lambda: "a" in held(device))
        finally:
            goes_on.set()


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are Linux's")
@pytest.mark.parametrize("paced", [True, False])
def test_it_is_as_urgent_as_the_loop_and_its_process_is_not(paced: bool) -> None:
    """The loop waits for the interpreter: who has it must not be made to wait by others."""
    with urgent(LOOP) as allowed:
        pass
    parts = Assembly(validate({"env": {"paced": paced}}))
    place = PagePlace(parts.config.page)
    with place, Page(parts, Monitor(), EventLog(), place) as page:
        (thread,) = (one for one in threading.enumerate() if one.name == "page")
        number = thread.native_id
        assert number is not None
        assert page.pid is not None
        wanted = LOOP if paced and allowed else USUAL
        until(lambda: os.sched_getparam(number).sched_priority == wanted)
        assert os.sched_getparam(page.pid).sched_priority == USUAL
        assert os.sched_getparam(0).sched_priority == USUAL


def test_nothing_is_told_while_the_loop_is_about_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, monitor = Assembly(validate({"env": {"paced": True}})), Monitor()
    place, told, look = PagePlace(parts.config.page), list[float](), News.state

    def state(news: News) -> dict[str, object]:
        told.append(time.monotonic())
        return look(news)

    monkeypatch.setattr(News, "state", state)
    monkeypatch.setattr(Rate, "left", CLEAR_S / 2)
    with parts.robot, place:
        loop = parts.loop(parts.teleop("never"), NoPolicy(), lambda: False)
        monitor.begin("teleoperate", 1, "ticks", loop)
        with Page(parts, monitor, EventLog(), place) as page:
            until(lambda: page._served)  # its process is there
            assert not told
            monkeypatch.setattr(Rate, "left", 2 * CLEAR_S)
            until(lambda: bool(told))
