"""The training run: demonstrate, then learn with a person who takes over when the policy errs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from hil_app import build
from hil_app.evaluation import Evaluator
from hil_app.learning.algorithm import RLAlgorithm
from hil_app.learning.checkpoint import CheckpointError, TrainingState, save_checkpoint
from hil_app.learning.learner import Learner
from hil_app.loop import Loop, Sink
from hil_app.monitor import DEMONSTRATE, TRAIN, Stage
from hil_app.policy import LearnedPolicy, NoPolicy, Policy
from hil_app.recording.recorder import Recorder
from hil_app.recording.writer import FolderWriter
from hil_app.run_folder import CHECKPOINT, EPISODES
from hil_app.session import Session


class Training:
    """Everything a training run needs beside its session.

    ::

        with Session(config, "train") as session:
            Training(session).run()
    """

    def __init__(self, session: Session) -> None:
        config = session.config
        self._session, self._config = session, config
        actor = build.policy(config, session.body, "initial weights")
        self.algorithm: RLAlgorithm = build.algorithm(config, actor)
        self.learner: Learner = build.learner(config, self.algorithm, session.events)
        self._acting = build.policy(config, session.body, "exploration")
        self._acting.load_actor_weights(self.algorithm.get_weights())
        judged = LearnedPolicy(self._acting, self.learner.mailbox, deterministic=True)
        self._evaluator = Evaluator(session, judged, session.stop)
        self._recorder = Recorder(FolderWriter(session.folder / EPISODES), session.events)

    def run(self) -> None:
        """Both stages; whatever ends them, the arm is made safe first and the checkpoint last."""
        with ExitStack() as stack:
            stack.push(lambda _kind, error, _trace: self._save(error))
            stack.enter_context(self.learner)
            stack.enter_context(self._recorder)
            stack.enter_context(self._session.body)
            if self._config.train.demonstrations:
                self._demonstrate()
            if not self._session.stop():
                self._train()

    def _demonstrate(self) -> None:
        count = self._config.train.demonstrations
        loop = self._loop(NoPolicy(), demonstrating=True)
        stage = self._session.monitor.begin(DEMONSTRATE, count, "episodes", loop)
        self._episodes(stage, [self.learner.demonstrate])

    def _train(self) -> None:
        mind = LearnedPolicy(self._acting, self.learner.mailbox, deterministic=False)
        loop = self._loop(mind, demonstrating=False)
        stage = self._session.monitor.begin(TRAIN, self._config.train.ticks, "ticks", loop)
        self._episodes(stage, [self.learner.offer])

    def _evaluate(self, stage: Stage) -> None:
        """Judge the policy while the learner rests."""
        self.learner.rest()
        self._evaluator.run(stage, self.learner.progress.updates)
        self.learner.go_on()

    def _loop(self, mind: Policy, *, demonstrating: bool) -> Loop:
        body = self._session.body
        hands = build.teleop(self._config, body, demonstrating=demonstrating)
        return build.loop(self._config, body, hands, mind, self._session.stop)

    def _episodes(self, stage: Stage, sinks: Sequence[Sink]) -> None:
        """Episode after episode until the stage has reached its goal or the run is to stop."""
        record = partial(self._recorder.add, stage=stage.name)
        with stage.loop.teleop:
            while stage.done < stage.goal and not self._session.stop():
                seed = build.seed_of(self._config, stage.name, len(stage.finished))
                episode = stage.loop.episode(seed, [stage.frame, record, *sinks])
                self._session.ended(stage, episode)
                if stage.name == TRAIN and self._evaluator.due(stage.ticks):
                    self._evaluate(stage)

    def _save(self, ended_by: BaseException | None) -> None:
        """Keep a checkpoint, however the run ended; a full disk does not mask what ended it."""
        ticks = sum(stage.ticks for stage in self._session.monitor.stages if stage.name == TRAIN)
        state = TrainingState(ticks=ticks, updates=self.learner.progress.updates)
        try:
            save_checkpoint(self._session.folder / CHECKPOINT, self.algorithm, state)
        except CheckpointError as problem:
            if ended_by is None:
                raise
            self._session.events.emit("checkpoint_not_saved", cause=str(problem))
