"""The learner thread: frames in through a queue, weights out through a mailbox."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Self

import torch

from configs.errors import HilAppError
from configs.learner import LearnerConfig
from hil_app.events import LearnerFailed, UpdateSkipped, WeightsWithheld
from hil_app.learning.algorithm import TrainingStats
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.returns import NStepReturns, Row
from hil_app.learning.checkpoint import ALGORITHM, POLICY, TRAINING, Tensors, own_tensors
from hil_app.learning.experience import Experience
from hil_app.learning.mailbox import Mailbox
from hil_app.learning.networks.weights import check_finite, copy_into, cpu_copy
from hil_app.learning.sac.q_values import Judge, Judgement
from hil_app.learning.trainer import RLTrainer
from hil_app.support.events import EventLog

POLL = 0.1  # how often a waiting thread looks up [s]
ONLINE, OFFLINE, COUNTS = "online", "offline", "learner"  # groups of a snapshot's tensors


@dataclass(frozen=True, slots=True)
class _Job:
    """Something for the learner's thread to do."""

    task: Callable[[], None]
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Counts:
    """What the learner has done so far."""

    frames: int = 0  # of the policy's own episodes
    updates: int = 0
    told: int = 0  # whether it has told of an update that was skipped


class LearnerDied(HilAppError):
    """The learner can go on no longer; the message has the cause."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the learner is; replaced as a whole, so it can be read at any time."""

    updates: int = 0
    updates_per_second: float = 0.0
    online: int = 0  # transitions
    offline: int = 0  # transitions
    stats: dict[str, float] = field(default_factory=dict)  # losses, gradient norms and the like


Log = Callable[[int, Progress], None]  # called with the frames learned from so far


