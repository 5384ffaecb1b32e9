"""What comes back from a learner elsewhere, and how it is known that nothing does any more."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from hil_app import events as classes
from hil_app.events import LearnerFailed
from hil_app.learning.checkpoint import Tensors
from hil_app.learning.elsewhere.child import LearnerChild
from hil_app.learning.elsewhere.snapshots import SnapshotReceiver
from hil_app.learning.experience import Experience
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import POLL, Log, Progress, died_of
from hil_app.learning.sac.q_values import QValues
from hil_app.support.events import EventLog
from hil_app.support.wire import Message

SILENT_S = 20.0  # that the process may say nothing; it has a thread that does nothing else
START_S = 180.0  # that it may take to say the first word: it loads torch
_RECENT = 64  # frames that Q-values may still come for
_REMEDY = "`hil-app train --resume` goes on from the last checkpoint"


class Heard:
    """What a learner elsewhere has said of itself, which goes on to ``events`` and ``log``, too."""

    def __init__(self, events: EventLog, log: Log | None) -> None:
        self.progress = Progress()
        self.q_values: QValues | None = None
        self.warmed = 0  # updates from the demonstrations alone
        self.done = 0  # messages dealt with
        self.events, self._log = events, log
        self.changed = threading.Condition()
        self._recent: deque[tuple[int, Experience]] = deque(maxlen=_RECENT)

    def expect_values(self, number: int, frame: Experience) -> None:
        """Before it is sent: a message has a frame that Q-values may come for."""
        self._recent.append((number, frame))

    def take(self, message: Message) -> bool:
        """Note what is said; returns whether it was of this kind."""
        kind, facts = message.kind, message.facts
        if kind == "state":
            self._take_state(facts)
        elif kind == "log" and self._log is not None:
            self._log(facts["frames"], Progress(**facts["progress"]))
        elif kind == "event":
            self.events.emit(getattr(classes, facts["class"])(**facts["fields"]))
        return kind in ("state", "log", "event")

    def _take_state(self, facts: Mapping[str, Any]) -> None:
        self.progress = Progress(**facts["progress"])
        self.warmed = facts["warmed"]
        if found := facts.get("q_values"):
            number, *values = found
            for known, frame in [*self._recent]:
                if known == number:
                    self.q_values = QValues(frame, *values)
        self.done = facts["done"]


class Answers(Heard):
    """Listens to a process, in a thread, from :meth:`listen` on until :meth:`close`.

    What it tells of itself goes on to ``events`` and ``log``. Once it has died, ended out of turn
    or said nothing for long, :meth:`check` raises LearnerDied; that is told once.
    """

    def __init__(self, events: EventLog, log: Log | None) -> None:
        super().__init__(events, log)
        self.compile_problem: str | None = None
        self.ready = self.ended = False
        self._failure: str | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        self._heard = self._looked = 0.0  # when it said something; when somebody looked
        self._snapshots = SnapshotReceiver()
        self._keeps: dict[int, Callable[[Tensors], None]] = {}  # by number of message

    def listen(self, child: LearnerChild) -> None:
        """Listen to ``child`` from here on."""
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._listen, args=[child], name="learner answers")
        self._thread.start()

    def close(self) -> None:
        """Its connection has ended, as it was to."""
        if self._thread is not None:
            self._thread.join()

    def leave(self) -> None:
        """From here on nobody minds how it ends."""
        self._closing = True

    def expect(
        self,
        number: int,
        *,
        frame: Experience | None = None,
        keep: Callable[[Tensors], None] | None = None,
    ) -> None:
        """Before it is sent: a message has a frame that Q-values may come for, or asks for a
        snapshot."""
        if frame is not None:
            self.expect_values(number, frame)
        if keep is not None:
            self._keeps[number] = keep

    def check(self) -> None:
        """Raise :class:`LearnerDied` if the learner has, or its process ended or says nothing."""
        now, most = time.monotonic(), SILENT_S if self.ready else START_S
        if now - self._looked > most / 2:  # it may be this program that stood still
            self._heard = max(self._heard, now - most / 2)
        self._looked = now
        listening = self._thread is not None and not (self.ended or self._closing)
        if listening and now - self._heard > most:
            self.fail(f"the learner died: its process has said nothing for {most:g} s; {_REMEDY}")
        if self._failure is not None:
            raise LearnerDied(self._failure)

    def wait_for(
        self, there: Callable[[], bool], meanwhile: Callable[[], None] | None = None
    ) -> None:
        """Return once it is ``there``, with ``meanwhile`` called again and again until then."""
        while not there():
            self.check()
            if meanwhile is not None:
                meanwhile()
                continue
            with self.changed:
                self.changed.wait_for(lambda: there() or self._failure is not None, POLL)

    def fail(self, failure: str) -> None:
        """Nothing is learned from here on, which is told once."""
        with self.changed:
            first, self._failure = self._failure is None, self._failure or failure
            self.changed.notify_all()
        if first:
            cause = failure.removeprefix("the learner died: ")
            self.events.emit(LearnerFailed(cause=cause))

    # What follows runs in the thread.

    def _listen(self, child: LearnerChild) -> None:
        try:
            while (message := child.connection.receive()) is not None:
                self._heard = time.monotonic()
                self._take(message)
        except OSError:  # it was cut off
            pass
        except Exception as error:
            self.fail(str(died_of(error)))
        if not (self._closing or self.ended):
            self.fail(f"the learner died: {child.why()}; {_REMEDY}")

    def _take(self, message: Message) -> None:
        kind, facts = message.kind, message.facts
        if self.take(message):
            pass
        elif kind == "snapshot":
            tensors, keep = self._snapshots.done(), self._keeps.pop(facts["number"], None)
            if keep is not None:
                keep(tensors)
        elif kind == "died":
            self.fail(facts["cause"])
        elif kind == "warmed_up":
            self.compile_problem = facts["problem"]
        else:
            self.ready |= kind == "ready"
            self.ended |= kind == "ended"
            self._snapshots.take(message)
        with self.changed:
            self.changed.notify_all()

    def _take_state(self, facts: Mapping[str, Any]) -> None:
        super()._take_state(facts)
        for number in [n for n in [*self._keeps] if n <= self.done]:  # it could not be taken
            self._keeps.pop(number, None)
