"""The recorder: the loop hands frames over, a thread puts them into a dataset."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, Self

from hil_app.events import EventLog
from hil_app.recording.frames import Frame

POLL = 0.01  # how often a waiting thread looks up [s]
BEHIND, CAUGHT_UP = 0.5, 0.1  # shares of the frames that may wait: told, and over again
LONG = 1.0  # an end that takes longer is announced [s]
REMEDY = (
    "smaller pictures (processor.images.resize), fewer cameras, or --dataset.encoding.codec=h264"
)


class RecorderDied(Exception):
    """Episodes can be kept no longer; the message has the cause and the remedy."""


class EpisodeWriter(Protocol):
    """Puts episodes somewhere durable, frame by frame; only the recorder's thread uses it."""

    @property
    def count(self) -> int:
        """Whole episodes there."""

    def add(self, frame: Frame, stage: str) -> None:
        """Take the next frame of the episode under way."""

    def finish(self) -> None:
        """End the episode under way; returns when it is safe."""

    def discard(self) -> None:
        """Throw the episode under way away."""

    def close(self) -> None:
        """Let go of everything."""


class Recorder:
    """Has frames written in the background; ``open_writer`` is called on entering.

    ::

        with Recorder(partial(DatasetWriter, root, spec), events) as recorder:
            loop.episode(seed, [partial(recorder.add, stage="record")])

    An episode that the person asked to re-record is thrown away; one that an error cuts short is
    kept, its last frame marked as truncated. No frame is ever dropped: up to ``max_waiting`` may
    wait for encoder and disk, which :attr:`waiting` and :attr:`behind` tell. With more, a
    ``patient`` recorder has the loop wait; any other has the run end, and still keeps them all.
    Raises :class:`RecorderDied` from :meth:`add` then, or after the writer has failed.
    """

    def __init__(
        self,
        open_writer: Callable[[], EpisodeWriter],
        events: EventLog,
        *,
        max_waiting: int = 300,
        patient: bool = False,
    ) -> None:
        self._open, self._events = open_writer, events
        self._max_waiting, self._patient = max_waiting, patient
        self.count = 0  # whole episodes, written or on their way
        self.most_waiting, self.furthest_behind = 0, 0.0  # frames, [s]
        self._newest: tuple[Frame, str] | None = None  # held back: it may turn out to be the last
        self._queue: queue.Queue[tuple[float, Frame, str] | None] = queue.Queue()
        self._in_hand: float | None = None  # when the frame being written was handed over
        self._told = False  # that it is behind
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="recorder")

    def __enter__(self) -> Self:
        self._writer = self._open()
        self.count = self._written = self._writer.count
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._newest is not None and self._error is None:
            self._cut_short(*self._newest)
        if self.behind > LONG:
            self._events.emit("recorder_finishes", note=f"{self.waiting} frames are still to write")
        self._queue.put(None)
        self._thread.join()
        if kind is None:
            self.check()

    @property
    def waiting(self) -> int:
        """Frames that wait for encoder and disk."""
        return self._queue.qsize()

    @property
    def behind(self) -> float:
        """How long the oldest frame that is not written yet has waited [s]."""
        since = self._in_hand
        return 0.0 if since is None else time.monotonic() - since

    def add(self, frame: Frame, stage: str) -> None:
        """Keep a frame of a ``stage`` ("record", "train", …); only ever enqueues."""
        self.check()
        if self._newest is not None:
            self._put(*self._newest)
        self._newest = None if frame.done else (frame, stage)
        if frame.done:
            self._put(frame, stage)
            self.count += not frame.rerecord
        if self.waiting > self._max_waiting:
            self._too_many()

    def wait(self, count: int) -> None:
        """Return once ``count`` episodes are safe, or can no longer be."""
        while self._written < count and self._error is None and self._thread.is_alive():
            time.sleep(POLL)

    def check(self) -> None:
        """Raise :class:`RecorderDied` if the writer has failed."""
        if self._error is not None:
            raise RecorderDied(f"recording failed: {self._error}") from self._error

    def _put(self, frame: Frame, stage: str) -> None:
        self._queue.put((time.monotonic(), frame, stage))
        self.most_waiting = max(self.most_waiting, self.waiting)

    def _too_many(self) -> None:
        """Have the loop wait, or the run end."""
        while self._patient and self.waiting > self._max_waiting:
            self.check()
            time.sleep(POLL)
        if not self._patient:
            raise RecorderDied(
                f"{self.waiting} frames wait for encoder and disk, {self.behind:.1f} s of them: "
                f"more than dataset.max_waiting, {self._max_waiting}. All are kept; what helps is "
                f"{REMEDY}"
            )

    def _cut_short(self, last: Frame, stage: str) -> None:
        """Keep the episode that an error interrupted, marked as truncated."""
        self._put(replace(last, truncated=True), stage)
        self.count += 1
        self._events.emit("episode_interrupted", stage=stage, ticks=last.tick)

    # What follows runs in the thread.

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is not None:
                continue
            self._in_hand, frame, stage = item
            try:
                self._write(frame, stage)
            except Exception as error:
                self._error = error
                self._events.emit("recorder_died", cause=str(error))
            self.furthest_behind = max(self.furthest_behind, self.behind)
            self._tell()
            if not self.waiting:
                self._in_hand = None
        self._close()

    def _write(self, frame: Frame, stage: str) -> None:
        self._writer.add(frame, stage)
        if frame.rerecord:
            self._writer.discard()
        elif frame.done:
            self._writer.finish()
            self._written += 1

    def _tell(self) -> None:
        """Have the person know when it falls behind, and when that is over."""
        waiting, most = self.waiting, self._max_waiting
        if self._patient:
            return
        if not self._told and waiting > BEHIND * most:
            self._told = True
            self._events.emit(
                "recorder_behind",
                cause=f"{waiting} of at most {most} frames wait for encoder and disk, "
                f"{self.behind:.1f} s of them; what helps is {REMEDY}",
            )
        elif self._told and waiting < CAUGHT_UP * most:
            self._told = False
            self._events.emit("recorder_caught_up", note="no frame is lost")

    def _close(self) -> None:
        if self._error is not None:
            with suppress(Exception):  # the first error says it all
                self._writer.close()
            return
        try:
            self._writer.close()
        except Exception as error:
            self._error = error
            self._events.emit("recorder_died", cause=str(error))
