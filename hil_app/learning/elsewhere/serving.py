"""Serves a learner to a run in another process: the side that learns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from configs.events import Event
from hil_app.events import LearnerFailed
from hil_app.learning.checkpoint import Tensors
from hil_app.learning.elsewhere.experiences import FrameUnpacker, SentFrame, unpack_row
from hil_app.learning.elsewhere.snapshots import SnapshotReceiver, SnapshotSender
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import POLL, Learner, Log, Progress, died_of
from hil_app.learning.sac.q_values import QValues
from hil_app.support.events import EventLog
from hil_app.support.wire import Connection, Message

BEAT = 0.5  # how often the run hears of it, whatever it is doing [s]
_TELL_EVERY = 0.05  # how often of its progress, between two frames [s]


class Serving:
    """Does what messages ask of the learner that ``make`` makes, until one says that it is over.

    Messages are dealt with in order, and the run is told how many have been. It sends first what
    is to be done before entering, then ``enter``, and frames and other jobs from then on.
    """

    def __init__(self, connection: Connection, make: Callable[[EventLog, Log], Learner]) -> None:
        self._connection = connection
        events = EventLog()
        events.listeners.append(self._forward)
        self._learner = make(events, self._log)
        self._learner.dealt = self._dealt
        self._frames, self._restored = FrameUnpacker(), SnapshotReceiver()
        self._snapshots = SnapshotSender(connection)
        self._done = connection.received  # messages
        self._counting = threading.Lock()
        self._told = 0.0  # when the run was told of the progress
        self._q_values_told: QValues | None = None
        self._over = threading.Event()

    def run(self) -> None:
        """Serve; returns when the run is over, or gone. Its learner's death is told, not raised."""
        beats = threading.Thread(target=self._beat, name="beats", daemon=True)
        beats.start()
        try:
            if self._prepare():
                with self._learner:
                    self._work()
                self._tell()
                self._connection.send("ended")
        except ConnectionError:  # the run is gone, and has told whoever is there
            pass
        except Exception as error:
            self._say_why(error)
        finally:
            self._over.set()
            beats.join()

    def _next(self) -> Message:
        message = self._connection.receive()
        if message is None:
            raise ConnectionError("the run has ended")
        return message

    def _prepare(self) -> bool:
        """Do what comes before entering; False if the run is over already."""
        learner = self._learner
        while (message := self._next()).kind not in ("enter", "end"):
            if message.kind == "row":
                learner.begin_with([unpack_row(message)], message.facts["weight"])
            elif message.kind == "restore":
                learner.restore(self._restored.done())
            elif message.kind == "warm_up":
                self._connection.send("warmed_up", {"problem": learner.warm_up()})
            else:
                self._restored.take(message)
            self._dealt(1)
        self._dealt(1)
        return message.kind == "enter"

    def _work(self) -> None:
        """Hand jobs over to the learner's thread, which says when it has dealt with them."""
        learner = self._learner
        while (message := self._next()).kind != "end":
            if message.kind == "offer":
                learner.offer(self._frames.unpack(self._connection.received, message))
            elif message.kind == "demonstrate":
                learner.demonstrate(self._frames.unpack(self._connection.received, message))
            elif message.kind == "snapshot":
                learner.snapshot(partial(self._send_snapshot, self._connection.received))
            elif message.kind == "warm_start":  # nothing but a stop comes meanwhile
                look = partial(self._connection.waits, POLL)
                learner.warm_start(
                    message.facts["updates"], partial(self._connection.waits, 0), look
                )
            elif message.kind == "stop":  # of a warm start, which has heard of it
                self._dealt(1)
            elif message.kind == "rest":
                learner.rest()
            elif message.kind == "go_on":
                learner.go_on()

    def _beat(self) -> None:
        """Say now and then that the process is well, and whether the learner is."""
        while not self._over.wait(BEAT):
            try:
                self._connection.send("beat")
                self._learner.check()
            except (OSError, LearnerDied) as error:
                self._say_why(error)
                return

    def _say_why(self, error: Exception) -> None:
        """Tell the run, if it is there, what ends the learner."""
        died = error if isinstance(error, LearnerDied) else died_of(error)
        with suppress(OSError):
            self._connection.send("died", {"cause": str(died)})

    # What follows is called in the learner's thread, or while that does not run.

    def _dealt(self, count: int) -> None:
        with self._counting:
            self._done += count
        if count or time.monotonic() - self._told > _TELL_EVERY:
            self._tell()

    def _tell(self) -> None:
        """How much is done, and what has come of it."""
        self._told = time.monotonic()
        facts: dict[str, Any] = {"done": self._done, "progress": asdict(self._learner.progress)}
        facts["warmed"] = self._learner.warmed
        newest = self._learner.q_values
        if newest is not None and newest is not self._q_values_told:
            self._q_values_told = newest
            assert isinstance(newest.frame, SentFrame)
            facts["q_values"] = [
                newest.frame.number,
                newest.value,
                newest.disagreement,
                newest.updates,
            ]
        self._connection.send("state", facts)

    def _send_snapshot(self, number: int, tensors: Tensors) -> None:
        self._snapshots.send(tensors)
        self._connection.send("snapshot", {"number": number})

    def _log(self, frames: int, progress: Progress) -> None:
        self._connection.send("log", {"frames": frames, "progress": asdict(progress)})

    def _forward(self, event: Event) -> None:
        if isinstance(event, LearnerFailed):  # which the run tells of itself, however it dies
            return
        self._connection.send("event", {"class": type(event).__name__, "fields": asdict(event)})
