"""The policy without interventions: fixed seeds; the operator may label and stop, not act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from hil_app.control.episodes import at_once, run_episodes
from hil_app.control.loop import Loop
from hil_app.control.monitor import Stage
from hil_app.control.outcomes import EVALUATE, Evaluation
from hil_app.control.policy import LearnedPolicy, Policy
from hil_app.events import Evaluated
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.recording.frames import Frame
from hil_app.recording.images.encoding import VideoWriter
from hil_app.runs.session import Session
from robots.base import RenderError, Viewed

FILMED = 3  # episodes in the video
HEIGHT, WIDTH = 360, 480
AMID = "evaluate amid the training"  # its scenes are not those of the final evaluation


class Evaluator:
    """Evaluates the policy now and then during a training run, on its robot and on the same scenes.

    The training must stand at an episode's end meanwhile, and its learner at rest. Nothing is
    recorded or learned from, and the training goes on as if nothing had been.
    """

    def __init__(self, session: Session, policy: Policy, stop: Callable[[], bool]) -> None:
        config = session.config
        self._session, self._every = session, config.train.eval_every
        self._episodes = config.train.eval_episodes
        self._loop = session.parts.loop(session.teleop("never"), policy, stop, evaluating=True)

    def due(self, ticks: int) -> bool:
        """Whether an evaluation is due after so many training ticks."""
        if self._every is None:
            return False
        done = self._session.monitor.evaluations
        return ticks // self._every > (done[-1].ticks // self._every if done else 0)

    def run(self, stage: Stage, updates: int) -> Evaluation | None:
        """Evaluate the policy after ``updates`` updates; None if the run is to stop first."""
        monitor = self._session.monitor
        with monitor.amid(self._episodes, self._loop) as evaluated:
            for episode in run_episodes(evaluated, partial(self._session.parts.seed, AMID)):
                self._session.apply_stops(episode)
            if self._loop.stop():
                return None
        episodes = evaluated.episodes
        result = Evaluation(
            ticks=stage.ticks,
            successes=sum(episode.success for episode in episodes),
            episodes=len(episodes),
            mean_ticks=round(float(np.mean([episode.ticks for episode in episodes])), 2),
            updates=updates,
            train_seconds=round(stage.seconds, 3),
        )
        monitor.evaluations.append(result)
        self._session.events.emit(Evaluated(**asdict(result)))
        return result


def evaluate(session: Session, policy: GaussianActorPolicy) -> None:
    """Run the config's evaluation episodes; the session's monitor has the result."""
    loop = _loop(session, policy)
    gate = at_once if session.monitor.stages else session.gate()  # a training was watched
    stage = session.monitor.begin(EVALUATE, session.config.eval.episodes, "episodes", loop)
    with session.robot:
        seeds = partial(session.parts.seed, EVALUATE)
        for episode in run_episodes(stage, seeds, gate=gate):
            session.ended(stage, episode)


def record_video(session: Session, policy: GaussianActorPolicy, path: Path) -> str | None:
    """Record a video of the first evaluation episodes; returns why there is none, if so."""
    config, loop, robot = session.config, _loop(session, policy), session.robot
    if not isinstance(robot, Viewed):
        return "only simulated worlds can be seen from outside"
    stage = Stage(EVALUATE, min(FILMED, config.eval.episodes), "episodes", loop)
    with robot:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with VideoWriter(path, config.env.fps, HEIGHT, WIDTH) as reel:

                def shoot(_: Frame) -> None:
                    reel.add(robot.render("overview", HEIGHT, WIDTH))

                for _ in run_episodes(stage, partial(session.parts.seed, EVALUATE), [shoot]):
                    reel.hold()
        except (RenderError, OSError) as error:
            return str(error)
    return None


def _loop(session: Session, policy: GaussianActorPolicy) -> Loop:
    acting = LearnedPolicy(policy, deterministic=session.config.eval.deterministic)
    teleop = session.teleop("never")
    return session.parts.loop(teleop, acting, session.stop, evaluating=True)
