"""Signals wait while an arm is made safe."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

WAITING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)


class Undisturbed:
    """While entered, signals interrupt nothing: what they would end or stop waits for the end.

    ::

        with Undisturbed() as signals:
            while not (there() or signals.insist):
                ...
            release()

    A handler is called at once, as ever; what it raises is raised at the end, unless the block ends
    in an error of its own. In a thread other than the main one, which signals never interrupt, this
    does nothing.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}  # handlers
        self._fatal: dict[int, None] = {}  # signals without a handler that came, in their order
        self._raised: BaseException | None = None
        self._over = False

    @property
    def insist(self) -> bool:
        """Whether somebody wants this to end at once."""
        return self._raised is not None or bool(self._fatal)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            try:
                for number in WAITING:
                    self._before[number] = handler = signal.getsignal(number)
                    if handler not in (signal.SIG_IGN, None):
                        signal.signal(number, self._handle)
            except BaseException:  # a signal comes amid this
                self._restore()
                raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._restore()
        for number in self._fatal:
            signal.raise_signal(number)
        if self._raised is not None and error is None:
            raise self._raised

    def _restore(self) -> None:
        self._over = True
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        handler = self._before[number]
        if callable(handler):
            self._call(handler, number, frame)
        elif not self._over:
            self._fatal[number] = None
        else:  # it came amid `_restore`
            signal.signal(number, handler)
            signal.raise_signal(number)

    def _call(self, handler: Callable[[int, Any], Any], number: int, frame: Any) -> None:
        try:
            handler(number, frame)
        except BaseException as error:
            if self._over:
                raise
            self._raised = error
