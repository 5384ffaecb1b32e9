"""What the operator's window shows of a run."""

from __future__ import annotations

import threading
from typing import Self

from configs.events import Event
from hil_app.control.holder import TITLES, holder
from hil_app.control.monitor import Monitor, Stage
from hil_app.control.outcomes import success_rate
from hil_app.events import ScreenStopped
from hil_app.support.events import EventLog
from teleop.window.client import Window
from teleop.window.shown import Shown

PERIOD = 1 / 15  # between two looks [s]


class Screen:
    """Keeps ``window`` up to date while entered, from a thread of its own: the loop never waits."""

    def __init__(self, window: Window, monitor: Monitor, events: EventLog) -> None:
        self._window, self._monitor, self._events = window, monitor, events
        self._message = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def __enter__(self) -> Self:
        self._events.listeners.append(self._hear)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        self._events.listeners.remove(self._hear)

    def _run(self) -> None:
        try:
            while not self._done.wait(PERIOD):
                stage = self._monitor.shown
                if stage is not None:
                    self._window.show(self.shown(stage))
        except BaseException as error:  # the keys go on without
            cause = f"the window shows no news any more: {type(error).__name__}: {error}"
            self._events.emit(ScreenStopped(cause=cause))

    def _hear(self, event: Event) -> None:
        if event.message:
            self._message = f"{event.name.replace('_', ' ')}: {event.message}"

    def shown(self, stage: Stage) -> Shown:
        """What there is to see now."""
        asking = self._monitor.help
        state, mood = holder(stage)
        return Shown(
            images=stage.loop.images,
            title=TITLES[stage.name],
            state=state,
            mood=mood,
            facts={
                stage.unit: stage.progress,
                "episode": f"{len(stage.finished) + 1}",
                "its tick": f"{stage.episode_ticks}",
                "success": f"{success_rate(stage.recent):.0%}" if stage.recent else "–",
                "rate": "–" if stage.hz is None else f"{stage.hz:.1f} Hz",
            },
            message=self._message,
            help_wanted=asking is not None and asking.asking,
        )
