"""The process between a run and a learner on another machine, and the next one where it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hil_app.events import BridgeEnded, LearnerBack, LearnerJoined, LearnerLost
from hil_app.learning.elsewhere.answers import START_S, Heard
from hil_app.learning.elsewhere.child import LearnerChild
from hil_app.learning.elsewhere.unsent import Unsent
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import Log
from hil_app.support.events import EventLog
from hil_app.support.wire import Message

SILENT_S = 10.0  # that a bridge may say nothing; it has a thread that does nothing else
LEAVE_S = 120.0  # for the learner to keep the last frames safe, once the run is over
_LOST_S = 2.0  # the same while it is out of reach
_AGAIN_S, _LONGEST_S = 0.5, 10.0  # from a bridge that has ended to the next
_GIVE_UP_S = 30.0  # within which the learner must be reached at first


class Bridges:
    """Has a bridge run from :meth:`begin` on until :meth:`close`, in a thread that listens to it.

    ``heard`` is what the learner says, ``lost`` why it is out of reach, and ``durable`` the number
    of the message up to which it has all safe.
    """

    def __init__(self, module: str, events: EventLog, log: Log | None) -> None:
        self.heard = Heard(events, log)
        self.lost: str | None = None
        self.durable = 0
        self.ended = False
        self._module, self._events = module, events
        self._setup: dict[str, Any] = {}
        self._files: list[int] = []
        self._child: LearnerChild | None = None
        self._joined = self._leaving = False
        self._closing = threading.Event()
        self._first_lost: float | None = None
        self._told = self._final = False  # final: waiting mends nothing
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)

    def begin(self, setup: dict[str, Any], unsent: Unsent, block: int | None = None) -> None:
        """Reach the learner; raises LearnerDied that says why not.

        Weights come into the file ``block``, if there is one.
        """
        self._setup = {**setup, **unsent.facts, "block": block, "wake": unsent.wake}
        self._files = [unsent.wake] + ([] if block is None else [block])
        self._thread.start()
        end = time.monotonic() + START_S
        while not self._joined:
            self.wait(0.1)
            lost, now = self.lost, time.monotonic()
            waited = now - (self._first_lost or now)
            if (lost is not None and (self._final or waited > _GIVE_UP_S)) or now > end:
                raise LearnerDied(f"the learner cannot be reached: {lost or 'it does not answer'}")

    def leave(self) -> None:
        """Return once the learner has all safe, or is out of reach, or takes too long."""
        self._leaving = True
        self._say("leave")
        end = time.monotonic() + LEAVE_S
        while not self.ended and time.monotonic() < end:
            if self.lost is not None:
                end = min(end, time.monotonic() + _LOST_S)
            self.wait(0.1, lambda: self.ended)

    def stop_warm_start(self) -> None:
        """Have a warm start that is under way end."""
        self._say("stop")

    def close(self) -> None:
        """End it."""
        self._closing.set()
        child = self._child
        if child is not None:
            child.connection.shut_down()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def process_id(self) -> int | None:
        """By which the system knows it; None while there is none."""
        child = self._child
        return None if child is None else child.process_id

    def wait(self, seconds: float, there: Callable[[], bool] = lambda: False) -> None:
        """Until something is heard, or it is ``there``, but no longer than this."""
        with self.heard.changed:
            self.heard.changed.wait_for(there, seconds)

    def _say(self, kind: str) -> None:
        child = self._child
        if child is not None:
            with suppress(OSError):  # the next one hears of it
                child.connection.send(kind)

    # What follows runs in the thread.

    def _run(self) -> None:
        tries = 0
        while not (self._closing.is_set() or self.ended):
            why = self._one()
            if self._closing.is_set() or self.ended:
                return
            tries = 0 if self._joined else tries + 1
            self._note_lost(f"the bridge has ended: {why}")
            self._events.emit(BridgeEnded(cause=f"{why}; another is started"))
            self._closing.wait(min(_AGAIN_S * 2**tries, _LONGEST_S))

    def _one(self) -> str:
        """Run a bridge and listen to it; returns why it has ended."""
        try:
            child = LearnerChild(self._module, self._files)
        except OSError as error:
            return f"it cannot be started: {error}"
        self._child = child
        if self._closing.is_set():  # who closes has not seen this one
            child.connection.shut_down()
        try:
            child.connection.send("setup", self._setup)
            if self._leaving:
                child.connection.send("leave")
            return self._listen(child)
        except OSError:
            return child.why()
        finally:
            self._child = None
            child.end(now=True)
            child.connection.close()

    def _listen(self, child: LearnerChild) -> str:
        patience = START_S
        while child.connection.waits(patience):
            message = child.connection.receive()
            if message is None:
                return child.why()
            patience = SILENT_S
            self._take(message)
            if self.ended:
                return ""
        return f"it has said nothing for {patience:g} s"

    def _take(self, message: Message) -> None:
        kind, facts = message.kind, message.facts
        if kind == "lost":
            self._final = facts["final"]
            self._note_lost(facts["cause"])
        elif kind == "joined":
            self._note_joined(facts)
        elif self.heard.take(message):
            if kind == "state":
                self.durable = facts["durable"]
                self._note_back()
        else:
            self.ended |= kind == "ended"
        with self.heard.changed:
            self.heard.changed.notify_all()

    def _note_lost(self, why: str) -> None:
        if self._first_lost is None:
            self._first_lost = time.monotonic()
        self.lost = why
        if self._joined and not self._told:
            self._told = True
            self._events.emit(LearnerLost(cause=f"{why}; the run goes on, and sends later"))
        with self.heard.changed:
            self.heard.changed.notify_all()

    def _note_joined(self, facts: dict[str, Any]) -> None:
        if not self._joined:
            note = f"{facts['name']} on {facts['host']}, {facts['gpus']} GPUs"
            self._events.emit(LearnerJoined(note=note))
        self._joined, self.durable = True, facts["durable"]
        self._note_back()

    def _note_back(self) -> None:
        self.lost = self._first_lost = None
        if self._told:
            self._told = False
            self._events.emit(LearnerBack(note="the learner is within reach again"))
