"""What a run has come to so far: curves, episodes and news, for browsers that come late, too."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from configs.events import Event, Problem
from hil_app.control.monitor import Monitor, Stage
from hil_app.control.outcomes import RECENT, TRAIN, intervention_fraction, success_rate
from hil_app.events import EpisodeEnded

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.elsewhere.surface import AnyLearner

MOST_POINTS = 2000  # of a curve; beyond that every second one is left out
MOST_EPISODES = 2000  # the newest
MOST_EVENTS = 50
_LEARNER_EVERY = 1.0  # between two looks at the learner [s]
_LOSSES = ("loss_critic", "loss_actor", "loss_discrete_critic", "temperature")


class Curves:
    """Points of curves by name: x counts the run's ticks, over all of its stages."""

    def __init__(self, monitor: Monitor, learner: AnyLearner | None) -> None:
        self._monitor, self._learner = monitor, learner
        self.series: dict[str, list[list[float]]] = {}
        self._added: dict[str, list[list[float]]] = {}
        self._thinned = False
        self._seen: dict[int, int] = {}  # episodes of each stage, by its place
        self._evaluations = self._updates = 0
        self._looked = 0.0

    def look(self) -> None:
        """Take in what is new."""
        before = 0
        for place, stage in enumerate(self._monitor.stages):
            self._episodes(stage, place, before)
            if stage.name == TRAIN:
                self._evaluated(before)
            before += stage.ticks
        now = time.monotonic()
        if self._learner is not None and now - self._looked > _LEARNER_EVERY:
            self._looked = now
            self._learned(self._learner, before)

    def take(self, *, whole: bool = False) -> dict[str, Any] | None:
        """A message with the points since the last call, or with all; None if there are none."""
        whole |= self._thinned
        series = self.series if whole else self._added
        found = {"from": 0 if whole else 1, "series": series}
        self._added, self._thinned = {}, False
        return found if series or whole else None

    def _episodes(self, stage: Stage, place: int, before: int) -> None:
        finished = stage.finished
        for number in range(self._seen.get(place, 0), len(finished)):
            recent = [one.episode for one in finished[max(0, number + 1 - RECENT) : number + 1]]
            x = before + finished[number].tick
            self._add("success_recent", x, success_rate(recent))
            self._add("interventions", x, intervention_fraction(recent))
            self._add("return", x, recent[-1].reward)
        self._seen[place] = len(finished)

    def _evaluated(self, before: int) -> None:
        for evaluation in self._monitor.evaluations[self._evaluations :]:
            self._evaluations += 1
            self._add("success_alone", before + evaluation.ticks, evaluation.success_rate)

    def _learned(self, learner: AnyLearner, x: int) -> None:
        progress = learner.progress
        stages = self._monitor.stages
        late = stages[-1].loop.rate.statistics(RECENT * 10) if stages else None
        if late:
            self._add("lateness_p99", x, late["p99"])
        if progress.updates == self._updates:
            return
        self._updates = progress.updates
        self._add("updates_per_second", x, progress.updates_per_second)
        for name in _LOSSES:
            if name in progress.stats:
                self._add(name, x, progress.stats[name])
        if (newest := learner.q_values) is not None:
            self._add("q_mean", x, newest.value)
            self._add("q_spread", x, newest.disagreement)

    def _add(self, name: str, x: float, y: float) -> None:
        if not math.isfinite(y):
            return
        point = [x, float(f"{y:.5g}")]
        points = self.series.setdefault(name, [])
        points.append(point)
        self._added.setdefault(name, []).append(point)
        if len(points) > MOST_POINTS:
            del points[1::2]
            self._thinned = True


class EventHistory:
    """Episodes and news, as they came; ``hear`` is called by whoever tells, and only notes."""

    def __init__(self) -> None:
        self.episodes = deque[dict[str, Any]](maxlen=MOST_EPISODES)
        self.events = deque[dict[str, Any]](maxlen=MOST_EVENTS)
        self._new = deque[Event](maxlen=MOST_EPISODES)
        self._count = 0

    def hear(self, event: Event) -> None:
        """Note what happened; any thread may call."""
        if isinstance(event, EpisodeEnded) or event.message:
            self._new.append(event)

    def look(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The episodes and the news since the last call."""
        episodes, events = list[dict[str, Any]](), list[dict[str, Any]]()
        for event in [self._new.popleft() for _ in range(len(self._new))]:
            if isinstance(event, EpisodeEnded):
                episodes.append(self._episode(event))
            else:
                problem = isinstance(event, Problem)
                message = event.message[:500]
                events.append({"problem": problem, "name": event.name, "message": message})
        self.episodes += episodes
        self.events += events
        return episodes, events

    def _episode(self, event: EpisodeEnded) -> dict[str, Any]:
        self._count += 1
        return {
            "number": self._count,
            "stage": event.stage,
            "ticks": event.ticks,
            "success": event.success,
            "intervention_ticks": event.intervention_ticks,
            "reward": round(event.reward, 3),
            "rerecord": event.rerecord,
        }
