"""The one shape of a thread that helps: what is put in is dealt with in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """Calls ``deal`` with all that waits, again and again; :meth:`put` never waits, nor raises.

    ::

        lines = Worker("events", write_lines, most=10_000)
        lines.put("one\\n")
        left = lines.close(5.0)  # how many lines were not dealt with within 5 s

    An exception of ``deal`` leaves out what it was called with, and all that comes after: it is
    kept as :attr:`error`, for whoever uses the worker to raise, and ``failed`` is called with it,
    once.

    Args:
        name: The thread's.
        deal: Called with what waits, in the thread.
        most: Beyond so many that wait, what comes is left out and counted.
        failed: Called with the error that ends the work, in the thread.
        ended: Called last of all, in the thread.
        eager: While it says so, ``deal`` is called though nothing waits. What it depends on is
            changed by ``deal`` alone.
        tidy: May shorten the list of what waits, which something has just joined.
        daemon: A thread that hangs does not keep the program from ending.
    """

    def __init__(
        self,
        name: str,
        deal: Callable[[list[T]], None],
        *,
        most: float = float("inf"),
        failed: Callable[[BaseException], None] = lambda _: None,
        ended: Callable[[], None] = lambda: None,
        eager: Callable[[], bool] = lambda: False,
        tidy: Callable[[list[T]], None] = lambda _: None,
        daemon: bool = True,
    ) -> None:
        self.lost = 0  # left out so far
        self.error: BaseException | None = None
        self._deal, self._most, self._failed, self._ended = deal, most, failed, ended
        self._eager, self._tidy = eager, tidy
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._in_progress = 0
        self.over = False  # takes nothing more
        self._thread = threading.Thread(target=self._run, name=name, daemon=daemon)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How much is not dealt with yet."""
        return len(self._waiting) + self._in_progress

    def put(self, thing: T, *, even_beyond: bool = False) -> bool:
        """Have ``thing`` dealt with soon, ``even_beyond`` the most that may wait.

        Returns False if it was left out.
        """
        with self._changed:
            if self.over or (len(self._waiting) >= self._most and not even_beyond):
                self.lost += 1
                return False
            self._waiting.append(thing)
            self._tidy(self._waiting)
            self._changed.notify_all()
            return True

    def drain(self, seconds: float) -> bool:
        """Wait until all is dealt with, or no more than that; returns whether it is.

        The time begins again whenever some of it is done.
        """
        with self._changed:
            waiting, end = self.waiting, time.monotonic() + seconds
            while waiting:
                self._changed.wait(max(0.0, end - time.monotonic()))
                if self.waiting < waiting:
                    waiting, end = self.waiting, time.monotonic() + seconds
                elif time.monotonic() >= end:
                    break
            return not waiting

    def close(self, seconds: float | None = None) -> int:
        """Take nothing more and drain; returns how much was left out in all.

        Without ``seconds`` it waits for as long as that takes.
        """
        with self._changed:
            self.over = True
            self._changed.notify_all()
        if seconds is None:
            self._thread.join()
        elif self.drain(seconds):
            self._thread.join(seconds)
        with self._changed:
            return self.lost + self.waiting

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                self._deal(batch)
                with self._changed:
                    self._in_progress = 0
                    self._changed.notify_all()
        except BaseException as error:  # whatever it is, nobody else may suffer from it
            self._give_up(error)
        finally:
            with suppress(BaseException):  # a file whose disk has refused refuses to close, too
                self._ended()

    def _next(self) -> list[T] | None:
        """All that waits, once there is some or none is needed; None when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.over or self._eager())
            if self.over and not self._waiting:
                return None
            batch, self._waiting = self._waiting, []
            self._in_progress = len(batch)
            return batch

    def _give_up(self, error: BaseException) -> None:
        with self._changed:
            self.error = error
            self.lost += self.waiting
            self._waiting, self._in_progress, self.over = [], 0, True
            self._changed.notify_all()
        with suppress(BaseException):
            self._failed(error)
