"""From a press in a browser to the motors' goals on the bus."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from configs.load import validate
from hil_app.bench import Result
from hil_app.bench.page.browser import Browser
from hil_app.bench.teleop import FPS, LONGEST, SETTLED_S, Presser, WatchedTeleop
from hil_app.build.assembly import Assembly
from hil_app.control.monitor import Monitor
from hil_app.control.policy import NoPolicy
from hil_app.control.rate import milliseconds
from hil_app.page.feeder import Page
from hil_app.runs.at_the_page import PagePlace
from hil_app.support.events import EventLog
from robots.virtual.client import VirtualArm
from teleop.page.device import PageDevice

_UP, _DOWN = "KeyE", "KeyD"
_LOOK_S, _LOST_S = 0.01, 5.0  # from one look at the arm to the next, and until a press is lost


def press_latency(port: str, presses: int) -> Result:
    """Times [ms] from presses in a browser to the goals that the virtual arm on ``port`` got.

    The presses come at random between two ticks. ``own`` is the software's share: the way to the
    run and, from the poll that sees the press, to the goals. Raises RobotError.
    """
    config = validate(_config(port))
    parts, place = Assembly(config), PagePlace(config.page)
    assert isinstance(parts.device, PageDevice)
    presser = _KeyPresser(port, place, parts.device, presses)
    teleop = WatchedTeleop(parts.teleop("on_take_over"), presser.polls)
    loop = parts.loop(teleop, NoPolicy(), lambda: presser.over)  # amid a pause, too
    with (
        place,
        Page(parts, Monitor(), EventLog(), place),
        parts.device,
        parts.robot,
        loop.rate.kept(),
    ):
        transition = loop.reset(seed=0)
        with presser:
            while not presser.over:
                transition = loop.tick(transition)
    seen = [press for press in presser.done if press.changed > press.at]
    return {
        "ms": {
            "from press to goal": milliseconds(one.changed - one.at for one in seen),
            "to the run": milliseconds(one.heard - one.at for one in seen),
            "own": milliseconds(one.heard - one.at + one.changed - one.polled for one in seen),
        },
        "presses": presses,
        "lost": presses - len(seen),
        "fps": FPS,
    }


def _config(port: str) -> dict[str, Any]:
    return {
        "robot": {"type": "so101", "port": port},
        "teleop": {"type": "page", "dead_man_ms": 5000},
        "env": {"fps": FPS, "paced": True, "control_time_s": None},
        "processor": {"step_size": [0.007] * 3, "observation": {"object": None}},
        "learner": {"mode": "background"},
    }


class _Press(NamedTuple):
    """When a key went down, the run heard it, it was polled, and the goals changed [s]."""

    at: float
    heard: float
    polled: float
    changed: float


class _KeyPresser(Presser):
    """Presses two keys of a browser in turns."""

    def __init__(self, port: str, place: PagePlace, device: PageDevice, presses: int) -> None:
        super().__init__(port, presses)
        self.done, self._heard = list[_Press](), list[float]()
        self._place, self._device = place, device

    def press_all(self, arm: VirtualArm) -> None:
        """See :class:`Presser`."""
        with Browser(self._place.link, "press") as browser:
            browser.hear()
            self._listen()
            time.sleep(SETTLED_S)
            while len(self.done) < self.count:
                self._press(browser, arm)

    def _listen(self) -> None:
        """Note when the run hears of one of the two keys."""
        hear = self._device.hear

        def heard(said: Mapping[str, Any], at: float | None = None) -> None:
            if {_UP, _DOWN} & set(said["keys"]):
                self._heard.append(time.monotonic())
            hear(said, at)

        self._device.hear = heard  # type: ignore[method-assign]

    def _press(self, browser: Browser, arm: VirtualArm) -> None:
        time.sleep(self.random.uniform(0, LONGEST))
        self._heard.clear()
        pressed = browser.press(_UP if len(self.done) % 2 else _DOWN)
        at = pressed - (time.time() - time.monotonic())
        changed = _moved(arm, at)
        time.sleep(SETTLED_S)
        heard, polled = min(self._heard, default=0.0), self.polled_before(changed)
        self.done.append(_Press(at, heard, polled, changed))


def _moved(arm: VirtualArm, at: float) -> float:
    """When the arm's goals moved after ``at`` [s]; 0 if they have not in a while: it is lost."""
    while time.monotonic() < at + _LOST_S:
        time.sleep(_LOOK_S)
        moved: float = arm.report()["goal_moved_at"] or 0.0
        if moved > at:
            return moved
    return 0.0
