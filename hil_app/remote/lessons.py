"""What robots bring to a learner, dealt with in its order; and what they are told of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from configs.errors import HilAppError
from configs.events import Event
from hil_app.events import FrameNotTaken, LearnerFailed, OtherEvaluated
from hil_app.learning.elsewhere.experiences import unpack_row
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import Progress
from hil_app.learning.shared.arrivals import FrameRefused
from hil_app.learning.shared.store import DEMONSTRATE, OFFER, Arrived, arrived
from hil_app.remote.pupil import Pupil, make_pupil
from hil_app.remote.visitors import Visitor, Visitors
from hil_app.support.spool import records
from hil_app.support.wire import Message, WireError, unpacked

WAIT_S = 0.5  # that a call may wait for what it has brought to be dealt with, or for weights
BUSY_S = 1.0  # that it may take to hand over what it has brought


class Lessons:
    """A learner of a robot's ``setup``, or of the newest checkpoint in ``folder`` if there is one.

    Raises what making it does.
    """

    def __init__(self, setup: dict[str, Any] | None, folder: Path) -> None:
        self.visitors = Visitors()
        self._changed = threading.Condition()
        self._warm_start_over = threading.Event()
        self.pupil: Pupil = make_pupil(setup, folder, self._hear, self._log)
        for name, own in self.pupil.store.streams.items():
            visitor = Visitor(name, own.robot, own.number, own.number, gone=True)
            self.visitors.by_stream[name] = visitor
        self.pupil.learner.waits = False
        self.pupil.learner.dealt = self._note_dealt
        self.pupil.learner.__enter__()

    def visit(self, stream: str, robot: str, share: float) -> Visitor:
        """A robot comes, or comes again."""
        own = self.pupil.store.join(stream, robot, share)
        known = self.visitors.by_stream.get(stream)
        if known is None:
            known = Visitor(stream, robot, own.number, own.number)
            self.visitors.by_stream[stream] = known
        self.note_seen(known)
        return known

    def note_seen(self, visitor: Visitor) -> None:
        """It has called."""
        visitor.seen, visitor.gone = time.monotonic(), False

    def end_warm_start(self) -> None:
        """Have one that is under way end."""
        self._warm_start_over.set()

    def hand_over(self, visitor: Visitor, data: bytes) -> None:
        """Hand over the records that are new, as many as the learner has room for, and wait."""
        end = time.monotonic() + BUSY_S
        with visitor.lock:
            for number, payload in records(data):
                if number <= visitor.received:
                    continue
                late = time.monotonic() > end
                if number > visitor.received + 1 or late or not self._has_room():
                    break
                self._deal(visitor, number, payload)
                visitor.received = number
        self.wait_until_dealt(visitor)

    def wait_until_dealt(self, visitor: Visitor) -> None:
        """Until all is that it has brought, but no longer than a moment."""
        with self._changed:
            self._changed.wait_for(lambda: visitor.done >= visitor.received, WAIT_S)

    def wait_for_weights(self, known: int) -> None:
        """Until there are newer weights than these, but no longer than a moment."""
        with self._changed:
            self._changed.wait_for(lambda: self.pupil.learner.mailbox.version > known, WAIT_S)

    def rest_if_all_do(self) -> None:
        """Let the learner run free only while a robot that is here wants it to."""
        resting = all(one.resting for one in self.visitors.here)
        if resting != self.pupil.resting:
            self.pupil.resting = resting
            self.pupil.learner.set_resting(resting=resting)

    def facts_for(self, visitor: Visitor, since: int) -> dict[str, Any]:
        """What a robot is told: how far the learner is, and the news ``since`` this one."""
        learner = self.pupil.learner
        facts: dict[str, Any] = {
            "received": visitor.received,
            "done": visitor.done,
            "durable": self.pupil.durable.get(visitor.stream, 0),
            "progress": asdict(learner.progress),
            "warmed": learner.warmed,
            "refused": visitor.refused,
            "news": [one for one in [*visitor.news] if one[0] > since],
        }
        newest = learner.q_values
        if newest is not None:
            frame = newest.frame
            if isinstance(frame, Arrived) and frame.stream == visitor.stream:
                values = (newest.value, newest.disagreement, newest.updates)
                facts["q_values"] = [frame.number, *values]
        return facts

    def why_dead(self) -> str:
        """What has ended the learner, and what to do; nothing while it is well."""
        try:
            self.pupil.learner.check()
        except LearnerDied as error:
            return f"{error}; `hil-app learner stop` and `start` go on from its last checkpoint"
        return ""

    def keep(self, *, wait: bool = True) -> None:
        """Write a checkpoint; of a learner that has died there is none newer."""
        with suppress(LearnerDied):
            self.pupil.keep(self.visitors.verdicts(), wait=wait)

    def end(self) -> None:
        """Keep everything, and learn no more."""
        self.keep()
        self.pupil.learner.__exit__(LearnerDied)  # whatever it says

    def _has_room(self) -> bool:
        behind = sum(one.received - one.done for one in self.visitors)
        return behind < self.pupil.queue_size // 2

    def _deal(self, visitor: Visitor, number: int, payload: bytes) -> None:
        """Have the learner deal with a record, whatever is in it."""
        store, stream = self.pupil.store, visitor.stream
        try:
            message = unpacked(payload)
            note = self._do(visitor, number, payload, message)
        except (FrameRefused, WireError, KeyError, TypeError, ValueError) as error:
            note = partial(store.refuse, stream, number)
            self._refuse(visitor, number, error)
        if note is not None:
            self.pupil.learner.do(note)

    def _do(
        self, visitor: Visitor, number: int, payload: bytes, message: Message
    ) -> Callable[[], None] | None:
        """Do what a message asks for; returns what notes that it is dealt with, if that is left."""
        learner, store, stream = self.pupil.learner, self.pupil.store, visitor.stream
        facts = message.facts
        if message.kind in (OFFER, DEMONSTRATE):
            own = store.streams[stream]
            frame = arrived(stream, number, payload, message, own.frames)
            self._check(visitor, frame)
            (learner.offer if message.kind == OFFER else learner.demonstrate)(frame)
            return None
        if message.kind == "row":
            return partial(
                store.begin_with, stream, number, unpack_row(message), float(facts["weight"])
            )
        if message.kind == "warm_start":
            self._warm_start_over.clear()
            learner.begin_warm_start(int(facts["updates"]), self._warm_start_over)
        elif message.kind in ("rest", "go_on"):
            visitor.resting = message.kind == "rest"
            self.rest_if_all_do()
        elif message.kind == "verdict":
            self._note_verdict(visitor, facts)
        return partial(store.dealt, stream, number)

    def _note_verdict(self, visitor: Visitor, facts: dict[str, Any]) -> None:
        names = ("successes", "episodes", "updates")
        visitor.verdict = {name: int(facts[name]) for name in names}
        told = OtherEvaluated(robot=visitor.robot, **visitor.verdict)
        self.visitors.tell_all("event", _written(told), but=visitor)

    def _check(self, visitor: Visitor, frame: Arrived) -> None:
        """Raise FrameRefused for a frame that is wrong, and for all after it of its episode."""
        if visitor.refusing:
            visitor.refusing = not frame.done
            raise FrameRefused("an earlier frame of its episode was refused")
        try:
            self.pupil.check.check(frame)
        except FrameRefused:
            visitor.refusing = not frame.done
            raise

    def _refuse(self, visitor: Visitor, number: int, error: Exception) -> None:
        first = visitor.refused == 0
        visitor.refused += 1
        if first or "earlier frame" not in str(error):
            cause = f"message {number} of {visitor.robot} is not learned from: {in_a_line(error)}"
            self.visitors.tell(visitor, "event", _written(FrameNotTaken(cause=cause)))

    # What follows is called in the learner's thread.

    def _note_dealt(self, count: int) -> None:
        numbers = self.pupil.store.numbers() if count else {}
        with self._changed:  # weights are new after every update
            for visitor in self.visitors:
                visitor.done = numbers.get(visitor.stream, visitor.done)
            self._changed.notify_all()

    def _log(self, frames: int, progress: Progress) -> None:
        self.visitors.tell_all("log", {"frames": frames, "progress": asdict(progress)})

    def _hear(self, event: Event) -> None:
        if not isinstance(event, LearnerFailed):  # which each robot finds
            self.visitors.tell_all("event", _written(event))


def _written(event: Event) -> dict[str, Any]:
    """An event as JSON values, from which a run makes it again."""
    return {"class": type(event).__name__, "fields": asdict(event)}


def in_a_line(error: BaseException) -> str:
    """What an error says."""
    said = " ".join(str(error).split())
    plain = isinstance(error, HilAppError | ValueError)
    return said if plain else f"{type(error).__name__}: {said}"
