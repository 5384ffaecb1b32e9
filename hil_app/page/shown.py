"""What the page's process knows of the run, for every browser."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from hil_app.page.images import Images
from hil_app.page.wire import Message
from robots.base import U8

_MOST_EVENTS, _MOST_EPISODES = 50, 2000


class Shown:
    """The newest of all that the run has told; ``changed`` is called when there is more."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.images = Images()
        self.state: dict[str, Any] | None = None
        self.states = 0  # told so far
        self.over = False
        self._series: dict[str, list[list[float]]] = {}
        self._episodes = deque[dict[str, Any]](maxlen=_MOST_EPISODES)
        self._events = deque[dict[str, Any]](maxlen=_MOST_EVENTS)

    def take(self, message: Message, image: U8 | None, post: Callable[[str], None]) -> None:
        """Take in what the run tells; ``post`` sends a text to every browser, in order."""
        if image is not None:
            self.images.put(message["camera"], image, message["age"])
        if curves := message.get("curves"):
            self._take_curves(curves)
            post(text_of("curves", **curves))
        if episodes := message.get("episodes"):
            self._episodes += episodes
            post(text_of("episodes", add=episodes))
        for event in message.get("events", ()):
            self._events.append(event)
            post(text_of("event", **event))
        if "state" in message:
            self.state = message["state"]
            self.states += 1
        self.over |= message.get("over", False)
        self._changed()

    def so_far(self) -> list[str]:
        """What a browser is told that comes now."""
        found = [text_of("curves", **{"from": 0, "series": self._series})]
        found += [text_of("episodes", add=list(self._episodes))]
        return found + [text_of("event", **event) for event in self._events]

    def state_text(self, controls: Mapping[str, Any]) -> str:
        """The newest state, for a browser with these ``controls``."""
        return text_of("state", **(self.state or {}), controls=controls)

    def _take_curves(self, curves: Mapping[str, Any]) -> None:
        if curves["from"] == 0:
            self._series = {}
        for name, points in curves["series"].items():
            self._series.setdefault(name, []).extend(points)


def text_of(kind: str, **facts: Any) -> str:
    """A message to a browser; JSON knows no infinity, nor what is no number: null."""
    return json_of({"type": kind, **facts})


def json_of(content: Any) -> str:
    """The same of any content."""
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":"))
    except ValueError:
        finite = json.loads(json.dumps(content), parse_constant=lambda _: None)
        return json.dumps(finite, separators=(",", ":"))
