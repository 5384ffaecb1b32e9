"""The learner in a process of its own, as a run sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Self

from configs.learning.learner import LearnerConfig
from hil_app.learning.buffer.returns import Row
from hil_app.learning.checkpoint import POLICY, Tensors, own_tensors
from hil_app.learning.elsewhere.answers import Answers
from hil_app.learning.elsewhere.block import SharedMailbox, WeightsBlock
from hil_app.learning.elsewhere.child import LearnerChild
from hil_app.learning.elsewhere.experiences import FramePacker, pack_row
from hil_app.learning.elsewhere.snapshots import SnapshotSender
from hil_app.learning.experience import Experience
from hil_app.learning.health import LearnerDied
from hil_app.learning.learner import COUNTS, WARMED, Log, Progress, died_of, pause
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.networks.weights import copy_into
from hil_app.learning.sac.q_values import QValues
from hil_app.support.events import EventLog
from hil_app.support.worker import Worker

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
        self._block = WeightsBlock(policy.get_weights())
        self.mailbox = SharedMailbox(self._block)
        self._module, self._setup, self._policy = module, setup, policy
        self._queue_size, self._lockstep = config.queue_size, config.mode == "lockstep"
        self._child: LearnerChild | None = None
        self._sender: Worker[Callable[[], _Parcel]] | None = None
        self._answers = Answers(events, log)
        self._count = 0  # messages handed over
        self._packer = FramePacker()
        self._restoring: Tensors | None = None

    @property
    def progress(self) -> Progress:
        """How far it was when it said so last."""
        return self._answers.progress

    @property
    def q_values(self) -> QValues | None:
        """See `Learner`."""
        return self._answers.q_values

    @property
    def warmed(self) -> int:
        """See `Learner`."""
        return self._answers.warmed

    @property
    def lost(self) -> str | None:
        """It is never out of reach: without it the run ends."""
        return None

    @property
    def process_id(self) -> int | None:
        """By which the system knows the process; None while there is none."""
        return None if self._child is None else self._child.process_id

    # Before entering.

    def restore(self, tensors: Tensors) -> None:
        """See `Learner.restore`; what does not fit beside the policy is found at the start."""
        copy_into(own_tensors(self._policy), tensors[POLICY])
        if (warmed := tensors[COUNTS].get(WARMED)) is not None:
            self._answers.warmed = int(warmed)
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
        return self._answers.compile_problem

    def __enter__(self) -> Self:
        child = self._opened()
        self._send(child, "enter")
        self._count = child.connection.sent
        self._sender = Worker("learner link", self._hand_out, failed=self._not_sent)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            self._put(lambda: ("end", {}, b""))
            self._answers.wait_for(lambda: self._answers.ended)
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
        self._answers.leave()
        child.end(now=not self._answers.ended)
        if self._sender is not None:
            self._sender.close()
        self._answers.close()
        child.connection.close()
        self._block.close()

    # In the loop.

    def offer(self, frame: Experience) -> None:
        """See `Learner.offer`."""
        self._hand_over("offer", frame)

    def demonstrate(self, frame: Experience) -> None:
        """See `Learner.demonstrate`."""
        self._hand_over("demonstrate", frame)

    def warm_start(
        self, updates: int, stop: Callable[[], bool], meanwhile: Callable[[], None] = pause
    ) -> None:
        """See `Learner.warm_start`."""
        number, stopped = self._put(lambda: ("warm_start", {"updates": updates}, b"")), False
        while self._answers.done < number:
            self.check()
            if stop() and not stopped:
                stopped = True
                self._put(lambda: ("stop", {}, b""))
            meanwhile()

    def rest(self, meanwhile: Callable[[], None] | None = None) -> None:
        """See `Learner.rest`."""
        self._await(self._put(lambda: ("rest", {}, b"")), meanwhile)

    def go_on(self) -> None:
        """See `Learner.go_on`."""
        self._put(lambda: ("go_on", {}, b""))

    def tell(self, verdict: Mapping[str, int]) -> None:
        """Nobody else has to know of an evaluation."""

    def snapshot(self, keep: Callable[[Tensors], None]) -> None:
        """See `Learner.snapshot`; ``keep`` is called in a thread that listens to the process."""
        self._answers.expect(self._count + 1, keep=keep)
        number = self._put(lambda: ("snapshot", {}, b""))
        if self._lockstep:
            self._await(number)

    def check(self) -> None:
        """Raise :class:`LearnerDied` if the learner has, or its process ended or says nothing."""
        self._answers.check()

    def _hand_over(self, kind: str, frame: Experience) -> None:
        if self._count - self._answers.done >= self._queue_size:
            self.check()
            raise LearnerDied(
                f"{self._queue_size} frames wait for the learner, which cannot keep up: lower "
                "env.fps or raise learner.queue_size"
            )
        self._answers.expect(self._count + 1, frame=frame)
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
        self._answers.wait_for(lambda: self._answers.done >= number, meanwhile)

    def _opened(self) -> LearnerChild:
        """The process, which is started, and brought to where the run was, if it is not there."""
        if self._child is not None:
            return self._child
        try:
            self._child = child = LearnerChild(self._module, [self._block.file])
        except OSError as error:
            raise LearnerDied(f"the learner's process cannot be started: {error}") from error
        try:
            self._begin(child)
        except BaseException:
            self.close()
            raise
        return child

    def _begin(self, child: LearnerChild) -> None:
        self._answers.listen(child)
        self._send(child, "setup", {**self._setup, "block": self._block.file})
        self._answers.wait_for(lambda: self._answers.ready)
        if (tensors := self._restoring) is not None:
            self._restoring = None
            with self._why_if_gone():
                SnapshotSender(child.connection).send(tensors)
            self._send(child, "restore")
            self._await(child.connection.sent)

    def _send(
        self,
        child: LearnerChild,
        kind: str,
        facts: dict[str, Any] | None = None,
        arrays: bytes = b"",
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
            self._answers.wait_for(lambda: False)

    # What follows runs in the thread that sends.

    def _hand_out(self, parcels: list[Callable[[], _Parcel]]) -> None:
        child = self._child
        for parcel in parcels:
            with suppress(OSError):  # whoever listens tells of it
                if child is not None:
                    child.connection.send(*parcel())

    def _not_sent(self, error: BaseException) -> None:
        self._answers.fail(str(died_of(error)))