class Learner:
    """Owns the buffers and the trainer while its thread runs; the loop only calls :meth:`offer`.

    ::

        with learner:
            loop.episode(seed, [learner.offer])   # the policy reads learner.mailbox

    In lockstep mode ``offer`` returns when the tick's updates are done; in background mode it
    never waits. ``log`` is called, in the thread, after every ``log_every`` updates. ``judge`` gets
    the newest frame offered, and ``judgement`` is what it made of it. Raises :class:`LearnerDied`
    if the thread has ended or cannot keep up.
    """

    def __init__(
        self,
        trainer: RLTrainer,
        online: ReplayBuffer,
        offline: ReplayBuffer,
        config: LearnerConfig,
        discount: float,
        events: EventLog,
        log: Log | None = None,
        log_every: int = 50,
        judge: Judge | None = None,
    ) -> None:
        self.mailbox = Mailbox()
        self.progress = Progress()
        self.judgement: Judgement | None = None  # replaced as a whole, like progress
        self._trainer, self._online, self._offline = trainer, online, offline
        self._config, self._events = config, events
        self._log, self._log_every = log, log_every
        self._judge = judge
        self._unjudged: Experience | None = None
        self._lockstep = config.mode == "lockstep"
        keep = trainer.algorithm.policy.replay_state  # where an observation becomes a row's state
        self._returns = {
            demonstration: NStepReturns(config.n_steps, discount, keep)
            for demonstration in (False, True)
        }
        self._shown: list[Row] = []  # of the demonstration under way
        self._queue: queue.Queue[_Job] = queue.Queue(config.queue_size)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="learner")
        self._resting = False
        self._counts = _Counts()
        self._withheld = 0  # times that weights or a snapshot were not handed out
        self._clock: deque[float] = deque(maxlen=100)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            self.check()

    def offer(self, frame: Experience) -> None:
        """Learn from a frame of the policy's own episodes, interventions included."""
        self._hand_over(partial(self._learn, frame))

    def demonstrate(self, frame: Experience) -> None:
        """Keep a frame of a demonstration for the offline buffer, unless it is re-recorded."""
        self._hand_over(partial(self._store, frame, demonstration=True))

    def rest(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Stop running free until :meth:`go_on`; returns once the update under way is done.

        Until then ``meanwhile``, which takes its time, is called again and again.
        """
        job = self._put(partial(self._set_resting, True))
        while meanwhile is not None and not job.done.is_set():
            self.check()
            meanwhile()
        self._await(job)

    def go_on(self) -> None:
        """Run free again."""
        self._put(partial(self._set_resting, False))

    def snapshot(self, keep: Callable[[Tensors], None]) -> None:
        """Have ``keep`` called with copies of all that going on takes, as of the frames so far.

        It is called in the learner's thread, once that has come to the frames offered last; in
        lockstep that is before this returns. The frame offered last must have ended its episode.
        While weights are not finite it is not called: nothing could go on from them.
        """
        job = self._put(partial(self._keep_state, keep))
        if self._lockstep:
            self._await(job)

    def restore(self, tensors: Tensors) -> None:
        """Go on from what :meth:`snapshot` gave; call it before entering.

        Raises KeyError, ValueError or RuntimeError if it is of another algorithm or other networks.
        """
        algorithm = self._trainer.algorithm
        copy_into(own_tensors(algorithm.policy), tensors[POLICY])
        algorithm.load_state_dict(dict(tensors[ALGORITHM]))
        algorithm.load_training_state(tensors[TRAINING])
        self._online.load_state_dict(tensors[ONLINE])
        self._offline.load_state_dict(tensors[OFFLINE])
        self._counts = _Counts(**{name: int(value) for name, value in tensors[COUNTS].items()})
        if self._counts.updates:
            self.mailbox.publish(self._counts.updates, algorithm.get_weights())
        self.progress = Progress(self._counts.updates, 0.0, len(self._online), len(self._offline))

    def begin_with(self, rows: Iterable[Row], weight: float) -> int:
        """Put recorded rows, each of this ``weight``, into the offline buffer, before entering.

        Returns how many there were.
        """
        count = 0
        for row in rows:
            self._offline.add(**row.transition(), weight=weight)
            count += 1
        self.progress = replace(self.progress, offline=len(self._offline))
        return count

    def check(self) -> None:
        """Raise :class:`LearnerDied` if the thread has died."""
        if self._error is not None:
            raise LearnerDied(f"the learner died: {_in_one_line(self._error)}") from self._error

    def _hand_over(self, task: Callable[[], None]) -> None:
        """Queue what a tick asks for: without waiting, unless in lockstep."""
        try:
            job = self._put(task, patient=False)
        except queue.Full:
            raise LearnerDied(
                f"{self._config.queue_size} frames wait for the learner, which cannot keep up: "
                "lower env.fps or raise learner.queue_size"
            ) from None
        if self._lockstep:
            self._await(job)

    def _put(self, task: Callable[[], None], *, patient: bool = True) -> _Job:
        job = _Job(task)
        while True:
            running = self._thread.is_alive()
            self.check()
            if not running:
                raise LearnerDied("the learner is not running: use it inside its `with` block")
            try:
                self._queue.put(job, block=patient, timeout=POLL)
            except queue.Full:
                if not patient:
                    raise
            else:
                return job

    def _await(self, job: _Job) -> None:
        while not job.done.wait(POLL):
            self.check()

    # What follows runs in the learner's thread.

    def _run(self) -> None:
        try:
            with closing(self._trainer):
                while not self._stop.is_set():
                    self._work()
                    if self._free:
                        self._update()
                self._work()  # what came last
        except BaseException as error:
            self._error = error
            self._events.emit(LearnerFailed(cause=_in_one_line(error)))

    def _work(self) -> None:
        """Do all that waits in the queue, or else wait a moment for something to do."""
        try:
            while True:
                idle = not (self._free or self._stop.is_set())
                job = self._queue.get(block=idle, timeout=POLL)
                job.task()
                if self._queue.empty():  # else a newer frame may follow
                    self._judge_newest()
                job.done.set()
        except queue.Empty:
            pass

    @property
    def _ready(self) -> bool:
        return len(self._online) >= self._config.learning_starts

    @property
    def _free(self) -> bool:
        """Whether updates are to be made as fast as the machine allows."""
        return not self._lockstep and self._ready and not self._resting

    def _keep_state(self, keep: Callable[[Tensors], None]) -> None:
        state = self._state()
        try:
            for group in (POLICY, ALGORITHM, TRAINING):
                check_finite(state[group], group)
        except ValueError as error:
            self._withhold(error)
        else:
            keep(state)

    def _state(self) -> Tensors:
        algorithm = self._trainer.algorithm
        return {
            POLICY: cpu_copy(own_tensors(algorithm.policy)),
            ALGORITHM: cpu_copy(algorithm.state_dict()),
            TRAINING: algorithm.training_state(),
            ONLINE: self._online.state_dict(),
            OFFLINE: self._offline.state_dict(),
            COUNTS: {name: torch.tensor(value) for name, value in asdict(self._counts).items()},
        }

    def _set_resting(self, resting: bool) -> None:
        self._resting = resting

    def _learn(self, frame: Experience) -> None:
        self._store(frame, demonstration=False)
        self._counts.frames += 1
        if self._lockstep and self._ready and self._counts.frames % self._config.train_freq == 0:
            for _ in range(self._config.gradient_steps):
                self._update()
        self._unjudged = frame

    def _judge_newest(self) -> None:
        """Judge the newest frame, unless nobody wants to know or it has been."""
        frame, self._unjudged = self._unjudged, None
        if self._judge is not None and frame is not None:
            self.judgement = self._judge(frame, self._counts.updates)

    def _store(self, frame: Experience, demonstration: bool) -> None:
        rows = self._returns[demonstration].push(frame)
        if demonstration:
            self._keep_demonstration(frame, rows)
        else:
            self._keep(rows)
        online, offline = len(self._online), len(self._offline)
        self.progress = replace(self.progress, online=online, offline=offline)

    def _keep(self, rows: list[Row]) -> None:
        for row in rows:
            self._online.add(**row.transition())
            if row.is_intervention:
                self._offline.add(**row.transition())

    def _keep_demonstration(self, frame: Experience, rows: list[Row]) -> None:
        """Demonstrations wait for their end: the person may ask to do one again."""
        self._shown += rows
        if not frame.done:
            return
        for row in [] if frame.rerecord else self._shown:
            self._offline.add(**row.transition())
        self._shown = []

    def _update(self) -> None:
        stats = self._trainer.training_step()
        self._counts.updates += 1
        try:
            self.mailbox.publish(self._counts.updates, self._trainer.algorithm.get_weights())
        except ValueError as error:
            self._withhold(error)
        self._report(stats)
        self._check_health()

    def _withhold(self, cause: ValueError) -> None:
        """Leave the policy and the checkpoints at the last good weights; tell of it once."""
        if not self._withheld:
            self._events.emit(WeightsWithheld(cause=str(cause), updates=self._counts.updates))
        self._withheld += 1

    def _count_withheld(self) -> dict[str, float]:
        return {"weights_withheld": float(self._withheld)} if self._withheld else {}

    def _report(self, stats: TrainingStats) -> None:
        self._clock.append(time.monotonic())
        elapsed = self._clock[-1] - self._clock[0]
        self.progress = replace(
            self.progress,
            updates=self._counts.updates,
            updates_per_second=(len(self._clock) - 1) / elapsed if elapsed else 0.0,
            stats=stats.to_log_dict() | self._count_withheld(),
        )
        if self._log is not None and self._counts.updates % self._log_every == 0:
            self._log(self._counts.frames, self.progress)

    def _check_health(self) -> None:
        """Tell of the first update that was skipped; end the run after too many in a row."""
        algorithm, limit = self._trainer.algorithm, self._config.max_skipped_updates
        skipped = self.progress.stats.get("skipped_updates", 0.0)
        if skipped and not self._counts.told:
            self._counts.told = 1
            self._events.emit(UpdateSkipped(cause=algorithm.last_skip_cause or "not finite"))
        if self._counts.updates - self.mailbox.version >= limit:
            raise LearnerDied(
                f"the weights of {limit} updates in a row were not finite; lower the learning "
                "rates. learner.max_skipped_updates sets the limit"
            )
        if algorithm.consecutive_skips >= limit:
            raise LearnerDied(
                f"{limit} updates in a row were not finite (the last one: "
                f"{algorithm.last_skip_cause}); look for its source, or lower the learning rates. "
                "learner.max_skipped_updates sets the limit"
            )


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, LearnerDied):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
