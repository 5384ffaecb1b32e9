"""The learner thread: frames in through a queue, weights out through a mailbox."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import torch
from torch import Tensor

from configs.learning.learner import LearnerConfig
from hil_app.events import LearnerFailed
from hil_app.learning.algorithm import TrainingStats
from hil_app.learning.buffer.returns import Row
from hil_app.learning.checkpoint import ALGORITHM, POLICY, TRAINING, Tensors, own_tensors
from hil_app.learning.experience import Experience
from hil_app.learning.health import Health, LearnerDied
from hil_app.learning.mailbox import Mailbox
from hil_app.learning.networks.weights import check_finite, copy_into, cpu_copy
from hil_app.learning.sac.q_values import QValues, QValuesOf
from hil_app.learning.store import AnyStore
from hil_app.learning.trainer import RLTrainer
from hil_app.support.events import EventLog
from hil_app.support.worker import Worker

POLL = 0.1  # how often a waiting thread looks up [s]
COUNTS = "learner"  # group of a snapshot's tensors
WARMED = "warmed"  # of those counts
_STATS = "stats."  # how the names begin there of what the last update reported


def pause() -> None:
    """Take the time between two looks."""
    time.sleep(POLL)


@dataclass(frozen=True, slots=True)
class _Job:
    """Something for the learner's thread to do."""

    task: Callable[[], None]
    done: threading.Event = field(default_factory=threading.Event)


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
    """Owns the store and the trainer while its thread runs; the loop only calls :meth:`offer`.

    ::

        with learner:
            loop.episode(seed, [learner.offer])   # the policy reads learner.mailbox

    In lockstep mode ``offer`` returns when the tick's updates are done; in background mode it
    never waits. ``log`` is called, in the thread, after every ``log_every`` updates.
    ``q_values_of`` gets the newest frame offered, and ``q_values`` is what came of it. Raises
    :class:`LearnerDied` if the thread has ended or cannot keep up.
    """

    def __init__(
        self,
        trainer: RLTrainer,
        store: AnyStore,
        config: LearnerConfig,
        events: EventLog,
        log: Log | None = None,
        log_every: int = 50,
        q_values_of: QValuesOf | None = None,
    ) -> None:
        self.mailbox = Mailbox()
        self.progress = Progress()
        self.q_values: QValues | None = None  # replaced as a whole, like progress
        # called in the thread with how much was dealt with, and with 0 after an update
        self.dealt: Callable[[int], None] = lambda _: None
        self._trainer, self._store = trainer, store
        self._config, self._events = config, events
        self._log, self._log_every = log, log_every
        self._q_values_of = q_values_of
        self._unjudged: Experience | None = None
        self._lockstep = config.mode == "lockstep"
        self.waits = self._lockstep  # whether what is handed over is dealt with at once
        self._worker: Worker[_Job] | None = None
        self._resting = False
        self._frames = self._updates = 0  # learned from, of the policy's own episodes; made
        self.warmed = 0  # updates from the demonstrations alone, which are among them
        self._health = Health(events, config.max_skipped_updates)
        self._clock: deque[float] = deque(maxlen=100)

    @property
    def lost(self) -> str | None:
        """It is never out of reach."""
        return None

    def __enter__(self) -> Self:
        self._worker = Worker(
            "learner",
            self._work,
            most=self._config.queue_size,
            failed=self._died,
            ended=self._trainer.close,
            eager=self._is_free,
            daemon=False,  # torch at work in it when Python exits would abort the process
        )
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if self._worker is not None:
            self._worker.close()
        if kind is None:
            self.check()

    def offer(self, frame: Experience) -> None:
        """Learn from a frame of the policy's own episodes, interventions included."""
        self._hand_over(partial(self._learn, frame))

    def demonstrate(self, frame: Experience) -> None:
        """Keep a frame of a demonstration for the offline buffer (see `ExperienceStore`)."""
        self._hand_over(partial(self._demonstrate, frame))

    def warm_start(
        self, updates: int, stop: Callable[[], bool], meanwhile: Callable[[], object] = pause
    ) -> None:
        """Learn from the demonstrations alone until it has made so many updates that way.

        Between two looks at ``stop``, which ends it after the update under way, ``meanwhile``,
        which takes its time, is called.
        """
        ended = threading.Event()
        job = self._put(partial(self._warm_start, updates, ended))
        while not job.done.is_set():
            self.check()
            if stop():
                ended.set()
            meanwhile()

    def begin_warm_start(self, updates: int, ended: threading.Event) -> None:
        """The same without waiting: it is over when ``ended`` says so, too."""
        self._put(partial(self._warm_start, updates, ended))

    def do(self, task: Callable[[], None]) -> None:
        """Have something done in the learner's thread, behind all that was handed over."""
        self._put(task)

    def set_resting(self, *, resting: bool) -> None:
        """The same as `rest` or `go_on`, without waiting."""
        self._put(partial(self._set_resting, resting))

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

    def tell(self, verdict: Mapping[str, int]) -> None:
        """Nobody else has to know of an evaluation."""

    def snapshot(self, keep: Callable[[Tensors], None]) -> None:
        """Have ``keep`` called with copies of all that going on takes, as of the frames so far.

        It is called in the learner's thread, once that has come to the frames offered last; in
        lockstep that is before this returns. The frame offered last must have ended its episode.
        While weights are not finite it is not called: nothing could go on from them.
        """
        job = self._put(partial(self._keep_state, keep))
        if self.waits:
            self._await(job)

    def warm_up(self) -> str | None:
        """Before entering, do what would make the first update slow; returns why not all of it."""
        self._trainer.algorithm.warm_up(self._trainer.batch_size)
        return self._trainer.algorithm.compile_problem

    def restore(self, tensors: Tensors) -> None:
        """Go on from what :meth:`snapshot` gave; call it before entering.

        Raises KeyError, ValueError or RuntimeError if it is of another algorithm or other networks.
        """
        algorithm = self._trainer.algorithm
        copy_into(own_tensors(algorithm.policy), tensors[POLICY])
        algorithm.load_state_dict(dict(tensors[ALGORITHM]))
        algorithm.load_training_state(tensors[TRAINING])
        self._store.load_state_dict(tensors)
        counts = {name: value.item() for name, value in tensors[COUNTS].items()}
        self._frames, self._updates = int(counts["frames"]), int(counts["updates"])
        self.warmed = int(counts.get(WARMED, 0))  # nothing in older checkpoints
        self._health.told = bool(counts["told"])  # a number in older checkpoints
        if self._updates:
            self.mailbox.publish(self._updates, algorithm.get_weights())
        found = ((k.removeprefix(_STATS), v) for k, v in counts.items() if k.startswith(_STATS))
        self.progress = Progress(self._updates, stats=dict(found))
        self._count()

    def begin_with(self, rows: Iterable[Row], weight: float) -> int:
        """Put recorded rows, each of this ``weight``, into the offline buffer, before entering.

        Returns how many there were.
        """
        count = self._store.fill(rows, weight)
        self._count()
        return count

    def close(self) -> None:
        """End what was begun before entering, if nobody has entered: of a thread, nothing."""

    def check(self) -> None:
        """Raise :class:`LearnerDied` if the thread has died."""
        error = None if self._worker is None else self._worker.error
        if error is not None:
            raise died_of(error) from error

    def _hand_over(self, task: Callable[[], None]) -> None:
        """Queue what a tick asks for: without waiting, unless in lockstep."""
        job = self._put(task, even_beyond=False)
        if self.waits:
            self._await(job)

    def _put(self, task: Callable[[], None], *, even_beyond: bool = True) -> _Job:
        job = _Job(task)
        worker = self._worker
        if worker is not None and worker.put(job, even_beyond=even_beyond):
            return job
        self.check()
        if worker is None or worker.over:
            raise LearnerDied("the learner is not running: use it inside its `with` block")
        raise LearnerDied(
            f"{self._config.queue_size} frames wait for the learner, which cannot keep up: lower "
            "env.fps or raise learner.queue_size"
        )

    def _await(self, job: _Job) -> None:
        while not job.done.wait(POLL):
            self.check()

    # What follows runs in the learner's thread.

    def _work(self, jobs: list[_Job]) -> None:
        """Do what waited, and an update if they are made as fast as the machine allows."""
        for job in jobs:
            job.task()
            if job is jobs[-1]:  # else a newer frame may follow
                self._evaluate_newest()
            job.done.set()
        if jobs:
            self.dealt(len(jobs))
        if self._is_free():
            self._update(self._trainer.training_step)

    def _died(self, error: BaseException) -> None:
        self._events.emit(LearnerFailed(cause=_in_one_line(error)))

    @property
    def _ready(self) -> bool:
        return len(self._store.online) >= self._config.learning_starts

    def _is_free(self) -> bool:
        """Whether updates are to be made as fast as the machine allows."""
        return not self._lockstep and self._ready and not self._resting

    def _keep_state(self, keep: Callable[[Tensors], None]) -> None:
        state = self._state()
        try:
            for group in (POLICY, ALGORITHM, TRAINING):
                check_finite(state[group], group)
        except ValueError as error:
            self._health.withhold(error, self._updates)
        else:
            keep(state)

    def _state(self) -> Tensors:
        algorithm = self._trainer.algorithm
        counts: dict[str, float] = {"frames": self._frames, "updates": self._updates}
        counts |= {"told": self._health.told, WARMED: self.warmed}
        counts |= {f"{_STATS}{name}": value for name, value in self.progress.stats.items()}
        return {
            POLICY: cpu_copy(own_tensors(algorithm.policy)),
            ALGORITHM: cpu_copy(algorithm.state_dict()),
            TRAINING: algorithm.training_state(),
            COUNTS: {name: _number(value) for name, value in counts.items()},
            **self._store.state_dict(),
        }

    def _set_resting(self, resting: bool) -> None:
        self._resting = resting

    def _learn(self, frame: Experience) -> None:
        self._store.add(frame)
        self._count()
        self._frames += 1
        if self._lockstep and self._ready and self._frames % self._config.train_freq == 0:
            for _ in range(self._config.gradient_steps):
                self._update(self._trainer.training_step)
        self._unjudged = frame

    def _warm_start(self, updates: int, ended: threading.Event) -> None:
        while self.warmed < updates and not ended.is_set():
            self._update(self._trainer.warm_start_step)
            self.warmed += 1

    def _evaluate_newest(self) -> None:
        """Evaluate the newest frame, unless nobody wants to know or it has been."""
        frame, self._unjudged = self._unjudged, None
        if self._q_values_of is not None and frame is not None:
            self.q_values = self._q_values_of(frame, self._updates)

    def _demonstrate(self, frame: Experience) -> None:
        self._store.demonstrate(frame)
        self._count()

    def _count(self) -> None:
        online, offline = len(self._store.online), len(self._store.offline)
        self.progress = replace(self.progress, online=online, offline=offline)

    def _update(self, step: Callable[[], TrainingStats]) -> None:
        stats = step()
        self._updates += 1
        algorithm = self._trainer.algorithm
        try:
            self.mailbox.publish(self._updates, algorithm.get_weights())
        except ValueError as error:
            self._health.withhold(error, self._updates)
        self._report(stats)
        skipped = self.progress.stats.get("skipped_updates", 0.0)
        self._health.check(algorithm, skipped, self._updates - self.mailbox.version)

    def _report(self, stats: TrainingStats) -> None:
        self._clock.append(time.monotonic())
        elapsed = self._clock[-1] - self._clock[0]
        self.progress = replace(
            self.progress,
            updates=self._updates,
            updates_per_second=(len(self._clock) - 1) / elapsed if elapsed else 0.0,
            stats=stats.to_log_dict() | self._health.figures(),
        )
        if self._log is not None and self._updates % self._log_every == 0:
            self._log(self._frames, self.progress)
        self.dealt(0)


def died_of(error: BaseException) -> LearnerDied:
    """What to raise where this has ended a learner."""
    return LearnerDied(f"the learner died: {_in_one_line(error)}")


def _number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, LearnerDied):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
