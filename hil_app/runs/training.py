"""The training run: demonstrate, then learn while the operator takes over when it errs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial

from torch import Tensor

from configs.load import ConfigError
from configs.run import RunConfig
from hil_app.control.episodes import run_episodes
from hil_app.control.help_requests import HelpRequests
from hil_app.control.loop import Loop, Sink
from hil_app.control.monitor import Recording, Stage, always
from hil_app.control.outcomes import DEMONSTRATE, TRAIN, Episode, Evaluation
from hil_app.control.policy import LearnedPolicy, NoPolicy
from hil_app.events import Compiled, Compiling, HoldsForLearner, NotCompiled, NothingLearned
from hil_app.learning.checkpoint import ALGORITHM, POLICY, Snapshot, Tensors
from hil_app.learning.elsewhere.surface import AnyLearner
from hil_app.learning.learner import COUNTS, Progress, pause
from hil_app.recording.frames import Frame
from hil_app.runs.checkpoints import Checkpoints
from hil_app.runs.dataset import recorder
from hil_app.runs.demonstrations import OfflineData, demonstrations_fail, warm_start
from hil_app.runs.evaluation import Evaluator
from hil_app.runs.folder import CHECKPOINTS, DATASET
from hil_app.runs.metrics import Figures, Metrics, of_episode, of_evaluation, of_learner
from hil_app.runs.resume import ACTING, LOOP, Resumed
from hil_app.runs.session import Session
from hil_app.runs.state import RunState
from hil_app.runs.trackers.kinds import trackers_of
from teleop.base import Remembering


class Training:
    """Everything a training run needs beside its session.

    ::

        with Session(config, "train") as session:
            Training(session).run()

    At the end of every episode it takes a snapshot of itself; ``resumed`` is one that it goes on
    from.
    """

    def __init__(self, session: Session, resumed: Resumed | None = None) -> None:
        config = session.config
        _check_that_it_learns(config)
        self._session, self._config, parts = session, config, session.parts
        demonstrator, operator = session.teleop("always"), session.teleop("on_take_over")
        self._fresh, self._before = resumed is None, resumed.state if resumed else RunState()
        self.policy = parts.initial_policy  # has the newest weights once the run is over
        self._metrics = Metrics(
            session.folder,
            session.events,
            partial(trackers_of, session.folder, config, session.events),
        )
        self.learner: AnyLearner = parts.learner(
            self.policy, session.events, self._log_learner, session.folder
        )
        self._episode_frames: list[Frame] = []  # of the episode under way
        self._acting = parts.policy("exploration")
        wanted = config.learner.datasets if self._fresh else []  # a checkpoint has their rows
        self._offline_data = OfflineData(session, wanted)
        if resumed is not None:
            resumed.check_where(config.learner.where)
            resumed.restore(self.learner, self._acting.generator)
            session.monitor.evaluations += resumed.state.evaluations
        self._acting.load_actor_weights(self.policy.get_weights())
        self._root = session.folder / DATASET
        self._recorder = recorder(parts, self._root, session.events)
        self._checkpoints = Checkpoints(
            session.folder / CHECKPOINTS,
            config.train.keep_last,
            session.events,
            before=lambda snapshot: self._recorder.wait(snapshot.state["recorded"]),
        )
        self._asked = self._before.ticks  # for a checkpoint, the last time
        mailbox = self.learner.mailbox
        evaluated = LearnedPolicy(self._acting, mailbox, deterministic=True)
        self._evaluator = Evaluator(session, evaluated, self._stop)
        explores = LearnedPolicy(self._acting, mailbox, deterministic=False)
        self._loops = (
            parts.loop(demonstrator, NoPolicy(), self._stop),
            parts.loop(operator, explores, self._stop),
        )

    def run(self) -> None:
        """Both stages; whatever ends them, the arm is made safe first and the checkpoint last."""
        demonstration, training = self._loops
        with ExitStack() as stack:
            stack.callback(self.learner.close)
            self._warm_up()
            if not self._offline_data.load(self.learner, self.policy):
                return
            stack.enter_context(self._metrics)
            stack.enter_context(self._checkpoints)
            stack.enter_context(self.learner)
            stack.enter_context(self._recorder)
            recording = Recording(self._root, self._recorder, self._before.recorded)
            self._session.monitor.recording = recording
            stack.enter_context(self._session.robot)
            if self._fresh:
                self._snapshot()
            if self._config.train.demonstrations:
                self._demonstrate(demonstration)
            self._warm_start(demonstration)
            if not self._session.stop():
                self._train(training)

    def _warm_up(self) -> None:
        """Compile what is to be compiled, while nothing moves yet."""
        if not self._config.algorithm.compiles:
            return
        events, started = self._session.events, time.monotonic()
        events.emit(Compiling(note="the first time takes a minute or two, later ones are faster"))
        if problem := self.learner.warm_up():
            events.emit(NotCompiled(cause=f"it learns without: {problem}"))
        else:
            events.emit(Compiled(seconds=round(time.monotonic() - started, 1)))

    def _demonstrate(self, loop: Loop) -> None:
        wanted = self._config.train
        stage = self._begin(DEMONSTRATE, wanted.demonstrations, "episodes", loop, self._counts)
        if not self._before.stage(TRAIN):  # else that is over, however it is counted today
            self._episodes(stage, self.learner.demonstrate)

    def _counts(self, demonstration: Episode) -> bool:
        """Whether a demonstration is learned from."""
        return demonstration.success or self._config.train.count_demonstrations == "all"

    def _warm_start(self, loop: Loop) -> None:
        """Have the policy learn from the demonstrations alone, unless it has acted already."""
        if not self._before.stage(TRAIN) and warm_start(
            self._session, self.learner, loop, self._stop
        ):
            self._snapshot(*self._session.monitor.stages[-1:])

    def _train(self, loop: Loop) -> None:
        stage = self._begin(TRAIN, self._config.train.ticks, "ticks", loop)
        if self._evaluator.due(stage.ticks):  # the run was ended in the middle of it
            self._evaluate(stage)
        self._episodes(stage, self.learner.offer, *self._help(loop))
        self._check_that_it_learned()

    def _check_that_it_learned(self) -> None:
        """Tell of a training that has changed nothing."""
        progress, starts = self.learner.progress, self._config.learner.learning_starts
        if progress.updates <= self.learner.warmed:
            cause = f"{progress.online} of the {starts} transitions of learner.learning_starts"
            self._session.events.emit(NothingLearned(updates=0, cause=cause))

    def _help(self, loop: Loop) -> list[Sink]:
        """What has the policy ask for a take-over, if it may."""
        wanted, events = self._config.ask_for_help, self._session.events
        if wanted is None:
            return []
        requests = HelpRequests(wanted, lambda: self.learner.q_values, loop.teleop, events.emit)
        self._session.monitor.help = requests
        return [requests]

    def _begin(
        self,
        name: str,
        goal: int,
        unit: str,
        loop: Loop,
        counts: Callable[[Episode], bool] = always,
    ) -> Stage:
        """Begin a stage, where the run that is resumed left it."""
        stage = self._session.monitor.begin(name, goal, unit, loop, counts)
        if before := self._before.stage(name):
            stage.restore(before)
            if before is self._before.stages[-1] and isinstance(loop.teleop, Remembering):
                loop.teleop.load_state(self._before.teleop or {})
        return stage

    def _stop(self) -> bool:
        """Whether the run is to end; raises what has ended one of its threads."""
        self.learner.check()
        self._recorder.check()
        self._checkpoints.check()
        return self._session.stop()

    def _episodes(self, stage: Stage, *learn: Sink) -> None:
        """Episode after episode until the stage has reached its goal or the run is to stop."""
        record = partial(self._recorder.add, stage=stage.name)
        seeds, gate = partial(self._session.parts.seed, stage.name), self._session.gate()
        sinks: list[Sink] = [record, self._see, *learn]
        with stage.loop.teleop:
            for episode in run_episodes(stage, seeds, sinks, gate=gate):
                self._session.ended(stage, episode)
                if not episode.stop:
                    self._between(stage, episode)
                    if stage.name == DEMONSTRATE and not self._counts(episode):
                        demonstrations_fail(stage, gate, self._session.events.emit)

    def _see(self, frame: Frame) -> None:
        """Keep the frames of the episode under way."""
        if frame.tick == 1:
            self._episode_frames = []
        self._episode_frames.append(frame)

    def _between(self, stage: Stage, episode: Episode) -> None:
        """At an episode's end: take a snapshot, evaluate the policy, have a checkpoint written."""
        training, monitor = stage.name == TRAIN, self._session.monitor
        if training and not episode.rerecord:
            asked = None if monitor.help is None else monitor.help.requests
            self._log(stage, partial(of_episode, self._episode_frames, stage.recent, asked))
        if training and stage.done >= stage.goal:
            self._rest(stage)  # so that the last checkpoint has the policy that is evaluated last
        evaluate = training and self._evaluator.due(stage.ticks)
        self._snapshot(stage, write=not evaluate)
        if evaluate:
            self._evaluate(stage)
        if self._config.learner.on_loss == "hold":
            self._hold(stage)

    def _hold(self, stage: Stage) -> None:
        """Stand still for as long as the learner is out of reach."""
        if (why := self.learner.lost) is None or self._stop():
            return
        self._session.events.emit(HoldsForLearner(note=f"until it is within reach again: {why}"))
        loop = stage.loop
        while self.learner.lost is not None and not (self._stop() or loop.asked.stop):
            if loop.rate.paced:
                loop.hold()
            else:
                pause()
        self._session.apply_stops(loop.asked)

    def _rest(self, stage: Stage) -> None:
        """Have the learner rest; an update may take long, and the arm is held meanwhile."""
        loop = stage.loop
        self.learner.rest(loop.hold if loop.rate.paced else None)

    def _evaluate(self, stage: Stage) -> None:
        """Evaluate the policy while the learner rests."""
        done = self._session.monitor.evaluations
        best = max((evaluation.success_rate for evaluation in done), default=0.0)
        self._rest(stage)
        result = self._evaluator.run(stage, self.learner.progress.updates)
        if result is not None:
            names = ("successes", "episodes", "updates")
            self.learner.tell({name: getattr(result, name) for name in names})
            self._log(stage, partial(of_evaluation, result))
            self._snapshot(stage, best=result if result.success_rate >= best else None)
        if stage.done < stage.goal:
            self.learner.go_on()

    def _log(self, stage: Stage, figures: Callable[[], Figures]) -> None:
        updates = self.learner.progress.updates
        self._metrics.log(figures, ticks=stage.ticks, updates=updates)

    def _log_learner(self, frames: int, progress: Progress) -> None:
        figures = partial(of_learner, frames, progress)
        self._metrics.log(figures, ticks=frames, updates=progress.updates)

    def _snapshot(
        self, stage: Stage | None = None, *, write: bool = True, best: Evaluation | None = None
    ) -> None:
        """Copy the run as it stands between two episodes; on disk too if it is time for that."""
        teleop = stage.loop.teleop if stage else None
        monitor = self._session.monitor
        state = RunState(
            ticks=sum(stage.ticks for stage in monitor.stages if stage.name == TRAIN),
            recorded=self._recorder.count,
            stages=[stage.state() for stage in monitor.stages],
            evaluations=list(monitor.evaluations),
            teleop=teleop.state() if isinstance(teleop, Remembering) else None,
        )
        random = {ACTING: self._acting.generator.get_state()}
        every = self._config.train.save_every
        write = write and every is not None and state.ticks // every > self._asked // every
        if write:
            self._asked = state.ticks
        self.learner.snapshot(partial(self._keep, state, random, write, best))

    def _keep(
        self,
        state: RunState,
        random: Mapping[str, Tensor],
        write: bool,
        best: Evaluation | None,
        tensors: Tensors,
    ) -> None:
        """Put the loop's and the learner's parts together, in the learner's thread."""
        state = replace(state, updates=int(tensors[COUNTS]["updates"]))
        configs = {
            POLICY: self.policy.config.model_dump_json(indent=2),
            ALGORITHM: self._config.algorithm.model_dump_json(indent=2),
        }
        snapshot = Snapshot(vars(state), configs, {**tensors, LOOP: random})
        mark = asdict(best) if best else None
        self._checkpoints.keep(snapshot, state.ticks, write=write, best=mark)


def _check_that_it_learns(config: RunConfig) -> None:
    """Raise ConfigError for a training that cannot come to its first update."""
    learner, ticks, limit = config.learner, config.train.ticks, config.env.time_limit
    if learner.online_capacity < learner.learning_starts:
        raise ConfigError(
            f"learner.online_capacity: {learner.online_capacity} transitions are all it holds, and "
            f"learning waits for {learner.learning_starts} (learner.learning_starts): raise the "
            "one or lower the other"
        )
    first, options = learner.learning_starts, "learner.learning_starts"
    if learner.mode == "lockstep" and first % learner.train_freq:
        first += learner.train_freq - first % learner.train_freq
        options += " and learner.train_freq"
    # the last episode goes on to its end
    if limit is not None and ticks - 1 + limit < first:
        raise ConfigError(
            f"train.ticks: {ticks}, and at most {limit - 1} more to the last episode's end, are "
            f"over before the first update, which comes at tick {first} ({options}): train longer, "
            "or let learning start earlier"
        )
