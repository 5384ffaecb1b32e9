"""What has the page know of a run, and the run of what is done on the page."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from hil_app.build.assembly import Assembly
from hil_app.control.monitor import Monitor
from hil_app.events import PageLost, PageStopped
from hil_app.page.history import Curves, EventHistory
from hil_app.page.news import News
from hil_app.page.process import PageProcess
from hil_app.page.wire import Downstream, Message, WireError
from hil_app.runs.at_the_page import PagePlace
from hil_app.support.events import EventLog
from robots.base import U8
from robots.safety.urgent import LOOP, USUAL, urgent
from teleop.page.device import PageDevice

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.elsewhere.surface import AnyLearner

STATE_EVERY = 0.05  # between two states [s]
ALONE_EVERY = 0.5  # the same while nobody looks
LOOK_EVERY = 0.005  # from one look for a new image to the next, while one is asked for [s]
CLEAR_S = 0.002  # before the loop goes on, in which nothing is told [s]
SILENCE_S = 10.0  # of a page that hangs
STARTING_S = 60.0  # that one may take to begin
_BEGIN_S, _LONGEST_S = 0.5, 10.0  # from a process that has died to the next
_TRIES = 5  # processes in a row that end before they serve
_LEAVE_S = 1.0  # for the last news, at the end


class Page:
    """Serves the page of a run at its ``place`` while entered.

    ::

        with Page(session.parts, session.monitor, session.events, session.page):
            ...

    A thread of this object looks at what the run is at and hands it on; it takes what is done on
    the page to the operator's device and the buttons beside it. The loop knows nothing of it. Where
    the page's process ends or hangs, another takes its place, and that is told once. ``called`` is
    the run's name, and ``command`` what it is of.
    """

    def __init__(
        self,
        parts: Assembly,
        monitor: Monitor,
        events: EventLog,
        place: PagePlace,
        learner: AnyLearner | None = None,
        *,
        called: str = "run",
        command: str = "run",
    ) -> None:
        self._parts, self._monitor, self._events, self._place = parts, monitor, events, place
        self._name, self._command = called, command
        self._device = parts.device if isinstance(parts.device, PageDevice) else None
        self._cameras = dict(enumerate(parts.robot.spec.cameras))  # names by place
        self._news = News(parts, monitor, learner)
        self._curves, self._history = Curves(monitor, learner), EventHistory()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._process: PageProcess | None = None
        self._reading = threading.Lock()  # what the page says
        self._trouble: Exception | None = None  # with that, as the loop has found it
        self._failures = 0  # processes in a row that have not served
        self._complained = False
        self._forget()

    def __enter__(self) -> Self:
        self._begin()
        if self._device is not None:
            self._device.look = self._look
        self._events.listeners += [self._history.hear, self._news.hear]
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        for listener in (self._history.hear, self._news.hear):
            self._events.listeners.remove(listener)
        if self._process is not None:
            self._process.end()

    @property
    def pid(self) -> int | None:
        """The number of the process that serves it."""
        return None if self._process is None else self._process.pid

    def _look(self) -> None:
        """Do what the page has said, if it waits to be read: the loop asks for it, and never waits.

        This thread may not have come to it, on a busy computer.
        """
        process = self._process
        if process is None or not self._reading.acquire(blocking=False):
            return
        try:
            self._hear(process.link)
        except (OSError, WireError) as error:
            self._trouble = error  # for the thread
        finally:
            self._reading.release()

    def _begin(self) -> None:
        self._process = PageProcess(self._place.address.socket, self._setup())
        self._forget()

    def _forget(self) -> None:
        """Nothing is known of a process that begins."""
        self._heard, self._due, self._whole = time.monotonic(), 0.0, True
        self._wanted = set[int]()  # cameras that an image is asked for of
        self._sent = dict[int, U8]()  # the last one of each
        self._viewers, self._served = 0, False
        self._trouble = None

    def _setup(self) -> dict[str, Any]:
        place, arm = self._place, self._parts.robot.spec.arm
        certificate = place.config.certificate
        device = None if self._device is None else self._parts.config.manual
        run = {"name": self._name, "command": self._command, **self._news.run()}
        return {
            "token": place.token,
            "certificate": None if certificate is None else str(certificate),
            "host": place.config.host,
            "urdf": None if arm is None else {"name": arm.name, "path": str(arm.urdf)},
            "hello": {
                "run": run,
                **self._news.controls(),
                "dead_man_ms": getattr(device, "dead_man_ms", None),
            },
        }

    # What follows runs in the thread.

    def _run(self) -> None:
        """Serve, process after process, until the run is over."""
        paced = self._parts.config.env.paced
        try:
            # whatever made this thread wait while it has the interpreter, the loop would wait for
            with urgent(LOOP if paced else USUAL):
                while not self._over.is_set() and self._process is not None:
                    self._attend(self._process)
        except BaseException as error:  # the run goes on without
            self._give_up(f"{type(error).__name__}: {error}")

    def _attend(self, process: PageProcess) -> None:
        """Serve until the process is gone, or the run is over."""
        try:
            while not self._over.is_set():
                self._turn(process.link)
            self._say_goodbye(process.link)
        except (OSError, WireError) as error:
            self._replace(process, error)

    def _turn(self, link: Downstream) -> None:
        """Wait for something to happen, and do what it asks for."""
        _wait(link, self._patience(link))
        with self._reading:
            self._hear(link)
        now = time.monotonic()
        if now - self._heard > (SILENCE_S if self._served else STARTING_S):
            raise WireError("it hangs")
        if link.idle and not self._in_the_way():
            self._tell(link, now)
        link.flush()

    def _in_the_way(self) -> bool:
        """Whether the loop is about to go on, and is to find the interpreter free."""
        stage = self._monitor.shown
        return stage is not None and 0 < stage.loop.rate.left < CLEAR_S

    def _hear(self, link: Downstream) -> None:
        """Do what the page has said."""
        if self._trouble is not None:
            raise self._trouble
        for message in link.receive():
            self._take(message)

    def _patience(self, link: Downstream) -> float:
        """How long there is nothing to do [s], unless the page says something."""
        if link.idle and self._in_the_way():
            return CLEAR_S
        if self._wanted and link.idle:
            return LOOK_EVERY
        return max(0.0, min(STATE_EVERY, self._due - time.monotonic()))

    def _take(self, message: Message) -> None:
        """Do what the page says; what makes no sense is no operator's wish."""
        self._heard = time.monotonic()
        try:
            self._do(message)
        except (ValueError, TypeError) as error:
            raise WireError(f"it says what makes no sense: {error}") from None

    def _do(self, message: Message) -> None:
        match message:
            case {"input": Mapping() as said, "at": float(came)}:
                if self._device is not None:
                    self._device.hear(said, came)
            case {"holder": str() | None as holder}:
                if self._device is not None:
                    self._device.hold(holder)
            case {"press": str(what)}:
                self._place.buttons.press(what)
            case {"want": list() as cameras}:
                self._wanted |= {place for place in cameras if place in self._cameras}
            case {"viewers": int(count)}:
                self._served, self._failures, self._viewers = True, 0, count

    def _tell(self, link: Downstream, now: float) -> None:
        """Hand on the most urgent of what is new: images last, as they are large."""
        if self._device is not None:
            for strength, seconds in self._device.take_rumbles():
                link.put({"rumble": [strength, seconds]})
        if now >= self._due:
            self._due = now + (STATE_EVERY if self._viewers else ALONE_EVERY)
            self._tell_state(link)
        self._tell_image(link, now)

    def _tell_state(self, link: Downstream) -> None:
        self._curves.look()
        episodes, events = self._history.look()
        if self._whole:
            episodes, events = list(self._history.episodes), list(self._history.events)
        curves, self._whole = self._curves.take(whole=self._whole), False
        message = {"state": self._news.state(), "episodes": episodes, "events": events}
        link.put(message if curves is None else {**message, "curves": curves})

    def _tell_image(self, link: Downstream, now: float) -> None:
        """Send one image that is asked for and new."""
        stage = self._monitor.shown
        reading = None if stage is None else stage.loop.seen.reading
        if stage is None or reading is None:
            return
        for place in self._wanted:
            name = self._cameras[place]
            image = reading.images.get(name)
            if image is not None and image is not self._sent.get(place):
                age = now - stage.loop.seen.at + reading.ages.get(name, 0.0)
                self._wanted.remove(place)
                self._sent[place] = image
                link.put({"camera": place, "age": age, "shape": image.shape}, image)
                return

    def _say_goodbye(self, link: Downstream) -> None:
        """Have the page know how it ended, if it takes that soon."""
        end = time.monotonic() + _LEAVE_S
        last = {**self._news.state(), "who": "ENDED", "mood": "paused"}
        episodes, events = self._history.look()
        message = {"state": last, "episodes": episodes, "events": events, "over": True}
        link.put(message)
        while (left := end - time.monotonic()) > 0 and not link.idle:
            link.flush()
            _wait(link, min(left, STATE_EVERY))

    def _replace(self, process: PageProcess, error: Exception) -> None:
        """Another process in place of one that is gone; who drove from there has let go."""
        if self._device is not None:
            self._device.hold(None)
        words = process.end(0.0 if isinstance(error, WireError) else _LEAVE_S)
        why = str(error) if isinstance(error, WireError) else words
        self._failures += not self._served
        if self._failures >= _TRIES:
            self._give_up(why)
            return
        if not self._complained:
            self._complained = True
            self._events.emit(PageLost(cause=f"the page's process is gone ({why}): another starts"))
        if not self._over.wait(min(_BEGIN_S * 2**self._failures, _LONGEST_S)):
            self._begin()

    def _give_up(self, why: str) -> None:
        process, self._process = self._process, None
        if self._device is not None:
            self._device.hold(None)
        if process is not None:
            process.end(0.0)
        self._events.emit(PageStopped(cause=f"the page is not served any more: {why}"))


def _wait(link: Downstream, seconds: float) -> None:
    """Until the page says something, or takes more of what waits."""
    poll = select.poll()
    poll.register(link.connection, select.POLLIN | (0 if link.idle else select.POLLOUT))
    poll.poll(1000 * seconds)
