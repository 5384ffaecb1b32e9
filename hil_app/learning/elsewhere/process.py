"""The learner in a process of its own, as a run sees it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Self

from configs.learning.learner import LearnerConfig
from hil_app import events as classes
from hil_app.events import LearnerFailed
from hil_app.learning.buffer.returns import Row
from hil_app.learning.checkpoint import POLICY, Tensors, own_tensors
from hil_app.learning.elsewhere.block import SharedMailbox, WeightsBlock
from hil_app.learning.elsewhere.child import Child
from hil_app.learning.elsewhere.experiences import FramePacker, pack_row
from hil_app.learning.elsewhere.snapshots import SnapshotReceiver, SnapshotSender
from hil_app.learning.elsewhere.wire import Message
from hil_app.learning.experience import Experience
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import POLL, Log, Progress, died_of
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.weights import copy_into
from hil_app.learning.sac.q_values import QValues
from hil_app.support.events import EventLog
from hil_app.support.worker import Worker

SILENT_S = 20.0  # that the process may say nothing; it has a thread that does nothing else
START_S = 180.0  # that it may take to say the first word: it loads torch
_RECENT = 64  # frames that Q-values may still come for
_REMEDY = "`hil-app train --resume` goes on from the last checkpoint"

_Parcel = tuple[str, dict[str, Any], bytes]  # as `Connection.send` takes it


class LearnerProcess:
    """`Learner` (see there) in a process of its own, which runs ``module``.

    ``setup`` says, in JSON values, what it is to make; ``policy`` has its networks, and has the
    newest weights, too, once the learner is left. Nothing that is called in a tick waits for the
    process: frames go through a thread, and weights come in shared memory. A process that ends,
    or says nothing for long, is a LearnerDied, as a thread that dies is; the frames until the
    last snapshot are in that.
    """

    def __init__(
        self,
        module: str,
        setup: Mapping[str, Any],
        policy: GaussianActorPolicy,
        config: LearnerConfig,
        events: EventLog,
        log: Log | None = None,
    ) -> None:
        self.progress = Progress()
        self.q_values: QValues | None = None
        self._block = WeightsBlock(policy.get_weights())
        self.mailbox = SharedMailbox(self._block)
        self._module, self._setup, self._policy = module, setup, policy
        self._config, self._events, self._log = config, events, log
        self._lockstep = config.mode == "lockstep"
        self._child: Child | None = None
        self._sender: Worker[Callable[[], _Parcel]] | None = None
        self._receiver = threading.Thread(target=self._receive, name="learner answers")
        self._changed = threading.Condition()
        self._failure: str | None = None
        self._ready = self._ended = self._closing = False
        self._heard = self._looked = 0.0  # when the process said something; when this was looked at
        self._count = self._done = 0  # messages handed over, dealt with
        self._packer = FramePacker()
        self._snapshots = SnapshotReceiver()
        self._keeps: dict[int, Callable[[Tensors], None]] = {}  # by number of message
        self._recent: deque[tuple[int, Experience]] = deque(maxlen=_RECENT)
        self._restoring: Tensors | None = None
        self._compile_problem: str | None = None

    @property
    def process_id(self) -> int | None:
        """By which the system knows the process; None while there is none."""
        return None if self._child is None else self._child.process_id

    # Before entering.

    def restore(self, tensors: Tensors) -> None:
        """See `Learner.restore`; what does not fit beside the policy is found at the start."""
        copy_into(own_tensors(self._policy), tensors[POLICY])
        self._restoring = tensors

    def begin_with(self, rows: Iterable[Row], weight: float) -> int:
        """See `Learner.begin_with`."""
        child, count = self._opened(), 0
        for row in rows:
            facts, arrays = pack_row(row)
            self._send(child, "row", {**facts, "weight": weight}, arrays)
            count += 1
        self._await(child.connection.sent)
        return count

    def warm_up(self) -> str | None:
        """See `Learner.warm_up`."""
        child = self._opened()
        self._send(child, "warm_up")
        self._await(child.connection.sent)
        return self._compile_problem

    def __enter__(self) -> Self:
        child = self._opened()
        self._send(child, "enter")
        self._count = child.connection.sent
        self._sender = Worker("learner link", self._hand_out, failed=self._not_sent)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            self._put(lambda: ("end", {}, b""))
            self._wait_for(lambda: self._ended)
        except LearnerDied:
            if kind is None:
                raise
        finally:
            self.close()
            with suppress(LearnerDied):
                if (parcel := self.mailbox.newer_than(0)) is not None:
                    self._policy.load_actor_weights(parcel.weights)

    def close(self) -> None:
        """End the process, if it runs, and let go of all that is shared with it."""
        child, self._child = self._child, None
        if child is None:
            return
        self._closing = True
        child.end(now=not self._ended)
        if self._sender is not None:
            self._sender.close()
        if self._receiver.is_alive():
            self._receiver.join()
        child.connection.close()
        self._block.close()

    # In the loop.

    def offer(self, frame: Experience) -> None:
        """See `Learner.offer`."""
        self._hand_over("offer", frame)

    def demonstrate(self, frame: Experience) -> None:
        """See `Learner.demonstrate`."""
        self._hand_over("demonstrate", frame)

    def rest(self, meanwhile: Callable[[], None] | None = None) -> None:
        """See `Learner.rest`."""
        self._await(self._put(lambda: ("rest", {}, b"")), meanwhile)

    def go_on(self) -> None:
        """See `Learner.go_on`."""
        self._put(lambda: ("go_on", {}, b""))

    def snapshot(self, keep: Callable[[Tensors], None]) -> None:
        """See `Learner.snapshot`; ``keep`` is called in a thread that listens to the process."""
        self._keeps[self._count + 1] = keep
        number = self._put(lambda: ("snapshot", {}, b""))
        if self._lockstep:
            self._await(number)

    def check(self) -> None:
        """Raise :class:`LearnerDied` if the learner has, or its process ended or says nothing."""
        now, most = time.monotonic(), SILENT_S if self._ready else START_S
        if now - self._looked > most / 2:  # it may be this program that stood still
            self._heard = max(self._heard, now - most / 2)
        self._looked = now
        if self._child is not None and not self._ended and now - self._heard > most:
            cause = f"its process has said nothing for {most:g} s; {_REMEDY}"
            self._fail(f"the learner died: {cause}")
        if self._failure is not None:
            raise LearnerDied(self._failure)

    def _hand_over(self, kind: str, frame: Experience) -> None:
        if self._count - self._done >= self._config.queue_size:
            self.check()
            raise LearnerDied(
                f"{self._config.queue_size} frames wait for the learner, which cannot keep up: "
                "lower env.fps or raise learner.queue_size"
            )
        self._recent.append((self._count + 1, frame))
        number = self._put(lambda: (kind, *self._packer.pack(frame)))
        if self._lockstep:
            self._await(number)

    def _put(self, parcel: Callable[[], _Parcel]) -> int:
        """Have it made and sent, in a thread; returns its number."""
        self.check()
        if self._sender is None or self._child is None:
            raise LearnerDied("the learner is not running: use it inside its `with` block")
        self._count += 1
        self._sender.put(parcel)
        return self._count

    def _await(self, number: int, meanwhile: Callable[[], None] | None = None) -> None:
        """Return once so many messages have been dealt with."""
        self._wait_for(lambda: self._done >= number, meanwhile)

    def _wait_for(
        self, there: Callable[[], bool], meanwhile: Callable[[], None] | None = None
    ) -> None:
        while not there():
            self.check()
            if meanwhile is not None:
                meanwhile()
                continue
            with self._changed:
                self._changed.wait_for(lambda: there() or self._failure is not None, POLL)

    def _opened(self) -> Child:
        """The process, which is started, and brought to where the run was, if it is not there."""
        if self._child is not None:
            return self._child
        try:
            self._child = child = Child(self._module, [self._block.file])
        except OSError as error:
            raise LearnerDied(f"the learner's process cannot be started: {error}") from error
        try:
            self._begin(child)
        except BaseException:
            self.close()
            raise
        return child

    def _begin(self, child: Child) -> None:
        self._heard = time.monotonic()
        self._receiver.start()
        self._send(child, "setup", {**self._setup, "block": self._block.file})
        self._wait_for(lambda: self._ready)
        if (tensors := self._restoring) is not None:
            self._restoring = None
            with self._why_if_gone():
                SnapshotSender(child.connection).send(tensors)
            self._send(child, "restore")
            self._await(child.connection.sent)

    def _send(
        self, child: Child, kind: str, facts: dict[str, Any] | None = None, arrays: bytes = b""
    ) -> None:
        """Send at once. Raises LearnerDied if there is nobody any more."""
        with self._why_if_gone():
            child.connection.send(kind, facts, arrays)

    @contextmanager
    def _why_if_gone(self) -> Iterator[None]:
        """Where sending fails, wait until it is known why, and raise that as LearnerDied."""
        try:
            yield
        except OSError:
            self._wait_for(lambda: False)

    # What follows runs in the thread that sends.

    def _hand_out(self, parcels: list[Callable[[], _Parcel]]) -> None:
        child = self._child
        for parcel in parcels:
            with suppress(OSError):  # whoever receives tells of it
                if child is not None:
                    child.connection.send(*parcel())

    def _not_sent(self, error: BaseException) -> None:
        self._fail(str(died_of(error)))

    # What follows runs in the thread that receives.

    def _receive(self) -> None:
        child = self._child
        assert child is not None
        try:
            while (message := child.connection.receive()) is not None:
                self._heard = time.monotonic()
                self._take(message)
        except OSError:  # it was cut off
            pass
        except Exception as error:
            self._fail(str(died_of(error)))
        if not (self._closing or self._ended):
            self._fail(f"the learner died: {child.why()}; {_REMEDY}")

    def _take(self, message: Message) -> None:
        kind, facts = message.kind, message.facts
        if kind == "state":
            self._take_state(facts)
        elif kind == "log" and self._log is not None:
            self._log(facts["frames"], Progress(**facts["progress"]))
        elif kind == "event":
            self._events.emit(getattr(classes, facts["class"])(**facts["fields"]))
        elif kind == "snapshot":
            tensors, keep = self._snapshots.done(), self._keeps.pop(facts["number"], None)
            if keep is not None:
                keep(tensors)
        elif kind == "died":
            self._fail(facts["cause"], told=True)
        elif kind == "warmed_up":
            self._compile_problem = facts["problem"]
        else:
            self._ready |= kind == "ready"
            self._ended |= kind == "ended"
            self._snapshots.take(message)
        with self._changed:
            self._changed.notify_all()

    def _take_state(self, facts: Mapping[str, Any]) -> None:
        self.progress = Progress(**facts["progress"])
        if found := facts.get("q_values"):
            number, *values = found
            for known, frame in [*self._recent]:
                if known == number:
                    self.q_values = QValues(frame, *values)
        self._done = facts["done"]
        for number in [n for n in [*self._keeps] if n <= self._done]:  # it could not be taken
            self._keeps.pop(number, None)

    def _fail(self, failure: str, *, told: bool = False) -> None:
        """Nothing is learned from here on; the learner may have ``told`` of it by an event."""
        with self._changed:
            first, self._failure = self._failure is None, self._failure or failure
            self._changed.notify_all()
        if first and not told:
            cause = failure.removeprefix("the learner died: ")
            self._events.emit(LearnerFailed(cause=cause))
