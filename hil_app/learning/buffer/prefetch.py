"""Batches drawn when they are asked for, or ahead of time by a thread."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import repeat
from typing import Self, TypeAlias

from hil_app.learning.buffer.batch import Batch

POLL = 0.1  # how often a waiting thread looks up [s]
PATIENCE = 10.0  # how long a batch under way may take when the thread is to end [s]

Ready: TypeAlias = "queue.Queue[Batch | BaseException]"


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
    """An iterator over what `draw` returns, kept a few ahead by a thread until `close`.

    One that nobody closes ends with its last user, or with the program.
    """

    def __init__(self, draw: Callable[[], Batch], queue_size: int) -> None:
        if queue_size < 1:
            raise ValueError(f"queue_size {queue_size} is not positive")
        self._ready: Ready = queue.Queue(queue_size)
        self._closed = threading.Event()
        # the thread has none but these, so that it never keeps the iterator
        given = draw, self._ready, self._closed
        thread = threading.Thread(target=_keep_ahead, args=given, name="prefetch", daemon=True)
        thread.start()
        self._end = weakref.finalize(self, _end, thread, self._closed)

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
        self._end()


def _end(thread: threading.Thread, closed: threading.Event) -> None:
    """End a thread that draws: torch at work in it when Python exits would abort the process.

    One that waits for something else, for ever, is left to itself.
    """
    closed.set()
    if thread is not threading.current_thread():  # garbage may be collected in any thread
        thread.join(PATIENCE)


def _keep_ahead(draw: Callable[[], Batch], ready: Ready, closed: threading.Event) -> None:
    while not closed.is_set():
        try:
            drawn: Batch | BaseException = draw()
        except BaseException as error:
            drawn = error
        while not closed.is_set():
            with suppress(queue.Full):
                ready.put(drawn, timeout=POLL)
                break
