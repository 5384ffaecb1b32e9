"""A thread that reads a device between the polls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from teleop.base import TeleopError

_READ_S = 0.01  # from one look to the next


class DeviceReader:
    """Calls ``read`` again and again in a thread while entered."""

    def __init__(self, read: Callable[[], None]) -> None:
        self._read = read
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="gamepad", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise TeleopError if ``read`` has failed."""
        if self._failure is not None:
            raise TeleopError(
                f"The gamepad cannot be read any more ({self._failure!r}): start again"
            ) from self._failure

    def _run(self) -> None:
        try:
            while not self._ended.wait(_READ_S):
                self._read()
        except BaseException as error:  # a press may have been missed: nobody may go on
            self._failure = error
