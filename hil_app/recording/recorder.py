"""The recorder: the loop hands frames over, a thread writes whole episodes."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from typing import Self

from hil_app.events import EventLog
from hil_app.recording.frames import Frame
from hil_app.recording.writer import EpisodeWriter

BACKLOG = 256  # episodes that may wait for the disk
POLL = 0.01  # how often a waiting thread looks up [s]


class RecorderDied(Exception):
    """Episodes can be kept no longer; the message has the cause and the remedy."""


class Recorder:
    """Collects an episode's frames and has them written in the background when it ends.

    An episode that the person asked to re-record is thrown away; one that an error cuts short is
    kept. Raises :class:`RecorderDied` from the first :meth:`add` after the disk has refused an
    episode.
    """

    def __init__(self, writer: EpisodeWriter, events: EventLog, recorded: int = 0) -> None:
        self._writer, self._events = writer, events
        self.count = recorded  # episodes kept so far, written or on their way
        self._written = recorded
        self._episode: list[Frame] = []
        self._stage = ""
        self._queue: queue.Queue[tuple[list[Frame], str] | None] = queue.Queue(BACKLOG)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="recorder")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._episode:
            self._cut_short()
        self._queue.put(None)
        self._thread.join()
        if kind is None:
            self.check()

    def add(self, frame: Frame, stage: str) -> None:
        """Keep a frame of a ``stage`` ("demonstrate", "train", …); only ever enqueues."""
        self.check()
        self._episode.append(frame)
        self._stage = stage
        if not frame.done:
            return
        episode, self._episode = self._episode, []
        if frame.rerecord:
            return
        try:
            self._queue.put_nowait((episode, stage))
        except queue.Full:
            raise RecorderDied(f"{BACKLOG} episodes wait for the disk, which is too slow") from None
        self.count += 1

    def wait(self, count: int) -> None:
        """Return once ``count`` episodes are safe, or can no longer be."""
        while self._written < count and self._error is None and self._thread.is_alive():
            time.sleep(POLL)

    def _cut_short(self) -> None:
        """Keep the episode that an error interrupted, marked as truncated."""
        *frames, last = self._episode
        self._queue.put(([*frames, replace(last, truncated=True)], self._stage))
        self._events.emit("episode_interrupted", stage=self._stage, ticks=last.tick)

    def check(self) -> None:
        """Raise :class:`RecorderDied` if the disk has refused an episode."""
        if self._error is not None:
            raise RecorderDied(
                f"episodes can no longer be written ({self._error}); free some space or choose "
                "another --output_dir. Every episode before this is safe."
            ) from self._error

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._error is None:
                    self._writer.write(*item)
                    self._written += 1
            except Exception as error:
                self._error = error
                self._events.emit("recorder_died", cause=str(error))
