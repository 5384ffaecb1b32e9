"""Work that nobody waits for: what is put in is dealt with in order, by a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Backlog(Generic[T]):
    """Calls ``deal`` with all that waits, again and again; :meth:`put` never waits, nor raises.

    ::

        lines = Backlog("events", write_lines, most=10_000)
        lines.put("one\\n")
        left = lines.close(5.0)  # how many lines were not dealt with within 5 s

    Beyond ``most`` that wait, what comes is left out and counted. An exception of ``deal`` leaves
    out what it was called with, and all that comes after: ``failed`` is called with it, once.
    ``ended`` comes last, and all three in the thread. One that hangs does not keep the program
    from ending.
    """

    def __init__(
        self,
        name: str,
        deal: Callable[[list[T]], None],
        *,
        most: int,
        failed: Callable[[BaseException], None] = lambda _: None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.lost = 0  # left out so far
        self._deal, self._most, self._failed, self._ended = deal, most, failed, ended
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._in_hand = 0
        self._over = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How much is not dealt with yet."""
        return len(self._waiting) + self._in_hand

    def put(self, thing: T) -> None:
        """Have ``thing`` dealt with soon."""
        with self._changed:
            if self._over or len(self._waiting) >= self._most:
                self.lost += 1
            else:
                self._waiting.append(thing)
                self._changed.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until all is dealt with, or no more than that; returns whether it is.

        The time begins anew whenever some of it is done.
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

    def close(self, seconds: float) -> int:
        """Take nothing more and drain; returns how much was left out in all."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        if self.drain(seconds):
            self._thread.join(seconds)
        with self._changed:
            return self.lost + self.waiting

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            while batch := self._next():
                self._deal(batch)
                with self._changed:
                    self._in_hand = 0
                    self._changed.notify_all()
        except BaseException as error:  # whatever it is, nobody else may suffer from it
            self._give_up(error)
        finally:
            with suppress(BaseException):  # a file whose disk has refused refuses to close, too
                self._ended()

    def _next(self) -> list[T]:
        """All that waits, once there is some; empty when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            batch, self._waiting = self._waiting, []
            self._in_hand = len(batch)
            return batch

    def _give_up(self, error: BaseException) -> None:
        with self._changed:
            self.lost += self.waiting
            self._waiting, self._in_hand, self._over = [], 0, True
            self._changed.notify_all()
        with suppress(BaseException):
            self._failed(error)
