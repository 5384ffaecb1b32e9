"""How late the ticks of a loop are, without a page and with one that somebody looks at."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter

from configs.run import RunConfig
from hil_app.bench import Result
from hil_app.bench.loop import changed
from hil_app.bench.record import FPS, FilmedRobot, filmed
from hil_app.build.assembly import Assembly
from hil_app.control.episodes import run_episodes
from hil_app.control.monitor import Monitor
from hil_app.control.policy import NoPolicy
from hil_app.control.rate import milliseconds
from hil_app.page.feeder import Page
from hil_app.recording.frames import Frame
from hil_app.runs.at_the_page import PagePlace
from hil_app.support.events import EventLog
from robots import isolated
from teleop.keys import Attended

_SETTLED_S = 2.0  # a browser is there by then


def lateness(config: RunConfig, seconds: float, turns: int) -> Result:
    """A 30 Hz loop with two made-up cameras of 640x480, in turns without a page and with one.

    ``handed_over_ms`` is what the loop itself does for the page in a tick, ``image_age_ms`` how old
    the images are that are sent to the one browser there is.
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
    parts, place = Assembly(config, robot=FilmedRobot(config)), PagePlace(config.page)
    ticks = 0

    def count(_: Frame) -> None:
        nonlocal ticks
        ticks += 1

    with ExitStack() as stack:
        teleop = parts.teleop("on_take_over")
        if serving:
            stack.enter_context(place)
            teleop = Attended(teleop, _Timed(place, spent))
        stack.enter_context(parts.robot)
        loop = parts.loop(teleop, NoPolicy(), lambda: ticks >= limit)
        if serving:
            stack.enter_context(Page(parts, monitor, events, place))
            stack.enter_context(_viewer(place.link, ages))
        limit = round((seconds + _SETTLED_S) * FPS)
        stage = monitor.begin("teleoperate", limit, "ticks", loop)
        for _ in run_episodes(stage, lambda number: number, [count]):
            pass
    return list(loop.rate.lateness)[round(_SETTLED_S * FPS) :]


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
def _viewer(link: str, ages: list[float]) -> Iterator[None]:
    """A browser meanwhile; ``ages`` get those of its images [s]."""
    command = isolated.command("hil_app.bench.page.viewer", link)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=isolated.environment(),
    ) as process:
        try:
            yield
            said, _ = process.communicate("")
            ages += json.loads(said)
        finally:
            process.kill()
