"""Structured events: one JSON object a line, and what tests and the live view listen to."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from configs.events import Event
from hil_app.events import EventLogClosed, ListenerFailed
from hil_app.support.worker import Worker

Listener = Callable[[Event], None]  # called by whoever emits: it may only note or enqueue

_MOST = 10_000  # events that wait for a slow disk
_PATIENCE = 20.0  # with a disk that does not get on, when the log is closed [s]


class EventLog:
    """Keeps events, in order, at ``path`` (None keeps no file) and tells its listeners.

    ::

        with EventLog(folder / "events.jsonl") as events:
            events.emit(PortGone(cause="/dev/ttyACM0 is gone"))

    :meth:`emit` is safe from any thread, and neither waits nor raises: a thread writes the file,
    and is waited for on leaving. Whoever listens cannot disturb the one who emits; only a Ctrl-C
    that comes meanwhile goes on to where it belongs, once all have heard.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: io.FileIO | None = None
        self._lines: Worker[str] | None = None
        self._order = threading.Lock()  # the file's order is that of the times in it
        self._deaf: set[int] = set()  # listeners that were reported
        self.listeners: list[Listener] = []
        self.missing = 0  # events that the file lacks, once it is closed

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = io.FileIO(self._path, "a")
            self._lines = Worker(
                "events", self._write, most=_MOST, failed=self._closed, ended=self._file.close
            )
        return self

    def __exit__(self, *error: object) -> None:
        if self._lines is not None:
            self.missing += self._lines.close(_PATIENCE)
            self._lines = None

    def emit(self, event: Event) -> None:
        """Record that ``event`` happened, and tell who listens."""
        with self._order:
            line = {"event": event.name, "time": round(time.time(), 3), **event.facts()}
            if self._lines is not None:
                self._lines.put(json.dumps(line, default=str) + "\n")
        insisted: KeyboardInterrupt | None = None
        for listener in [*self.listeners]:
            try:
                listener(event)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) and _signals_come_here():
                    insisted = error
                else:
                    self._complain(listener, error)
        if insisted is not None:
            raise insisted

    def _complain(self, listener: Listener, error: BaseException) -> None:
        """Tell, the first time, that a listener has failed."""
        if id(listener) not in self._deaf:
            self._deaf.add(id(listener))
            self.emit(ListenerFailed(cause=f"{type(error).__name__}: {error}"))

    # What follows runs in the thread that writes.

    def _write(self, lines: list[str]) -> None:
        assert self._file is not None
        rest = memoryview("".join(lines).encode())
        while rest:
            rest = rest[self._file.write(rest) :]

    def _closed(self, problem: BaseException) -> None:
        """A disk that refuses ends the file, and the run goes on without it."""
        self.emit(EventLogClosed(cause=f"cannot write {self._path}: {problem}"))


def _signals_come_here() -> bool:
    """Whether this is the thread in which Python handles signals."""
    return threading.current_thread() is threading.main_thread()
