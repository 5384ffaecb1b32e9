"""Something that happens if nothing else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from robots.safety.urgent import GUARD, urgent


class Watchdog:
    """Calls ``trip`` once, in a thread of its own, when it has not been fed for ``patience_s``.

    It calls again if that fails, whatever it raises: there is nobody else to do it.

    ::

        with Watchdog(0.3, hold) as dog:
            while True:
                command(...)
                dog.feed()
    """

    def __init__(self, patience_s: float, trip: Callable[[], None], name: str = "watchdog") -> None:
        self._patience, self._trip, self._name = patience_s, trip, name
        self._fed = time.monotonic()
        self._tripped = False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.feed()
        self._over.clear()
        self._thread = threading.Thread(target=self._watch, name=self._name, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def feed(self) -> None:
        """All is well."""
        self._fed, self._tripped = time.monotonic(), False

    def _watch(self) -> None:
        with urgent(GUARD):
            while not self._over.wait(self._patience / 4):
                if not self._tripped and time.monotonic() - self._fed > self._patience:
                    self._tripped = True
                    try:
                        self._trip()
                    except BaseException:
                        self._tripped = False
