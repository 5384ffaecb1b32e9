"""The recorder: the loop hands frames over, a thread puts them into a dataset."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol, Self

from configs.errors import HilAppError
from configs.events import Event
from hil_app.events import (
    EpisodeInterrupted,
    FramesLost,
    RecorderBehind,
    RecorderCaughtUp,
    RecorderEnded,
    RecorderFailed,
    RecorderFinishes,
)
from hil_app.recording.frames import Frame
from hil_app.support.events import EventLog

POLL = 0.01  # how often a waiting thread looks up [s]
BEHIND, CAUGHT_UP = 0.5, 0.1  # shares of the frames that may wait: reported, and over again
LONG = 1.0  # an end that takes longer is announced [s]
STUCK = 120.0  # whoever has not taken one frame for so long never will [s]
REMEDY = "smaller images (processor.images.resize), fewer cameras, or --dataset.encoding.codec=h264"


_Item = tuple[float, Frame, str]  # when it was handed over, a frame, its stage


class RecorderDied(HilAppError):
    """Episodes can be kept no longer; the message has the cause and the remedy."""


class EpisodeWriter(Protocol):
    """Puts episodes somewhere durable, frame by frame; only the recorder's thread uses it."""

    @property
    def count(self) -> int:
        """Whole episodes there."""

    def add(self, frame: Frame, stage: str) -> None:
        """Take the next frame of the open episode."""

    def finish(self) -> None:
        """End the open episode; returns when it is safe."""

    def discard(self) -> None:
        """Throw the open episode away."""

    def close(self) -> None:
        """Let go of everything."""


