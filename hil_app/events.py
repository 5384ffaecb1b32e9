"""What a run itself tells of: see :mod:`configs.events`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from configs.events import Event, Notice, Problem

# Runs


class RunStarted(Event):
    """A run has its folder."""

    robot: str  # its type
    seed: int


class RunResumed(Event):
    """A run goes on from a checkpoint."""

    checkpoint: str  # its name
    ticks: int  # of the training, before it
    changed: Sequence[str]  # options that differ from the run's own


class RunEnded(Event):
    """A run is over."""

    error: str | None  # what ended it, if anything did


class MovedAside(Event, name="set_aside"):
    """What came after the checkpoint that a run goes on from is out of its way."""

    episodes: int
    checkpoints: Sequence[str]
    place: str  # where it all is now


class EpisodeEnded(Event, name="episode"):
    """An episode is over, and safe if it is recorded."""

    stage: str
    seed: int
    ticks: int
    reward: float  # undiscounted return
    success: bool  # in any of its ticks
    intervention_ticks: int
    takeovers: int
    rerecord: bool  # the operator threw it away
    stop: bool  # the run is to end: it is cut short
    emergency_stop: bool  # and the arm was halted
    terminated: bool  # the task was over; false if time was


class AwaitsOperator(Notice):
    """The next episode waits until the operator is ready."""


class DemonstrationsFail(Problem):
    """One demonstration after the other does not succeed."""

    in_a_row: int


class WarmStarting(Notice):
    """The policy learns from the demonstrations alone, before it acts for the first time."""

    updates: int  # that it is to make so


class WarmStarted(Notice):
    """It has done so, or the run ended meanwhile."""

    updates: int  # made so far


class NoWarmStart(Problem):
    """There is nothing to learn from before the policy acts."""


class Evaluated(Event, name="evaluation"):
    """The policy was evaluated in the middle of its training."""

    ticks: int  # of the training, so far
    successes: int
    episodes: int
    mean_ticks: float  # of its episodes
    updates: int
    train_seconds: float  # of the training, without evaluations [s]


class FilmMade(Event, name="film"):
    """The first evaluation episodes were to be filmed."""

    file: str | None  # its name
    problem: str | None  # why there is none


class SceneChosen(Notice, name="scene"):
    """A recorded episode is done again in a scene of its own."""


class EpisodeReplayed(Notice, name="replayed"):
    """A recorded episode was done again."""

    frames: int  # that were done
    of: int  # that it has
    success: bool | None  # this time, where that is known
    targets: Mapping[str, Any] | None = None  # difference from those recorded [deg, %]
    joints: Mapping[str, Any] | None = None  # the same, of what was measured


class ViewClosed(Problem):
    """The terminal shows the run no more; it goes on."""


class ScreenStopped(Problem):
    """The window shows no news any more; the keys go on."""


class PageLost(Problem):
    """The process of the operator's page has ended, or hangs; another is started."""


class PageStopped(Problem):
    """The operator's page is given up; the run goes on."""


class ListenerFailed(Problem):
    """Something that listens to events has failed for the first time."""


class EventLogClosed(Problem):
    """The file of events is given up; the run goes on."""


class MetricsCutShort(Problem):
    """The disk did not take the last figures."""


class MetricsClosed(Problem):
    """The files of figures are given up; the run goes on."""


class TrackerFailed(Problem):
    """A tracker beside the file of figures is given up; the run goes on."""


class TrackerCutShort(Problem):
    """A tracker did not take the last figures."""


# Learning


class Compiling(Notice):
    """The networks are compiled, which takes a while."""


class Compiled(Event):
    """The networks are compiled."""

    seconds: float  # that it took [s]


class NotCompiled(Problem):
    """The networks cannot be compiled, and learn without."""


class LoadingDatasets(Notice):
    """Recorded datasets are being read."""


class DatasetsSoFar(Event):
    """How far the reading of datasets is."""

    frames: int
    of: int


class DatasetsUnsaid(Notice):
    """A dataset does not say all that would have to be the same."""


class DepthLeftOut(Notice):
    """A dataset's depth is not learned from."""


class DatasetsLoaded(Notice):
    """Recorded datasets are in the offline buffer."""

    rows: int


class DatasetsTooLarge(Problem):
    """The offline buffer does not hold all rows."""


class UpdateSkipped(Problem):
    """An update was not finite, and is left out."""


class WeightsWithheld(Problem):
    """Weights were not finite; the policy stays at the last good ones."""

    updates: int  # so far


class NothingLearned(Problem):
    """The training ended before its first update."""

    updates: int


class LearnerFailed(Problem, name="learner_died"):
    """The learner's thread has failed."""


class LearnerLost(Problem):
    """A learner on another machine is out of reach; what is recorded waits on disk."""


class LearnerBack(Notice):
    """It is within reach again."""


class HoldsForLearner(Notice):
    """The run stands still until the learner is within reach again."""


class LearnerJoined(Notice):
    """A robot has joined a learner on another machine."""


class BridgeEnded(Problem):
    """The process between the run and its learner has ended, or hangs; another is started."""


class FrameNotTaken(Problem):
    """The learner refuses a frame, and the rest of its episode."""


class FramesUnsent(Problem):
    """The run has ended before all that it recorded was safe with its learner."""


class UnsentOnDisk(Problem):
    """The disk does not take what waits for the learner; it is tried again."""


class OtherEvaluated(Event):
    """Another robot of the same learner has evaluated the policy."""

    robot: str
    successes: int
    episodes: int
    updates: int


class HelpWanted(Problem):
    """The policy asks for a take-over."""

    value: float | None  # what the critics make of the tick
    disagreement: float | None  # between them


class CheckpointSaved(Event, name="checkpoint"):
    """A checkpoint is whole on the disk."""

    checkpoint: str  # its name
    ticks: int  # of the training
    seconds: float  # that writing it took [s]


class CheckpointNotSaved(Problem):
    """A checkpoint could not be written; the next one is tried."""


class CheckpointsDied(Problem):
    """The thread that writes checkpoints has failed."""


# Recording


class DatasetGoesOn(Notice):
    """The dataset has episodes already."""


class DatasetRepaired(Notice):
    """What a crash had left of the dataset is set right."""


class EpisodeInterrupted(Event):
    """The recording of an episode was cut short; its frames are kept."""

    stage: str
    ticks: int


class RecorderBehind(Problem):
    """Encoder and disk are slower than the loop."""


class RecorderCaughtUp(Notice):
    """They are no longer."""


class RecorderFinishes(Notice):
    """The end waits for frames that are not yet on the disk."""


class RecorderEnded(Notice):
    """All is on the disk, after some waiting."""


class FramesLost(Problem, name="recorder_ended"):
    """Not all is on the disk."""


class RecorderFailed(Problem, name="recorder_died"):
    """The recorder's thread has failed."""
