"""The browsers that look at the page, and which one of them has the controls."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from hil_app.page.shown import Shown, text_of
from hil_app.page.wire import Message
from robots.base import U8
from teleop.page.buttons import PRESSES

MOST = 16  # browsers at a time
_BEHIND = 500  # texts that a browser may owe to read; one that owes more is let go
_GONE_S = 1.0  # silence after which another browser may take the controls

Tell = Callable[[Message], None]  # has the run hear something; never waits


class Viewer:
    """A browser: what it is still to be sent. Old states and images are not."""

    def __init__(self, name: str, shown: Shown) -> None:
        self.name = name
        self._shown = shown
        self._texts = deque[str]()
        self._state = -1  # the number of the one that it has
        self._images: dict[int, int] = {}  # the number of the newest that it has, by camera
        self._wanted = set[int]()  # cameras of which it has drawn what it was sent
        self.wake = asyncio.Event()
        self.behind = False

    def post(self, text: str) -> None:
        """Have it sent in its turn."""
        self._texts.append(text)
        self.behind |= len(self._texts) > _BEHIND
        self.wake.set()

    def drawn(self, camera: int) -> None:
        """It takes the next image of a camera."""
        self._wanted.add(camera)
        self.wake.set()

    def refresh(self) -> None:
        """It has to have the state again."""
        self._state = -1
        self.wake.set()

    def texts(self) -> Iterator[str]:
        """What waits to be sent, in order."""
        while self._texts:
            yield self._texts.popleft()

    def needs_state(self) -> bool:
        """Whether there is a newer state than it has; it has it then."""
        newer = self._shown.state is not None and self._state != self._shown.states
        self._state = self._shown.states
        return newer

    def due_image(self) -> int | None:
        """A camera whose newest image it is to be sent now."""
        for camera in sorted(self._wanted):
            if not self.waits_for(camera):
                self._wanted.remove(camera)
                self._images[camera] = self._shown.images.number(camera)
                return camera
        return None

    def waits_for(self, camera: int) -> bool:
        """Whether it is to be sent an image of a camera, and has the newest already."""
        known = self._shown.images.number(camera) <= self._images.get(camera, 0)
        return camera in self._wanted and known

    @property
    def wanted(self) -> frozenset[int]:
        """The cameras of which it waits for an image."""
        return frozenset(self._wanted)


class Viewers:
    """All browsers, and what they ask of the run.

    At most one has the controls. It keeps them until it gives them back, leaves, or has been silent
    for a second and another asks.
    """

    def __init__(self, cameras: int, tell: Tell) -> None:
        self._tell, self._cameras = tell, range(cameras)
        self._viewers: dict[str, Viewer] = {}
        self._names = count(1)
        self._holder: str | None = None
        self._heard = 0.0  # from who has the controls
        self._asked = frozenset[int]()  # cameras that the run was asked for an image of
        self.shown = Shown(self._changed)

    @property
    def full(self) -> bool:
        """Whether no more may come."""
        return len(self._viewers) >= MOST

    def come(self) -> Viewer:
        """A browser that was let in."""
        viewer = Viewer(str(next(self._names)), self.shown)
        for text in self.shown.so_far():
            viewer.post(text)
        for camera in self._cameras:
            viewer.drawn(camera)
        self._viewers[viewer.name] = viewer
        self._count()
        self._ask()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """It is gone."""
        self._viewers.pop(viewer.name, None)
        if self._holder == viewer.name:
            self._hand(None)
        self._count()

    def state_for(self, viewer: Viewer) -> str:
        """The newest state, and who has the controls."""
        holder = self._holder
        yours, viewers = holder == viewer.name, len(self._viewers)
        return self.shown.state_text({"holder": holder, "yours": yours, "viewers": viewers})

    def hear(self, viewer: Viewer, said: dict[str, Any]) -> None:
        """Do what a browser asks for. Raises ValueError for what makes no sense."""
        match said:
            case {"type": "input"}:
                self._input(viewer, said)
            case {"type": "drawn", "camera": int(camera)} if camera in self._cameras:
                viewer.drawn(camera)
                self._ask()
            case {"type": "controls", "want": bool(want)}:
                self._controls(viewer, want)
            case {"type": "press", "what": str(what)} if what in PRESSES:
                self._press(viewer, what, said.get("id"))
            case {"type": "ping"}:
                viewer.post(text_of("pong", t=said.get("t")))
            case _:
                raise ValueError(f"there is no such message: {str(said)[:100]}")

    def take(self, message: Message, image: U8 | None) -> None:
        """Take in what the run tells."""
        if rumble := message.get("rumble"):
            holder = self._viewers.get(self._holder or "")
            if holder is not None:
                holder.post(text_of("rumble", strength=rumble[0], seconds=rumble[1]))
            return
        if image is not None:
            self._asked -= {message["camera"]}
        self.shown.take(message, image, self._post)
        self._ask()

    def _input(self, viewer: Viewer, said: dict[str, Any]) -> None:
        if viewer.name == self._holder:
            self._heard = time.monotonic()
            parts = {name: said.get(name) for name in ("gamepad", "sticks")}
            doing = {**parts, "keys": said.get("keys") or []}
            self._tell({"input": doing, "at": self._heard})

    def _controls(self, viewer: Viewer, want: bool) -> None:
        holder = self._holder
        if not want:
            if holder == viewer.name:
                self._hand(None)
            return
        if holder in (None, viewer.name) or time.monotonic() - self._heard > _GONE_S:
            self._hand(viewer.name)
            return
        viewer.post(text_of("refused", why=f"Viewer {holder} has the controls."))
        asks = f"viewer {viewer.name} asks for the controls"
        self._viewers[str(holder)].post(
            text_of("event", problem=False, name="controls", message=asks)
        )

    def _press(self, viewer: Viewer, what: str, number: object) -> None:
        if what != "emergency_stop" and viewer.name != self._holder:
            viewer.post(text_of("refused", why="Ask for the controls first."))
            return
        self._tell({"press": what})
        if isinstance(number, int):
            viewer.post(text_of("pressed", id=number))

    def _hand(self, holder: str | None) -> None:
        """Give the controls to another, or to nobody."""
        if holder != self._holder:
            self._holder = holder
            self._heard = time.monotonic()
            self._tell({"holder": holder})
        for viewer in self._viewers.values():
            viewer.refresh()

    def beat(self) -> None:
        """Give the run a sign of life."""
        self._tell({"viewers": len(self._viewers)})

    def _count(self) -> None:
        self.beat()
        for viewer in self._viewers.values():
            viewer.refresh()

    def _ask(self) -> None:
        """Have the run send the next image of each camera that somebody waits for."""
        wanted = frozenset[int]().union(*(one.wanted for one in self._viewers.values()))
        waits = {
            camera
            for camera in wanted - self._asked
            if any(one.waits_for(camera) for one in self._viewers.values())
        }
        if waits:
            self._asked |= waits
            self._tell({"want": sorted(waits)})

    def _post(self, text: str) -> None:
        for viewer in self._viewers.values():
            viewer.post(text)

    def _changed(self) -> None:
        for viewer in self._viewers.values():
            viewer.wake.set()
