"""The operator moves the arm, without a policy."""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import partial

from hil_app.control.episodes import run_episodes
from hil_app.control.instruments import Instruments
from hil_app.control.loop import Sink
from hil_app.control.monitor import Recording
from hil_app.control.outcomes import TELEOPERATE
from hil_app.control.policy import NoPolicy
from hil_app.runs.dataset import recorder, root_of
from hil_app.runs.session import Session
from teleop.base import Acts


def teleoperate(session: Session) -> None:
    """Episode after episode, until the operator has enough.

    With sticks, buttons or keys the arm moves only while the take-over control says so, as in a
    training; a leader or a scripted operator always has it.
    """
    config, wanted = session.config, session.config.teleoperate
    acts: Acts = "always" if config.manual is None else "on_take_over"
    teleop = session.teleop(acts)
    loop = session.parts.loop(teleop, NoPolicy(), session.stop)
    with ExitStack() as stack:
        sinks: list[Sink] = []
        if wanted.record:
            root = root_of(config, session.folder)
            kept = stack.enter_context(recorder(session.parts, root, session.events))
            session.monitor.recording = Recording(root, kept, kept.count)
            sinks.append(partial(kept.add, stage=TELEOPERATE))
        session.monitor.instruments = Instruments(loop)
        stack.enter_context(session.robot)
        stack.enter_context(teleop)
        goal = math.inf if wanted.episodes is None else wanted.episodes
        stage = session.monitor.begin(TELEOPERATE, goal, "episodes", loop)
        for episode in run_episodes(stage, partial(session.parts.seed, TELEOPERATE), sinks):
            session.ended(stage, episode)
