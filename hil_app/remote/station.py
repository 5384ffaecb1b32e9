"""The learner that several robots join, as they reach it: messages in, messages out.

It knows nothing of Ray: :mod:`hil_app.remote.actor` lends it to a cluster. What comes and goes is
bytes, JSON and safetensors; there is no pickle::

    station = Station(folder, {"name": "learner"})
    answer = unpacked(station.call(packed("join", {...})))

Records of a stream come in their order and are numbered from 1. One that came before is left out,
and one that comes too early is left for the bridge to send again, behind those that are missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from configs.errors import HilAppError
from hil_app.learning.health import LearnerDied
from hil_app.remote.lessons import Lessons, in_a_line
from hil_app.remote.pupil import OtherLearner
from hil_app.remote.visitors import Visitor
from hil_app.support.checkpoint_names import checkpoints_in
from hil_app.support.spool import SpoolDamaged
from hil_app.support.wire import Message, WireError, packed, unpacked

GONE_S = 10.0  # after which a robot that says nothing is taken to be away
KEEP_EVERY_S = 20.0  # from one checkpoint to the next, while there is something new
_LOOK_S = 1.0  # from one look at both to the next
_ERRORS = (HilAppError, WireError, SpoolDamaged, KeyError, TypeError, ValueError)


class Station:
    """A learner with its checkpoints in ``folder``; any thread may call.

    ``facts`` are told to whoever asks, and ``closed`` is called once it is to learn no more. Raises
    CheckpointError if what is there cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        facts: dict[str, Any],
        closed: Callable[[], object] = lambda: None,
    ) -> None:
        self._folder, self._facts, self._closed = folder, facts, closed
        self._lock = threading.Lock()
        self._content: tuple[int, bytes] = (0, b"")  # weights as bytes, and their version
        self._started = time.time()
        self._over = threading.Event()
        self._lessons = Lessons(None, folder) if checkpoints_in(folder) else None
        threading.Thread(target=self._keep_house, name="house", daemon=True).start()

    def call(self, data: bytes) -> bytes:
        """Do what a message asks for; returns the answer."""
        try:
            message = unpacked(data)
            if message.kind in ("join", "status"):
                return self._join(message) if message.kind == "join" else self._status()
            if message.kind == "close":
                return self._close()
            doing: dict[str, Callable[[Lessons, Message], bytes]] = {
                "push": self._push,
                "weights": self._weights,
                "leave": self._leave,
            }
            work, lessons = doing[message.kind], self._lessons
            return packed("unknown") if lessons is None else work(lessons, message)
        except _ERRORS as error:
            return packed("refused", {"cause": in_a_line(error)})

    def _join(self, message: Message) -> bytes:
        facts = message.facts
        with self._lock:
            _check_version(facts["version"])
            if self._lessons is None:
                self._lessons = Lessons(facts["setup"], self._folder)
            lessons = self._lessons
            pupil = lessons.pupil
            pupil.check_fits(facts["setup"])
            visitor = lessons.visit(facts["stream"], facts["robot"], float(facts["share"]))
        joined = {
            "received": visitor.received,
            "durable": pupil.durable.get(visitor.stream, 0),
            "architecture": pupil.layout.architecture.hex(),
            "size": pupil.layout.size,
            "news": lessons.visitors.told,
        }
        return packed("joined", {**joined, **self._facts})

    def _push(self, lessons: Lessons, message: Message) -> bytes:
        facts = message.facts
        visitor = lessons.visitors.by_stream.get(facts["stream"])
        if visitor is None:
            return packed("unknown")
        lessons.note_seen(visitor)
        if facts["stop"]:
            lessons.end_warm_start()
        with suppress(LearnerDied):  # which the answer says
            lessons.hand_over(visitor, message.arrays)
        return _answer(lessons, visitor, facts["news"])

    def _weights(self, lessons: Lessons, message: Message) -> bytes:
        """The newest weights, if they are newer than those that the bridge has, as bytes.

        A bridge that ``waits`` is answered as soon as there are such, or after a moment.
        """
        asked, known, pupil = time.monotonic(), message.facts["version"], lessons.pupil
        if message.facts["waits"]:
            lessons.wait_for_weights(known)
        parcel = pupil.learner.mailbox.newer_than(known)
        if parcel is None:
            return packed("weights", {"version": known})
        with self._lock:
            if self._content[0] != parcel.version:
                self._content = parcel.version, pupil.layout.content(parcel.weights)
            number, content = self._content
        age = asked - parcel.published  # less than nothing, if they have come since
        return packed("weights", {"version": number, "age_s": age}, content)

    def _leave(self, lessons: Lessons, message: Message) -> bytes:
        """A robot goes; what it has sent is safe once this returns."""
        visitor = lessons.visitors.by_stream.get(message.facts["stream"])
        if visitor is None:
            return packed("unknown")
        lessons.wait_until_dealt(visitor)
        lessons.keep()
        visitor.gone = True
        with suppress(LearnerDied):
            lessons.rest_if_all_do()
        return _answer(lessons, visitor, message.facts["news"])

    def _status(self) -> bytes:
        facts: dict[str, Any] = {**self._facts, "since": self._started, "folder": str(self._folder)}
        facts |= {"version": version("hil-app"), "robots": [], "learner": None}
        if (lessons := self._lessons) is not None:
            pupil = lessons.pupil
            facts["learner"] = {
                **asdict(pupil.learner.progress),
                "device": str(pupil.device),
                "checkpoint": pupil.newest,
                "dead": lessons.why_dead(),
            }
            facts["robots"] = [_about(lessons, one) for one in lessons.visitors]
        return packed("status", facts)

    def _close(self) -> bytes:
        """Keep everything, and learn no more."""
        self._over.set()
        if self._lessons is not None:
            self._lessons.end()
        self._closed()
        return self._status()

    def _keep_house(self) -> None:
        """Notice who is gone, and keep what is new, now and then."""
        kept = time.monotonic()
        while not self._over.wait(_LOOK_S):
            now, lessons = time.monotonic(), self._lessons
            if lessons is None:
                continue
            for visitor in lessons.visitors:
                visitor.gone |= now - visitor.seen > GONE_S
            with suppress(LearnerDied):
                lessons.rest_if_all_do()
            if now - kept > KEEP_EVERY_S and lessons.pupil.has_news:
                kept = now
                lessons.keep(wait=False)


def _check_version(theirs: str) -> None:
    ours = version("hil-app")
    if theirs != ours:
        raise OtherLearner(
            f"this robot has hil-app {theirs}, and the learner {ours}: install the same on both"
        )


def _answer(lessons: Lessons, visitor: Visitor, news: int) -> bytes:
    if dead := lessons.why_dead():
        return packed("refused", {"cause": dead})
    return packed("news", lessons.facts_for(visitor, news))


def _about(lessons: Lessons, visitor: Visitor) -> dict[str, Any]:
    store = lessons.pupil.store
    return {
        "robot": visitor.robot,
        "stream": visitor.stream,
        "here": not visitor.gone,
        "received": visitor.received,
        "waiting": visitor.received - visitor.done,
        "safe": lessons.pupil.durable.get(visitor.stream, 0),
        "refused": visitor.refused,
        "rows": len(store.online.buffers[visitor.robot]),
        "shown": len(store.offline.buffers[visitor.robot]),
        "share": store.online.shares.get(visitor.robot, 1.0),
        "evaluation": visitor.verdict,
    }
