"""What a run has come to so far: counted by the loop, read by the live view and the report."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from rich.console import RenderableType

from hil_app.control.help_requests import HelpRequests
from hil_app.control.loop import Loop
from hil_app.control.outcomes import EVALUATE, RECENT, Episode, Evaluation, Finished
from hil_app.control.rate import SAMPLES
from hil_app.recording.frames import Frame
from hil_app.recording.recorder import Recorder

_LATELY = 60  # ticks over which the rate is taken


def always(_: Episode) -> bool:
    """Every episode counts."""
    return True


class Timer:
    """Seconds that pass only while it runs."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds
        self._since: float | None = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has run [s]."""
        return self._before + (0.0 if self._since is None else time.monotonic() - self._since)

    def stop(self) -> None:
        """Stand still."""
        self._before, self._since = self.seconds, None

    def start(self) -> None:
        """Run on."""
        self._before, self._since = self.seconds, time.monotonic()


@dataclass(frozen=True)
class Recording:
    """Where the episodes go."""

    root: Path  # of the dataset
    recorder: Recorder
    before: int  # episodes that it had when the run began


@dataclass
class Loading:
    """How far the recorded datasets are that are learned from."""

    total: int  # frames
    frames: int = 0  # read so far


@dataclass(frozen=True)
class WarmStart:
    """How far the policy is that learns from the demonstrations before it acts."""

    total: int  # updates
    done: Callable[[], int]  # so far


@dataclass(frozen=True)
class StageState:
    """A stage as it stood at the end of an episode."""

    name: str
    ticks: int
    seconds: float
    version: int  # of the weights in use
    finished: list[Finished]


class Stage:
    """One stage of a run: its ticks and finished episodes."""

    def __init__(
        self,
        name: str,
        goal: float,
        unit: str,
        loop: Loop,
        counts: Callable[[Episode], bool] = always,
    ) -> None:
        self.name, self.goal, self.unit = name, goal, unit  # unit: "ticks" or "episodes"
        self.loop, self._counts = loop, counts
        self.ticks = 0
        self.finished: list[Finished] = []
        self.thrown_away = self.cut_short = 0  # episodes: by the operator, by the end of the run
        self.version = 0  # of the weights in use
        self.episode_ticks = 0  # of the episode under way
        self.ages: deque[float] = deque(maxlen=SAMPLES)  # of each tick's oldest image [s]
        self._timer = Timer()
        self._ended = 0.0  # the newest tick, monotonic [s]
        self._lasted: deque[float] = deque(maxlen=_LATELY)  # the newest ticks [s]

    def frame(self, frame: Frame) -> None:
        """Count a tick; a sink of the loop."""
        self.ticks += 1
        self.version = frame.weights_version
        self.episode_ticks = frame.tick
        now = time.monotonic()
        if frame.tick > 1:  # before the first one of an episode was a reset
            self._lasted.append(now - self._ended)
        self._ended = now
        if frame.reading.ages:
            self.ages.append(max(frame.reading.ages.values()))

    def end(self, episode: Episode) -> None:
        """Count an episode that is over."""
        if episode.rerecord:
            self.thrown_away += 1
        elif episode.stop:
            self.cut_short += bool(episode.ticks)
        else:
            self.finished.append(Finished(episode, self.ticks))

    def state(self) -> StageState:
        """The stage as it stands, at the end of an episode."""
        return StageState(self.name, self.ticks, self.seconds, self.version, list(self.finished))

    def restore(self, state: StageState) -> None:
        """Go on from what :meth:`state` gave."""
        self.ticks, self.version = state.ticks, state.version
        self.finished = list(state.finished)
        self._timer = Timer(state.seconds)

    @property
    def endless(self) -> bool:
        """Whether it has no goal."""
        return math.isinf(self.goal)

    @property
    def progress(self) -> str:
        """How much is done, in words."""
        failed = len(self.finished) - self.done if self.unit == "episodes" else 0
        more = f", {failed} failed" if failed else ""
        return f"{self.done}" if self.endless else f"{self.done} of {self.goal}{more}"

    @property
    def done(self) -> int:
        """How much of the goal is reached, in its unit."""
        return self.ticks if self.unit == "ticks" else sum(map(self._counts, self.episodes))

    @property
    def failed_in_a_row(self) -> int:
        """How many of the last episodes were no success."""
        return len(list(takewhile(lambda episode: not episode.success, self.episodes[::-1])))

    @property
    def hz(self) -> float | None:
        """Ticks in a second, lately; None before there are some."""
        lasted = list(self._lasted.copy())
        return len(lasted) / sum(lasted) if lasted else None

    @property
    def episodes(self) -> list[Episode]:
        """The finished episodes."""
        return [finished.episode for finished in self.finished]

    @property
    def recent(self) -> list[Episode]:
        """The last episodes."""
        return self.episodes[-RECENT:]

    @property
    def seconds(self) -> float:
        """How long the stage took, or has taken so far, without evaluations amid it [s]."""
        return self._timer.seconds

    def close(self) -> None:
        """The stage is over."""
        self._timer.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Something else happens meanwhile: the stage's time stands still."""
        self._timer.stop()
        try:
            yield
        finally:
            self._timer.start()


class Monitor:
    """The stages of a run so far; the last one is under way."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.evaluations: list[Evaluation] = []  # amid the training
        self.help: HelpRequests | None = None  # of the policy in the training, if it may ask
        self.instruments: Callable[[bool], RenderableType] | None = None  # of an arm moved by hand
        self.recording: Recording | None = None  # if the run is recorded
        self.loading: Loading | None = None  # while datasets are read, before the first stage
        self.warm_start: WarmStart | None = None  # while nothing but that happens
        self._amid: Stage | None = None  # the evaluation under way

    @property
    def shown(self) -> Stage | None:
        """What happens now: an evaluation amid the training, or the last stage."""
        return self._amid or (self.stages[-1] if self.stages else None)

    def begin(
        self,
        name: str,
        goal: float,
        unit: str,
        loop: Loop,
        counts: Callable[[Episode], bool] = always,
    ) -> Stage:
        """Start a stage that lasts ``goal`` ``unit`` ("ticks" or "episodes"); it ends the last.

        With the goal ``inf`` it goes on until it is stopped. Only episodes that ``counts`` takes
        bring it nearer to a goal in episodes.
        """
        self.close()
        self.stages.append(Stage(name, goal, unit, loop, counts))
        return self.stages[-1]

    @contextmanager
    def amid(self, episodes: int, loop: Loop) -> Iterator[Stage]:
        """An evaluation of some episodes amid the stage under way, which waits for its end."""
        self._amid = Stage(EVALUATE, episodes, "episodes", loop)
        try:
            with self.stages[-1].paused():
                yield self._amid
        finally:
            self._amid = None

    def close(self) -> None:
        """End the stage under way."""
        if self.stages:
            self.stages[-1].close()
