"""A gamepad, keys or fingers at a browser, as a device of the operator's."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

from configs.page import PageTeleopConfig
from teleop.device import DeviceState, Latch
from teleop.page.codes import Controls, controls_of

_REST: Controls = controls_of({})
_ABSENT_S = 1.0  # after which an operator who holds nothing counts as absent
_MOST = 16  # rumbles that wait for a browser


class PageDevice:
    """What the browser that has the controls says, latched: polled once a tick, never waited for.

    ::

        device.hold("B")                # B has the controls from now on; None: nobody
        device.hear(message)            # its "input" message, as it comes
        state = device.poll()           # by the loop

    While nobody has the controls everything is at rest. An operator *drives* while anything is held
    or a stick is out of its dead zone. Once a browser that drives has been silent for
    ``config.dead_man_ms``, or loses the controls, all is let go and the device is lost; what was
    pressed before is given first. It is back with the next message, and what was held then counts
    again once it was let go. What counts is when a message came in, however late it is read; who
    reads them may set :attr:`look`, which is called before anybody counts as silent: it takes in
    what has come and was not read yet, and never waits.

    Any thread may call any method.
    """

    name = "the operator at the page"

    def __init__(
        self, config: PageTeleopConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience, self._dead_zone = config.dead_man_ms / 1000, config.dead_zone
        self._clock = clock
        self._lock = threading.Lock()  # over all that follows
        self._latch = Latch()
        self._down: frozenset[str] = frozenset()  # what the latch has as held
        self._stale: frozenset[str] = frozenset()  # held since a loss: counts once it was let go
        self._holder: str | None = None
        self._heard = clock()
        self._driving = False
        self._lost = self._untold = False  # until a message comes; and no poll has told yet
        self._rumbles = deque[tuple[float, float]](maxlen=_MOST)
        self.look: Callable[[], None] = _nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.hold(None)

    def hold(self, holder: str | None) -> None:
        """Have another browser, or none, have the controls."""
        with self._lock:
            if holder != self._holder:
                if self._driving:
                    self._lose()
                self._apply(_REST)
                self._holder = holder

    def hear(self, said: Mapping[str, Any], at: float | None = None) -> None:
        """Take in what the holder's devices do, as it came in ``at``, monotonic [s]; now if None.

        Raises ValueError for what is no such word.
        """
        axes, held = controls_of(said)
        now = self._clock()
        with self._lock:
            if self._holder is None:
                return
            came = now if at is None else min(at, now)
            self._check(came)
            self._heard, self._lost = came, False
            self._stale &= held
            self._apply((axes, held - self._stale))
            pushed = any(abs(value) > self._dead_zone for value in axes.values())
            self._driving = pushed or bool(held)

    def poll(self) -> DeviceState | None:
        """The controls now, with every press since the last poll; None while it is lost."""
        if self._silent(self._clock()):
            self.look()
        with self._lock:
            self._check(self._clock())
            state = self._latch.take()
            if (self._lost or self._untold) and not state.pressed:
                self._untold = False
                return None
            return state

    @property
    def attended(self) -> bool:
        """Whether a browser has the controls, and gives signs of life."""
        with self._lock:
            there = self._clock() - self._heard <= max(_ABSENT_S, self._patience)
            return self._holder is not None and there and not self._lost

    def rumble(self, strength: float, seconds: float) -> None:
        """Have the hand feel something, if its browser and its pad can."""
        self._rumbles.append((strength, seconds))

    def take_rumbles(self) -> list[tuple[float, float]]:
        """The rumbles asked for since the last call: strength in [0, 1], and how long [s]."""
        return [self._rumbles.popleft() for _ in range(len(self._rumbles))]

    def _silent(self, now: float) -> bool:
        """Whether who drives has fallen silent by then."""
        return self._driving and now - self._heard > self._patience

    def _check(self, now: float) -> None:
        """Let go if who drives has fallen silent by then."""
        if self._silent(now):
            self._lose()

    def _lose(self) -> None:
        self._stale |= self._down
        self._apply(_REST)
        self._driving = False
        self._lost = self._untold = True

    def _apply(self, controls: Controls) -> None:
        """Tell the latch what has changed."""
        axes, held = controls
        for name, value in axes.items():
            self._latch.axis(name, value)
        for name in self._down ^ held:
            self._latch.button(name, down=name in held)
        self._down = held


def _nothing() -> None:
    """There is nothing to look at."""
