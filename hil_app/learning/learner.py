"""The learner thread: frames in through a queue, weights out through a mailbox."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Self

from configs.learner import LearnerConfig
from configs.names import DISCOUNT, DISCRETE_PENALTY, IS_INTERVENTION
from hil_app.events import EventLog
from hil_app.learning.algorithm import TrainingStats
from hil_app.learning.mailbox import Mailbox
from hil_app.learning.replay import ReplayBuffer
from hil_app.learning.returns import NStepReturns, Row
from hil_app.learning.trainer import RLTrainer
from hil_app.recording.frames import Frame

POLL = 0.1  # how often a waiting thread looks up [s]
METRICS_EVERY = 50  # updates between two metrics events


class LearnerDied(Exception):
    """The learner can go on no longer; the message has the cause."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the learner is; replaced as a whole, so it can be read at any time."""

    updates: int = 0
    updates_per_second: float = 0.0
    online: int = 0  # transitions
    offline: int = 0  # transitions
    stats: dict[str, float] = field(default_factory=dict)  # losses, gradient norms and the like


class Learner:
    """Owns the buffers and the trainer while its thread runs; the loop only calls :meth:`offer`.

    ::

        with learner:
            loop.episode(seed, [learner.offer])   # the policy reads learner.mailbox

    In lockstep mode ``offer`` returns when the tick's updates are done; in background mode it
    never waits. Raises :class:`LearnerDied` if the thread has ended or cannot keep up.
    """

    def __init__(
        self,
        trainer: RLTrainer,
        online: ReplayBuffer,
        offline: ReplayBuffer,
        config: LearnerConfig,
        discount: float,
        events: EventLog,
    ) -> None:
        self.mailbox = Mailbox()
        self.progress = Progress()
        self._trainer, self._online, self._offline = trainer, online, offline
        self._config, self._events = config, events
        self._returns = {kind: NStepReturns(config.n_steps, discount) for kind in (False, True)}
        self._shown: list[Row] = []  # of the demonstration under way
        self._queue: queue.Queue[tuple[Frame, bool]] = queue.Queue(config.queue_size)
        self._handled = threading.Semaphore(0)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="learner")
        self._updates = 0
        self._clock: deque[float] = deque(maxlen=100)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            self._check()

    def offer(self, frame: Frame) -> None:
        """Learn from a frame of the policy's own episodes, interventions included."""
        self._put(frame, demonstration=False)

    def demonstrate(self, frame: Frame) -> None:
        """Keep a frame of a demonstration for the offline buffer, unless it is re-recorded."""
        self._put(frame, demonstration=True)

    def _put(self, frame: Frame, demonstration: bool) -> None:
        running = self._thread.is_alive()
        self._check()
        if not running:
            raise LearnerDied("the learner is not running: offer frames inside its `with` block")
        try:
            self._queue.put_nowait((frame, demonstration))
        except queue.Full:
            raise LearnerDied(
                f"{self._config.queue_size} frames wait for the learner, which cannot keep up: "
                "lower env.fps or raise learner.queue_size"
            ) from None
        if self._config.mode == "lockstep":
            while not self._handled.acquire(timeout=POLL):
                self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise LearnerDied(f"the learner died: {_in_one_line(self._error)}") from self._error

    # What follows runs in the learner's thread.

    def _run(self) -> None:
        try:
            step = self._lockstep if self._config.mode == "lockstep" else self._background
            while not self._stop.is_set():
                step()
        except BaseException as error:
            self._error = error
            self._events.emit("learner_died", cause=_in_one_line(error))

    def _lockstep(self) -> None:
        try:
            frame, demonstration = self._queue.get(timeout=POLL)
        except queue.Empty:
            return
        self._store(frame, demonstration)
        if self._ready and not demonstration:
            for _ in range(self._config.updates_per_tick):
                self._update()
        self._handled.release()

    def _background(self) -> None:
        try:
            while True:
                self._store(*self._queue.get(block=not self._ready, timeout=POLL))
        except queue.Empty:
            pass
        if self._ready:
            self._update()

    @property
    def _ready(self) -> bool:
        return len(self._online) >= self._config.learning_starts

    def _store(self, frame: Frame, demonstration: bool) -> None:
        rows = self._returns[demonstration].push(frame)
        if demonstration:
            self._keep_demonstration(frame, rows)
        else:
            self._keep(rows)
        online, offline = len(self._online), len(self._offline)
        self.progress = replace(self.progress, online=online, offline=offline)

    def _keep(self, rows: list[Row]) -> None:
        for row in rows:
            _add(self._online, row)
            if row.is_intervention:
                _add(self._offline, row)

    def _keep_demonstration(self, frame: Frame, rows: list[Row]) -> None:
        """Demonstrations wait for their end: the person may ask to do one again."""
        self._shown += rows
        if not frame.done:
            return
        for row in [] if frame.rerecord else self._shown:
            _add(self._offline, row)
        self._shown = []

    def _update(self) -> None:
        stats = self._trainer.training_step()
        self._updates += 1
        self.mailbox.publish(self._updates, self._trainer.algorithm.get_weights())
        self._report(stats)

    def _report(self, stats: TrainingStats) -> None:
        self._clock.append(time.monotonic())
        elapsed = self._clock[-1] - self._clock[0]
        self.progress = replace(
            self.progress,
            updates=self._updates,
            updates_per_second=(len(self._clock) - 1) / elapsed if elapsed else 0.0,
            stats=stats.to_log_dict(),
        )
        if self._updates % METRICS_EVERY == 0:
            self._events.emit("learner", updates=self._updates, **self.progress.stats)


def _in_one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _add(buffer: ReplayBuffer, row: Row) -> None:
    buffer.add(
        state=row.state,
        action=row.action,
        reward=row.reward,
        next_state=row.next_state,
        done=row.done,
        truncated=row.truncated,
        complementary_info={
            DISCRETE_PENALTY: row.discrete_penalty,
            IS_INTERVENTION: float(row.is_intervention),
            DISCOUNT: row.discount,
        },
    )
