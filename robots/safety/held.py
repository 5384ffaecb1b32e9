"""An arm that is held while its program is at something that takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from robots.errors import RobotError

AT_MOST_S = 30.0  # then the program hangs, and the arm is let down


@contextmanager
def held(hold: Callable[[], object], period: float) -> Iterator[None]:
    """Meanwhile a thread calls ``hold`` every ``period`` [s], until that raises RobotError.

    Whoever commands the arm next meets the same error.
    """
    over, end = threading.Event(), time.monotonic() + AT_MOST_S

    def keep() -> None:
        with suppress(RobotError):
            while not over.wait(period) and time.monotonic() < end:
                hold()

    thread = threading.Thread(target=keep, name="hold", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
