"""The thread between a run and its page, beside a loop that is played."""

from __future__ import annotations

import threading
import time

import pytest
from page_clients import Browser, pad
from waiting import until

from configs.load import validate
from hil_app.build.assembly import Assembly
from hil_app.control.monitor import Monitor
from hil_app.page.feeder import Page
from hil_app.page.news import News
from hil_app.runs.at_the_page import PagePlace
from hil_app.support.events import EventLog
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
