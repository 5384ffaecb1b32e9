"""The learner that several robots join, as they reach it: messages in, messages out.

It knows nothing of Ray: :mod:`hil_app.remote.actor` lends it to a cluster. What comes and goes is
bytes, JSON and safetensors; there is no pickle::

    station = Station(folder)
    answer = unpacked(station.call(packed("join", {...})))

Records of a stream come in their order and are numbered from 1. One that came before is left out,
and one that comes too early is left for the bridge to send again, behind those that are missing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from configs.errors import HilAppError
from hil_app.events import LearnerFailed
from configs.events import Event
from hil_app.learning.elsewhere.experiences import unpack_row
from hil_app.learning.elsewhere.block import Layout
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import Learner, Progress
from hil_app.learning.shared.arrivals import FrameCheck, FrameRefused
from hil_app.learning.shared.store import DEMONSTRATE, OFFER, SharedStore, arrived
from hil_app.remote.pupil import Pupil, make_pupil
from hil_app.support.spool import SpoolDamaged, records
from hil_app.support.wire import Message, WireError, packed, unpacked

GONE_S = 10.0  # after which a robot that says nothing is taken to be away
WAIT_S = 0.5  # that a call may wait for what it has brought to be dealt with
BUSY_S = 1.0  # that it may take to hand over what it has brought
KEEP_EVERY_S = 20.0  # from one checkpoint to the next, while there is something new


class Refused(HilAppError):
    """A robot cannot join; the message says why and what to do."""


@dataclass
class Visitor:
    """A robot's stream, as it is connected."""

    stream: str
    robot: str
    received: int  # number of the last record that was handed over
    done: int  # number of the last one that is dealt with
    resting: bool = False
    gone: bool = False
    seen: float = 0.0  # when it called last, monotonic [s]
    refused: int = 0  # frames
    refusing: bool = False  # the rest of this episode
    news: deque[tuple[int, str, dict[str, Any]]] = field(default_factory=lambda: deque(maxlen=500))
    verdict: dict[str, Any] | None = None  # of its last evaluation
    lock: threading.Lock = field(default_factory=threading.Lock)


