"""Structured events: one JSON object a line, and what tests and the live view listen to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TextIO

Event = dict[str, Any]


class EventLog:
    """Writes events to ``path`` (None keeps no file) and tells its listeners; safe from any thread.

    ::

        with EventLog(folder / "events.jsonl") as events:
            events.emit("episode_ended", ticks=14, success=True)
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._lock = threading.Lock()
        self.listeners: list[Callable[[Event], None]] = []

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("a", buffering=1)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def emit(self, name: str, **facts: Any) -> None:
        """Record that ``name`` happened, with its facts (JSON values)."""
        event = {"event": name, "time": round(time.time(), 3), **facts}
        problem = self._write(json.dumps(event) + "\n")
        for listener in self.listeners:
            listener(event)
        if problem is not None:
            self.emit("event_log_closed", cause=f"cannot write {self._path}: {problem}")

    def _write(self, line: str) -> OSError | None:
        """Append a line; a disk that refuses closes the file, and the run goes on without it."""
        with self._lock:
            if self._file is None:
                return None
            try:
                self._file.write(line)
            except OSError as error:
                with suppress(OSError):  # it tries once more to write what is left
                    self._file.close()
                self._file = None
                return error
        return None