class Recorder:
    """Has frames written in the background; ``open_writer`` is called on entering.

    ::

        with Recorder(partial(DatasetWriter, root, spec), events) as recorder:
            loop.episode(seed, [partial(recorder.add, stage="record")])

    An episode that the operator asked to re-record is thrown away; one that an error cuts short is
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
        self.safe = 0  # whole episodes that no crash can take any more
        self._handed = self._frames = self._thrown = 0  # frames: in all, safe, not wanted
        self.most_waiting, self.furthest_behind = 0, 0.0  # frames, [s]
        self._newest: tuple[Frame, str] | None = None  # held back: it may turn out to be the last
        self._queue: queue.Queue[_Item | Callable[[], None] | None] = queue.Queue()
        self._later: list[Callable[[], None]] = []  # when the episode has its last frame
        self._open_frames = 0  # frames of the episode that is being written
        self._in_progress: float | None = None  # when the frame being written was handed over
        self._begun: float | None = None  # when the writing of that frame began
        self._reported = False  # that it is behind
        self._error: BaseException | None = None
        self._given_up = False  # what waits: the operator has had enough
        # a disk that never answers must not keep the program from ending
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._writer = self._open()
        self.count = self.safe = self._writer.count
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._newest is not None and self._error is None:
            self._cut_short(*self._newest)
        self._queue.put(None)
        long = False
        try:
            long = self._finish()
        except BaseException:  # a Ctrl-C, or an encoder that hangs
            long = self._given_up = True
            self._thread.join(LONG)
            raise
        finally:
            self.furthest_behind = max(self.furthest_behind, self.behind)
            self._tell_the_end(long)
        if kind is None:
            self.check()

    def _finish(self) -> bool:
        """Wait until all is written; returns whether that took long, which the operator is told.

        Raises RecorderDied if one frame takes for ever.
        """
        self._thread.join(LONG)
        if not self._thread.is_alive():
            return False
        self._emit(
            RecorderFinishes(
                note=f"{self.missing} frames are not yet safe on the disk; Ctrl-C, or a second "
                "one, ends the waiting and loses those that have not reached it",
            )
        )
        while self._thread.is_alive():
            self._check_that_it_moves()
            self._thread.join(LONG)
        return True

    @property
    def missing(self) -> int:
        """Frames that are wanted and not, or not yet, in whole episodes on the disk."""
        return self._handed - self._thrown - self._frames

    @property
    def waiting(self) -> int:
        """Frames that wait for encoder and disk."""
        return self._queue.qsize()

    @property
    def behind(self) -> float:
        """How long the oldest frame that is not written yet has waited [s]."""
        since = self._in_progress
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

    def after(self, call: Callable[[], None]) -> None:
        """Have ``call`` done once all frames so far, and their episode, are safe; else never.

        It is done in the recorder's thread, and must not wait.
        """
        if self._newest is not None:
            self._later.append(call)
        elif self._thread.is_alive():
            self._queue.put(call)
        elif self._error is None:
            call()

    def wait(self, count: int) -> None:
        """Return once ``count`` episodes are safe, or can no longer be."""
        while self.safe < count and self._error is None and self._thread.is_alive():
            time.sleep(POLL)

    def check(self) -> None:
        """Raise :class:`RecorderDied` if the writer has failed."""
        if self._error is not None:
            raise RecorderDied(f"recording failed: {_line(self._error)}") from self._error

    def _put(self, frame: Frame, stage: str) -> None:
        self._handed += 1
        self._queue.put((time.monotonic(), frame, stage))
        self.most_waiting = max(self.most_waiting, self.waiting)

    def _too_many(self) -> None:
        """Have the loop wait, or the run end."""
        while self._patient and self.waiting > self._max_waiting:
            self.check()
            self._check_that_it_moves()
            time.sleep(POLL)
        if not self._patient:
            raise RecorderDied(
                f"{self.waiting} frames wait for encoder and disk, {self.behind:.1f} s of them: "
                f"more than dataset.max_waiting, {self._max_waiting}. They are still written; what "
                f"helps is {REMEDY}"
            )

    def _check_that_it_moves(self) -> None:
        """Raise RecorderDied if one frame takes for ever: an encoder may hang, or a disk."""
        begun = self._begun
        if begun is not None and time.monotonic() - begun > STUCK:
            raise RecorderDied(
                f"encoder and disk have not taken one frame for {STUCK:.0f} s, and {self.waiting} "
                f"wait; what may help is {REMEDY}"
            )

    def _cut_short(self, last: Frame, stage: str) -> None:
        """Keep the episode that an error interrupted, marked as truncated."""
        self._put(replace(last, truncated=True), stage)
        self.count += 1
        self._newest = None
        self.after(partial(self._emit, EpisodeInterrupted(stage=stage, ticks=last.tick)))
        for call in self._later:
            self.after(call)

    def _tell_the_end(self, awaited: bool) -> None:
        """Tell what is on the disk, counted there, if that was ``awaited`` or not all is."""
        wanted = self._handed - self._thrown
        said = f"{self._frames} of {wanted} frames are on the disk, in whole episodes"
        if self.missing:
            remedy = "`hil-app dataset repair` brings back what has reached it of the last one"
            self._emit(FramesLost(cause=f"{said}; {remedy}" if self._given_up else said))
        elif awaited:
            self._emit(RecorderEnded(note=said))

    # What follows runs in the thread. Whatever is raised in it must not end it unseen.

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is not None or self._given_up:
                continue
            try:
                if callable(item):
                    with suppress(BaseException):
                        item()
                else:
                    self._deal(*item)
            except BaseException as error:
                self._die(error)
        self._in_progress, self._begun = None, time.monotonic()
        self._close()

    def _deal(self, since: float, frame: Frame, stage: str) -> None:
        self._in_progress, self._begun = since, time.monotonic()
        self._write(frame, stage)
        self._begun = None
        self.furthest_behind = max(self.furthest_behind, self.behind)
        self._tell()
        if not self.waiting:
            self._in_progress = None

    def _write(self, frame: Frame, stage: str) -> None:
        self._writer.add(frame, stage)
        self._open_frames += 1
        if frame.rerecord:
            self._writer.discard()
            self._thrown += self._open_frames
        elif frame.done:
            self._writer.finish()
            self.safe += 1
            self._frames += self._open_frames
        if frame.done:
            self._open_frames = 0

    def _tell(self) -> None:
        """Have the operator know when it falls behind, and when that is over."""
        waiting, most = self.waiting, self._max_waiting
        if self._patient:
            return
        if not self._reported and waiting > BEHIND * most:
            self._reported = True
            self._emit(
                RecorderBehind(
                    cause=f"{waiting} of at most {most} frames wait for encoder and disk, "
                    f"{self.behind:.1f} s of them; what helps is {REMEDY}",
                )
            )
        elif self._reported and waiting < CAUGHT_UP * most:
            self._reported = False
            self._emit(RecorderCaughtUp(note="no frame is lost"))

    def _emit(self, event: Event) -> None:
        """Tell of something; whoever listens cannot end the recording."""
        with suppress(BaseException):
            self._events.emit(event)

    def _die(self, error: BaseException) -> None:
        self._error = error
        self._emit(RecorderFailed(cause=_line(error)))

    def _close(self) -> None:
        try:
            self._writer.close()
        except BaseException as error:
            if self._error is None:  # the first error says it all
                self._die(error)


def _line(error: BaseException) -> str:
    return str(error) or type(error).__name__
