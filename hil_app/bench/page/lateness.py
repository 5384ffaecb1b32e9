"""How late the ticks of a loop are, without a page and with one that somebody looks at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import inf
from threading import Event, Thread
from time import perf_counter

from configs.errors import HilAppError
from configs.run import RunConfig
from hil_app.bench import BenchError, Result
from hil_app.bench.loop import changed
from hil_app.bench.page.browser import Browser
from hil_app.bench.page.stamps import StampedRobot
from hil_app.bench.record import FPS, filmed
from hil_app.build.assembly import Assembly
from hil_app.control.episodes import run_episodes
from hil_app.control.monitor import Monitor
from hil_app.control.policy import NoPolicy
from hil_app.control.rate import milliseconds
from hil_app.page.feeder import Page
from hil_app.recording.frames import Frame
from hil_app.runs.at_the_page import PagePlace
from hil_app.support.events import EventLog
from teleop.keys import Attended

_SETTLED = 2 * FPS  # ticks until a loop without a page counts
_LONGEST = 120 * FPS  # ticks until a browser is there


def lateness(config: RunConfig, seconds: float, turns: int) -> Result:
    """A 30 Hz loop with two made-up cameras of 640x480, in turns without a page and with one.

    ``handed_over_ms`` is what the loop itself does for the page in a tick, ``image_age_ms`` how old
    the images are when the one browser there is has drawn them, from when they were taken.
    """
    late: dict[str, list[float]] = defaultdict(list)
    spent, ages = list[float](), list[float]()
    for turn in range(2 * turns):
        serving = turn % 2 == 1
        rates = _turn(_config(config), seconds, serving, spent, ages)
        late["with a page" if serving else "without"] += rates
    off, on = (milliseconds(values) or {} for values in late.values())
    return {
        "lateness_ms": {"without": off, "with a page": on},
        "ratio": {key: round(on[key] / off[key], 2) for key in on},
        "handed_over_ms": milliseconds(spent),
        "image_age_ms": milliseconds(ages),
        "images_per_s": round(len(ages) / (seconds * turns), 1),
        "ticks_each": len(late["without"]),
    }


def _config(config: RunConfig) -> RunConfig:
    return changed(filmed(config), teleop={"type": "page"})


def _turn(
    config: RunConfig, seconds: float, serving: bool, spent: list[float], ages: list[float]
) -> list[float]:
    """The lateness of each tick of a turn [s]."""
    events, monitor = EventLog(), Monitor()
    parts, place = Assembly(config, robot=StampedRobot(config)), PagePlace(config.page)
    clock = _Clock(round(seconds * FPS))
    with ExitStack() as stack:
        teleop = parts.teleop("on_take_over")
        if serving:
            stack.enter_context(place)
            teleop = Attended(teleop, _Timed(place, spent))
        stack.enter_context(parts.robot)
        loop = parts.loop(teleop, NoPolicy(), clock.over)
        if serving:
            stack.enter_context(Page(parts, monitor, events, place))
            clock.there = stack.enter_context(_viewer(place.link, ages)).is_set
        stage = monitor.begin("teleoperate", inf, "ticks", loop)
        for _ in run_episodes(stage, lambda number: number, [clock.count]):
            pass
    return list(loop.rate.lateness)[-clock.wanted :]


class _Clock:
    """Counts ``wanted`` ticks from when all is ``there``."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self._ticks, self._first = 0, -1
        self.there: Callable[[], bool] = lambda: self._ticks >= _SETTLED

    def count(self, _: Frame) -> None:
        """A tick is over."""
        self._ticks += 1
        if self._first < 0 and self.there():
            self._first = self._ticks

    def over(self) -> bool:
        """Whether they are counted. Raises HilAppError if not all comes to be there."""
        if self._first < 0 and self._ticks > _LONGEST:
            raise HilAppError("The page shows a browser nothing: see what `hil-app doctor` says.")
        return self._first >= 0 and self._ticks - self._first >= self.wanted


class _Timed:
    """Buttons on the page, as the loop looks at them: the time that takes [s] is kept."""

    def __init__(self, place: PagePlace, spent: list[float]) -> None:
        self._buttons, self._spent = place.buttons, spent

    def pressed(self) -> frozenset[str]:
        """What was pressed."""
        start = perf_counter()
        found = self._buttons.pressed()
        self._spent.append(perf_counter() - start)
        return found


@contextmanager
def _viewer(link: str, ages: list[float]) -> Iterator[Event]:
    """A browser meanwhile, and whether it has drawn an image; ``ages`` get those of all [s]."""
    there = Event()
    with Browser(link, "look") as browser:

        def listen() -> None:
            with suppress(BenchError):
                browser.hear()
            there.set()  # or it is gone, which is told at the end

        listener = Thread(target=listen)
        listener.start()
        yield there
        listener.join()
        ages += browser.ages()
