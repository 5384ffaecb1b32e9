"""Starts commands from the page, one at a time, and ends what it has started."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute

from configs.errors import ConfigError
from configs.load import presets
from configs.page import PageConfig
from hil_app.page.home.api import Api, Asked, Busy, Refused
from hil_app.page.home.filled import Filled, configs_here
from hil_app.page.home.forms import RUNS, SETUP, Form
from hil_app.page.home.places import Places
from hil_app.page.home.started import Started


class Desk:
    """Has the command that was started last; runs of it have pages like ``page``."""

    def __init__(self, places: Places, page: PageConfig) -> None:
        self._places, self._page = places, page
        self._lock = threading.Lock()
        self._closed = False
        self._last: Started | None = None

    def routes(self, api: Api) -> list[BaseRoute]:
        """What a browser may ask about commands."""
        return [
            api.get("/forms", self._forms),
            api.post("/forms", self._filled),
            api.get("/started", partial(self._state, api.site.link_to)),
            api.post("/started", self._start),
            api.post("/started/stop", self._stop),
            api.post("/started/answer", self._answer),
        ]

    @property
    def under_way(self) -> Started | None:
        """What has not ended yet."""
        last = self._last
        return last if last is not None and last.going_on else None

    def close(self) -> None:
        """Start nothing more, and end what is under way."""
        with self._lock:
            self._closed = True
        if self._last is not None:
            self._last.end()

    def _forms(self, _: Asked) -> Any:
        learned = [run.folder.name for run in reversed(self._places.all_runs()) if run.learned]
        kinds = {"run": [*map(_described, RUNS)], "setup": [*map(_described, SETUP)]}
        return {**kinds, "presets": [*configs_here(), *presets()], "runs": learned}

    def _filled(self, asked: Asked) -> Any:
        """A form's fields as they are now, what is wrong in it, and the command that it is."""
        filled = Filled.of(asked, self._places)
        found = filled.faults()
        line = Started.line_of(filled.words(self._page))
        return {"fields": filled.fields(), "faults": found, "command": line}

    def _start(self, asked: Asked) -> Any:
        filled = Filled.of(asked, self._places)
        if wrong := filled.faults():
            raise ConfigError("; ".join(wrong.values()))
        with self._lock:
            if self._closed:
                raise Busy("this page ends")
            if (before := self.under_way) is not None:
                raise Busy(f"one at a time: {before.line} is under way")
            self._last = Started(filled.words(self._page))
            return self._last.state()

    def _state(self, link_to: Callable[[Path], str], asked: Asked) -> Any:
        seen = asked.query.get("seen", "0")
        if (last := self._last) is None:
            return None
        state = last.state(int(seen) if seen.isdecimal() else 0)
        return {**state, "said": [_linked(one, link_to) for one in state["said"]]}

    def _stop(self, _: Asked) -> Any:
        if (last := self.under_way) is None:
            raise Busy("nothing is under way")
        last.interrupt()
        return {}

    def _answer(self, asked: Asked) -> Any:
        if (last := self.under_way) is None:
            raise Busy("nothing is under way")
        number, text = asked.body.get("number"), asked.body.get("text", "")
        one_line = isinstance(text, str) and (not text or text.isprintable())
        if not isinstance(number, int) or not one_line or len(text) > 200:
            raise Refused("an answer has the number of its question, and a line of text")
        last.answer(number, text)
        return {}


def _linked(said: dict[str, Any], link_to: Callable[[Path], str]) -> dict[str, Any]:
    """The same, with links to its images instead of their paths."""
    if "images" not in said:
        return said
    return {"images": [[what, link_to(Path(path))] for what, path in said["images"]]}


def _described(form: Form) -> dict[str, Any]:
    return {
        "name": form.name,
        "title": form.title,
        "about": form.about,
        "base": form.base,
        "preset": form.preset,
        "flags": {name: asdict(flag) for name, flag in form.flags.items()},
    }
