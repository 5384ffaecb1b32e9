"""Batches drawn when they are asked for, or ahead of time by a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import repeat
from typing import Self

from hil_app.learning.batch import Batch

POLL = 0.1  # how often a waiting thread looks up [s]


def endless(
    draw: Callable[[int], Batch], batch_size: int, async_prefetch: bool, queue_size: int
) -> Iterator[Batch]:
    """Endless batches: each drawn when asked for, or up to `queue_size` drawn ahead by a thread.

    Drawing ahead makes what is drawn depend on timing. An error reaches whoever asks for the next
    batch; it does not end the iterator.
    """
    if async_prefetch:
        return Prefetcher(lambda: draw(batch_size), queue_size)
    return map(draw, repeat(batch_size))


class Prefetcher:
    """An iterator over what `draw` returns, kept a few ahead by a thread until `close`."""

    def __init__(self, draw: Callable[[], Batch], queue_size: int) -> None:
        if queue_size < 1:
            raise ValueError(f"queue_size {queue_size} is not positive")
        self._draw = draw
        self._ready: queue.Queue[Batch | BaseException] = queue.Queue(queue_size)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prefetch")
        self._thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Batch:
        """The next batch, or the error that drawing it raised; StopIteration once closed."""
        while not self._closed.is_set():
            try:
                drawn = self._ready.get(timeout=POLL)
            except queue.Empty:
                continue
            if isinstance(drawn, BaseException):
                raise drawn
            return drawn
        raise StopIteration

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                drawn: Batch | BaseException = self._draw()
            except BaseException as error:
                drawn = error
            self._offer(drawn)

    def _offer(self, drawn: Batch | BaseException) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._ready.put(drawn, timeout=POLL)
                break