class Station:
    """A learner with its checkpoints in ``folder``; any thread may call."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self._folder, self._facts = folder, facts
        self._lock = threading.RLock()
        self._pupil: Pupil | None = None
        self._visitors: dict[str, Visitor] = {}
        self._news = 0  # that were told
        self._changed = threading.Condition()
        self._warm_start_over = threading.Event()
        self._content: tuple[int, bytes] = (0, b"")  # weights as bytes, and their version
        self._started = time.time()
        self._over = threading.Event()
        self._go_on()
        threading.Thread(target=self._keep_house, name="house", daemon=True).start()

    def call(self, data: bytes) -> bytes:
        """Do what a message asks for; returns the answer."""
        try:
            message = unpacked(data)
            doing: Callable[[Message], bytes] = {
                "join": self._join,
                "push": self._push,
                "weights": self._weights,
                "leave": self._leave,
                "status": self._status,
                "close": self._close,
            }[message.kind]
            return doing(message)
        except (HilAppError, WireError, SpoolDamaged, KeyError, TypeError, ValueError) as error:
            return packed("refused", {"cause": _line(error)})

    # Joining

    def _join(self, message: Message) -> bytes:
        facts = message.facts
        with self._lock:
            self._check_version(facts)
            if self._pupil is None:
                self._take(make_pupil(facts["setup"], self._folder, self._hear, self._log))
            pupil = self._pupil
            assert pupil is not None
            pupil.check_fits(facts["setup"])
            visitor = self._visit(facts["stream"], facts["robot"], facts["share"])
        return packed(
            "joined",
            {
                "received": visitor.received,
                "durable": pupil.durable.get(visitor.stream, 0),
                "architecture": pupil.layout.architecture.hex(),
                "size": pupil.layout.size,
                "news": self._news,
                **self._facts,
            },
        )

    def _check_version(self, facts: dict[str, Any]) -> None:
        ours = version("hil-app")
        if facts["version"] != ours:
            raise Refused(
                f"this robot has hil-app {facts['version']}, and the learner {ours}: install the "
                "same on both"
            )

    def _take(self, pupil: Pupil) -> None:
        pupil.learner.waits = False
        pupil.learner.dealt = self._note_dealt
        pupil.learner.__enter__()
        self._pupil = pupil

    def _visit(self, stream: str, robot: str, share: float) -> Visitor:
        assert self._pupil is not None
        own = self._pupil.store.join(stream, robot, share)
        known = self._visitors.get(stream)
        if known is None:
            known = Visitor(stream, robot, own.number, own.number)
            self._visitors[stream] = known
        known.seen, known.gone = time.monotonic(), False
        return known

    def _go_on(self) -> None:
        """Go on from the newest checkpoint, if there is one."""
        pupil = make_pupil(None, self._folder, self._hear, self._log)
        if pupil is not None:
            self._take(pupil)
            for name, stream in pupil.store.streams.items():
                self._visitors[name] = Visitor(
                    name, stream.robot, stream.number, stream.number, gone=True
                )

    # What robots send

    def _push(self, message: Message) -> bytes:
        facts = message.facts
        visitor = self._visitors.get(facts["stream"])
        if visitor is None or self._pupil is None:
            return packed("unknown")
        visitor.seen, visitor.gone = time.monotonic(), False
        if facts.get("stop"):
            self._warm_start_over.set()
        with visitor.lock:
            self._hand_over(visitor, message.arrays)
        self._wait_until_dealt(visitor)
        return self._news_for(visitor, facts["news"])

    def _hand_over(self, visitor: Visitor, data: bytes) -> None:
        """Hand over the records that are new, as many as the learner has room for."""
        end, learner = time.monotonic() + BUSY_S, self._pupil.learner
        for number, payload in records(data):
            behind = sum(one.received - one.done for one in [*self._visitors.values()])
            room = behind < self._pupil.queue_size // 2
            if number > visitor.received + 1 or not room or time.monotonic() > end:
                return
            if number <= visitor.received:
                continue
            self._deal(visitor, number, payload, learner)
            visitor.received = number

    def _deal(self, visitor: Visitor, number: int, payload: bytes, learner: Learner) -> None:
        """Have the learner deal with a record, whatever is in it."""
        store, stream = self._pupil.store, visitor.stream
        note: Callable[[], None] = partial(store.dealt, stream, number)
        try:
            message = unpacked(payload)
            if message.kind in (OFFER, DEMONSTRATE):
                frame = arrived(stream, number, payload, message, store.streams[stream].frames)
                self._check(visitor, frame)
                (learner.offer if message.kind == OFFER else learner.demonstrate)(frame)
                return
            if message.kind == "row":
                row = unpack_row(message)
                note = partial(store.begin_with, stream, number, row, message.facts["weight"])
            elif message.kind == "warm_start":
                self._warm_start_over.clear()
                learner.begin_warm_start(message.facts["updates"], self._warm_start_over)
            elif message.kind in ("rest", "go_on"):
                visitor.resting = message.kind == "rest"
                self._rest_if_all_do()
            elif message.kind == "verdict":
                visitor.verdict = message.facts
                self._tell_others(visitor, message.facts)
        except (FrameRefused, WireError, KeyError, TypeError, ValueError) as error:
            note = partial(store.refuse, stream, number)
            self._refuse(visitor, number, error)
        learner.do(note)

    def _check(self, visitor: Visitor, frame: Any) -> None:
        """Raise FrameRefused for a frame that is wrong, and for all after it of its episode."""
        wrong = visitor.refusing
        visitor.refusing = not frame.done if wrong else False
        if wrong:
            raise FrameRefused("an earlier frame of its episode was refused")
        try:
            self._pupil.check.check(frame)
        except FrameRefused:
            visitor.refusing = not frame.done
            raise

    def _refuse(self, visitor: Visitor, number: int, error: Exception) -> None:
        visitor.refused += 1
        cause = f"frame {number} of {visitor.robot} is not learned from: {_line(error)}"
        if visitor.refused == 1 or not visitor.refusing:
            self._tell(visitor, "event", {"class": "FrameNotTaken", "fields": {"cause": cause}})

    def _note_dealt(self, count: int) -> None:
        """In the learner's thread: so many jobs are done."""
        if not count or self._pupil is None:
            return
        numbers = self._pupil.store.numbers()
        with self._changed:
            for visitor in [*self._visitors.values()]:
                visitor.done = numbers.get(visitor.stream, visitor.done)
            self._changed.notify_all()

    def _wait_until_dealt(self, visitor: Visitor) -> None:
        end = time.monotonic() + WAIT_S
        with self._changed:
            while visitor.done < visitor.received and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)

    # What they hear

    def _news_for(self, visitor: Visitor, since: int) -> bytes:
        pupil = self._pupil
        learner = pupil.learner
        facts: dict[str, Any] = {
            "received": visitor.received,
            "done": visitor.done,
            "durable": pupil.durable.get(visitor.stream, 0),
            "progress": asdict(learner.progress),
            "warmed": learner.warmed,
            "version": learner.mailbox.version,
            "refused": visitor.refused,
            "news": [one for one in [*visitor.news] if one[0] > since],
        }
        newest = learner.q_values
        if newest is not None and getattr(newest.frame, "stream", None) == visitor.stream:
            values = (newest.value, newest.disagreement, newest.updates)
            facts["q_values"] = [newest.frame.number, *values]
        with suppress(LearnerDied):
            learner.check()
            return packed("news", facts)
        return packed("refused", {"cause": self._why_dead(learner)})

    def _why_dead(self, learner: Learner) -> str:
        try:
            learner.check()
        except LearnerDied as error:
            return f"{error}; `hil-app learner stop` and `start` begin again at its last checkpoint"
        return ""

    def _tell(self, visitor: Visitor, kind: str, facts: dict[str, Any]) -> None:
        with self._lock:
            self._news += 1
            visitor.news.append((self._news, kind, facts))

    def _tell_others(self, visitor: Visitor, verdict: dict[str, Any]) -> None:
        for other in [*self._visitors.values()]:
            if other is not visitor and not other.gone:
                fields = {"robot": visitor.robot, **verdict}
                self._tell(other, "event", {"class": "OtherEvaluated", "fields": fields})

    def _log(self, frames: int, progress: Progress) -> None:
        for visitor in [*self._visitors.values()]:
            if not visitor.gone:
                self._tell(visitor, "log", {"frames": frames, "progress": asdict(progress)})

    def _hear(self, event: Event) -> None:
        if isinstance(event, LearnerFailed):  # which each robot finds
            return
        facts = {"class": type(event).__name__, "fields": asdict(event)}
        for visitor in [*self._visitors.values()]:
            if not visitor.gone:
                self._tell(visitor, "event", facts)

    def _weights(self, message: Message) -> bytes:
        """The newest weights, if they are newer than those that the bridge has, as bytes."""
        if self._pupil is None:
            return packed("unknown")
        parcel = self._pupil.learner.mailbox.newer_than(message.facts["version"])
        if parcel is None:
            return packed("weights", {"version": message.facts["version"]})
        with self._lock:
            if self._content[0] != parcel.version:
                self._content = parcel.version, self._pupil.layout.content(parcel.weights)
            number, content = self._content
        return packed("weights", {"version": number}, content)

    # Leaving, and what else there is

    def _leave(self, message: Message) -> bytes:
        """A robot has gone; what it has sent is safe once this returns."""
        visitor = self._visitors.get(message.facts["stream"])
        if visitor is None or self._pupil is None:
            return packed("unknown")
        with visitor.lock:
            visitor.gone = True
        self._rest_if_all_do()
        self._wait_until_dealt(visitor)
        self._pupil.keep(self._verdicts())
        return self._news_for(visitor, message.facts["news"])

    def _verdicts(self) -> dict[str, Any]:
        return {one.robot: one.verdict for one in self._visitors.values() if one.verdict}

    def _status(self, message: Message) -> bytes:  # noqa: ARG002
        facts: dict[str, Any] = {**self._facts, "since": self._started, "folder": str(self._folder)}
        facts |= {"version": version("hil-app"), "robots": [], "learner": None}
        pupil = self._pupil
        if pupil is not None:
            facts["learner"] = {
                **asdict(pupil.learner.progress),
                "device": str(pupil.device),
                "checkpoint": pupil.newest,
                "dead": self._why_dead(pupil.learner),
            }
            facts["robots"] = [self._about(one) for one in [*self._visitors.values()]]
        return packed("status", facts)

    def _about(self, visitor: Visitor) -> dict[str, Any]:
        store = self._pupil.store
        return {
            "robot": visitor.robot,
            "stream": visitor.stream,
            "here": not visitor.gone,
            "received": visitor.received,
            "safe": self._pupil.durable.get(visitor.stream, 0),
            "refused": visitor.refused,
            "rows": len(store.online.buffers[visitor.robot]),
            "shown": len(store.offline.buffers[visitor.robot]),
            "share": store.online.shares.get(visitor.robot, 1.0),
            "evaluation": visitor.verdict,
        }

    def _close(self, message: Message) -> bytes:
        """Keep everything, and learn no more."""
        self._over.set()
        if self._pupil is not None:
            self._pupil.keep(self._verdicts())
            self._pupil.learner.__exit__(LearnerDied)  # whatever it says
        return self._status(message)

    def _rest_if_all_do(self) -> None:
        """Let the learner run free only while a robot that is here wants it to."""
        if self._pupil is not None:
            here = [one for one in [*self._visitors.values()] if not one.gone]
            resting = all(one.resting for one in here)
            if resting != self._pupil.resting:
                self._pupil.resting = resting
                self._pupil.learner.set_resting(resting=resting)

    def _keep_house(self) -> None:
        """Notice who is gone, and keep what is new, now and then."""
        kept = time.monotonic()
        while not self._over.wait(1.0):
            now = time.monotonic()
            for visitor in [*self._visitors.values()]:
                visitor.gone |= now - visitor.seen > GONE_S
            with suppress(LearnerDied):
                self._rest_if_all_do()
                pupil = self._pupil
                if pupil is not None and now - kept > KEEP_EVERY_S and pupil.has_news:
                    kept = now
                    pupil.keep(self._verdicts(), wait=False)


def _line(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return said if isinstance(error, HilAppError | ValueError) else f"{type(error).__name__}: {said}"
