"""Episodes go into a dataset: the operator shows the task, or corrects a policy at it."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from configs.load import ConfigError
from configs.run import RunConfig
from hil_app.control.episodes import run_episodes
from hil_app.control.instruments import Instruments
from hil_app.control.monitor import Recording
from hil_app.control.outcomes import RECORD
from hil_app.control.policy import LearnedPolicy, NoPolicy
from hil_app.events import DatasetGoesOn
from hil_app.runs.dataset import recorder, root_of
from hil_app.runs.session import Session
from hil_app.support.words import plural
from teleop.base import Acts


def check(config: RunConfig, policy: LearnedPolicy | None) -> None:
    """Refuse to record nobody; raises ConfigError."""
    if config.teleop is None and policy is None:
        raise ConfigError("teleop: nobody is there to show the task: set one, or a --checkpoint")


def record(session: Session, policy: LearnedPolicy | None = None) -> None:
    """Episode after episode, until there are dataset.num_episodes more or the operator has enough.

    With a ``policy`` it acts, and the operator takes over; without one the operator always
    acts. What is to be recorded again starts from the same scene.
    """
    config, root = session.config, root_of(session.config, session.folder)
    acts: Acts = "always" if policy is None else "on_take_over"
    teleop = session.teleop(acts)
    loop = session.parts.loop(teleop, policy or NoPolicy(), session.stop)
    with ExitStack() as stack:
        kept = stack.enter_context(recorder(session.parts, root, session.events))
        session.monitor.recording = Recording(root, kept, kept.count)
        if kept.count:
            note = f"{root} has {plural(kept.count, 'episode')}; those of this run come after them"
            session.events.emit(DatasetGoesOn(note=note))
        session.monitor.instruments = Instruments(loop)
        stack.enter_context(session.robot)
        stack.enter_context(teleop)
        stage = session.monitor.begin(RECORD, config.dataset.num_episodes, "episodes", loop)
        before = kept.count
        for episode in run_episodes(
            stage,
            lambda count: session.parts.seed(RECORD, before + count),
            [partial(kept.add, stage=RECORD)],
            gate=session.gate(),
        ):
            session.ended(stage, episode)
            kept.check()
