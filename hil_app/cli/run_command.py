"""How commands run the robot: with the live view, and a summary on every way out."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from configs.errors import HilAppError
from configs.load import ConfigError, read, validate
from configs.run import RunConfig
from hil_app.control.outcomes import TRAIN
from hil_app.control.policy import LearnedPolicy
from hil_app.events import FilmMade, MovedAside, RunResumed
from hil_app.operator.screen import Screen
from hil_app.operator.view import View
from hil_app.page.feeder import Page
from hil_app.page.link import show_link
from hil_app.recording.lock import Lock
from hil_app.runs import report
from hil_app.runs.at_the_page import PagePlace
from hil_app.runs.browse.figure import plot_training
from hil_app.runs.dataset import spec_of
from hil_app.runs.folder import (
    DATASET,
    PLOT,
    SUMMARY,
    VIDEO,
    claim,
    config_of,
    new_evaluation,
)
from hil_app.runs.record import check
from hil_app.runs.record import record as into_a_dataset
from hil_app.runs.replaying.recorded_episode import RecordedEpisode, fitted
from hil_app.runs.replaying.rehearsal import rehearse
from hil_app.runs.replaying.replay import What
from hil_app.runs.replaying.replay import replay as do_again
from hil_app.runs.session import Session, check_ports
from hil_app.runs.teleoperation import teleoperate as teleoperate_session
from hil_app.runs.trackers import kinds as trackers

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.elsewhere.surface import AnyLearner
    from hil_app.learning.networks.actor import GaussianActorPolicy
    from hil_app.runs.training import Training

_ENDED_BY: dict[int, str] = {
    signal.SIGTSTP: "Ctrl-Z (a program that is stopped would leave the arm alone)"
}


def train(config: RunConfig, command: str) -> int:
    """A whole training run; returns its exit status."""
    from hil_app.runs.training import Training

    _check(config)
    session = Session(config, command)
    training = Training(session)  # nothing is written yet if it cannot be built
    with session:
        return _train(session, training)


def resume(config: RunConfig, checkpoint: Path) -> int:
    """Go on with the run of a checkpoint, as ``config`` has it now; returns the exit status."""
    run = config_of(checkpoint).parent
    with claim(run):
        return _resume(config.model_copy(update={"output_dir": run}), checkpoint, run)


def _resume(config: RunConfig, checkpoint: Path, run: Path) -> int:
    from hil_app.runs.resume import Resumed, check_changes, set_aside_after
    from hil_app.runs.training import Training

    changed = check_changes(validate(read(str(config_of(checkpoint)))), config)
    _check(config)
    resumed = Resumed.read(checkpoint)
    resumption = RunResumed(checkpoint=checkpoint.name, ticks=resumed.state.ticks, changed=changed)
    session = Session(config, "train", resumption)
    training = Training(session, resumed)  # nothing has changed yet if the checkpoint is no use
    if (run / DATASET).is_dir():
        Lock(run / DATASET).release()  # nor if another program has the dataset
    with session:
        if moved := set_aside_after(run, resumed, spec_of(session.parts)):
            session.events.emit(
                MovedAside(
                    episodes=moved.episodes, checkpoints=moved.checkpoints, place=str(moved.place)
                )
            )
        return _train(session, training)


def _check(config: RunConfig) -> None:
    """Refuse what this machine cannot do before anything is written."""
    check_ports(config)
    config.check_sight()
    trackers.check(config)
    if config.dataset.root is not None:
        raise ConfigError(
            "dataset.root: a training keeps its dataset in its own folder: leave it null, and name "
            "the folder by --output_dir"
        )


def _train(session: Session, training: Training) -> int:
    console = Console()

    def work() -> None:
        training.run()
        _evaluate(session, console, training.policy, session.folder / VIDEO)

    return _run(session, console, work, training.learner)


def evaluate(config: RunConfig, policy: GaussianActorPolicy, checkpoint: Path) -> int:
    """The policy of a checkpoint on its own; returns the exit status.

    Where no folder is named, its run's gets a file with the report, and one with the video.
    """
    config.check_sight()
    console = Console()
    with Session(config, "eval", keeps=False) as session:
        kept = new_evaluation(checkpoint)
        video = kept.with_suffix(".mp4") if session.home is None else session.home / VIDEO
        work = partial(_evaluate, session, console, policy, video)
        return _run(session, console, work, report_to=kept)


def teleoperate(config: RunConfig) -> int:
    """The operator moves the arm; returns the exit status."""
    console = Console()
    with Session(config, "teleoperate", keeps=config.teleoperate.record) as session:
        return _run(session, console, lambda: teleoperate_session(session))


def record(config: RunConfig, policy: LearnedPolicy | None = None) -> int:
    """Episodes into a dataset, by the operator or a ``policy``; returns the exit status."""
    if policy is not None:
        config.check_sight()
    check(config, policy)
    console = Console()
    with Session(config, "record") as session:
        return _run(session, console, lambda: into_a_dataset(session, policy))


def replay(config: RunConfig, recorded: RecordedEpisode, what: What) -> int:
    """A recorded episode again, by its actions or by what was sent; returns the exit status."""
    if what == "actions" and recorded.actions is None:
        raise ConfigError(
            "--what: the actions of this dataset are the joint targets: --what joints sends them"
        )
    if what == "actions":
        recorded = rehearse(config, recorded)
        config = fitted(config, recorded)  # whose start is known now
    console = Console()
    with Session(config, "replay", keeps=False) as session:
        return _run(session, console, lambda: do_again(session, recorded, what))


def _run(
    session: Session,
    console: Console,
    work: Callable[[], None],
    learner: AnyLearner | None = None,
    *,
    report_to: Path | None = None,
) -> int:
    """Do the ``work`` of a run with its live view; however it ends, save and show what it came to.

    A run without a folder may have a file that its report goes to. Returns the exit status: 0, 1
    after an emergency stop, or 128 and the number of the signal that ended the run.
    """
    if session.home is not None:
        console.out(f"run folder: {session.home}", highlight=False)
    if session.page is not None:
        show_link(session.page, console)
    ended, stop = "finished", session.stop
    try:
        with ExitStack() as stack:
            if session.window is not None:
                stack.enter_context(Screen(session.window, session.monitor, session.events))
            if session.page is not None:
                stack.enter_context(_page(session, session.page, learner))
            stack.enter_context(
                View(console, session.monitor, session.events, learner, session.hint)
            )
            work()
    except HilAppError as error:
        ended = f"error: {error}"
        raise
    except BaseException as error:
        ended = f"{type(error).__name__}: {error}"
        raise
    finally:
        if stop.signal is not None:
            ended = _ENDED_BY.get(stop.signal) or signal.Signals(stop.signal).name
        elif stop.by_operator and ended == "finished":
            ended = "emergency stop" if stop.emergency else "stopped by the operator"
        _conclude(session, console, ended, learner, report_to)
    return int(stop.emergency) if stop.signal is None else 128 + stop.signal


def _page(session: Session, place: PagePlace, learner: AnyLearner | None) -> Page:
    """The page of a run, for browsers."""
    name = session.command if session.home is None else session.home.name
    return Page(
        session.parts,
        session.monitor,
        session.events,
        place,
        learner,
        called=name,
        command=session.command,
    )


def _evaluate(session: Session, console: Console, policy: GaussianActorPolicy, video: Path) -> None:
    """Evaluate ``policy`` as configured and record a video of it."""
    from hil_app.runs import evaluation

    if session.stop() or not session.config.eval.episodes:
        return
    evaluation.evaluate(session, policy)
    if session.stop() or not session.config.eval.video:
        return
    problem = evaluation.record_video(session, policy, video)
    session.events.emit(FilmMade(file=None if problem else video.name, problem=problem))
    if problem:
        console.out(f"no video: {problem}", highlight=False)


def _conclude(
    session: Session,
    console: Console,
    ended: str,
    learner: AnyLearner | None,
    report_to: Path | None,
) -> None:
    session.monitor.close()
    progress = learner.progress if learner else None
    summary = report.summarize(session.monitor, ended=ended, progress=progress)
    console.print(report.table(summary))
    try:
        if session.home is not None:
            _keep(session, summary, session.home)
            kept = ", ".join(sorted(path.name for path in session.home.iterdir()))
            console.out(f"in {session.home}: {kept}", highlight=False)
            if (recording := session.monitor.recording) and session.home != recording.root.parent:
                console.out(f"the dataset is in {recording.root}", highlight=False)
        elif report_to is not None and any(stage.finished for stage in session.monitor.stages):
            config = session.config.model_dump(mode="json")
            report.save({**summary, "config": config}, report_to)
            files = sorted(report_to.parent.glob(f"{report_to.stem}.*"))
            console.out(f"report: {', '.join(map(str, files))}", highlight=False)
    except Exception as error:  # whatever it is, the run ends as it would have
        console.out(f"not all of the summary is saved: {error}", highlight=False)


def _keep(session: Session, summary: report.Summary, home: Path) -> None:
    """Write summary and image into the run's folder."""
    report.save(summary, home / SUMMARY)
    for stage in session.monitor.stages:
        if stage.name == TRAIN and stage.finished:
            plot_training(stage.finished, session.monitor.evaluations, home / PLOT)
