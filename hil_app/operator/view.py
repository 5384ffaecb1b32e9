"""The live view of a run in the terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from configs.events import Event, Problem
from hil_app.control.holder import TITLES, duration, holder
from hil_app.control.monitor import Monitor, Stage
from hil_app.control.outcomes import RECENT, TRAIN, intervention_fraction, success_rate
from hil_app.control.rate import milliseconds
from hil_app.events import DatasetsSoFar, EpisodeEnded, Evaluated, ViewClosed
from hil_app.support.events import EventLog
from hil_app.support.outputs import Output
from hil_app.support.words import plural
from hil_app.support.worker import Worker
from teleop.window.shown import Mood

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.elsewhere.surface import AnyLearner

REFRESH = 4.0  # images of the view a second
LINE_EVERY = 10.0  # seconds between two lines where there is no terminal
MOST = 1000  # lines that wait to be printed
LEAVING = 2.0  # how long they are waited for at the end [s]
ROOM = (96, 38)  # columns and lines from which on an arm's instruments show each step of a tick
NEWEST = 300  # ticks whose lateness and images' age are shown
PAUSED = "Paused: take over or press pause to go on"
ASKS = "The policy asks for a take-over"
LOSSES = {
    "critic": "loss_critic",
    "gripper": "loss_discrete_critic",
    "actor": "loss_actor",
    "temperature": "loss_temperature",
}


_HAS = {
    "YOU": "You have the arm",
    "POLICY": "The policy has the arm",
    "HOLDS": "The arm holds: take over to move it",
    "STOPPED": "Emergency stop",
}
_STYLES: dict[Mood, str] = {
    "you": "bold green",
    "policy": "bold cyan",
    "paused": "bold yellow",
    "alarm": "bold red",
}


class View:
    """Shows a run while entered: live in a terminal, now and then a line elsewhere.

    It only looks at what others count, and prints from threads of its own, so the loop never waits
    for it. ``hint`` says what an operator can do meanwhile.
    """

    def __init__(
        self,
        console: Console,
        monitor: Monitor,
        events: EventLog,
        learner: AnyLearner | None = None,
        hint: str = "",
    ) -> None:
        self._console, self._monitor, self._learner = console, monitor, learner
        self._events, self._hint = events, hint
        self._live = Live(
            get_renderable=self.render, console=console, auto_refresh=False, transient=True
        )
        self._last_line = time.monotonic()
        self._over = threading.Event()
        self._renderer = threading.Thread(target=self._paint, name="view", daemon=True)
        self._lines: Worker[str]

    def __enter__(self) -> Self:
        self._lines = Worker("view", self._print, most=MOST)
        self._events.listeners.append(self._hear)
        if self._console.is_terminal:
            self._renderer.start()
        elif self._hint:
            self._lines.put(self._hint)
        return self

    def __exit__(self, *error: object) -> None:
        self._events.listeners.remove(self._hear)
        self._over.set()
        if self._console.is_terminal:
            self._renderer.join(LEAVING)
        for stage in self._monitor.stages:
            self._lines.put(_line(stage))
        self._lines.close(LEAVING)

    def _paint(self) -> None:
        """Keep the view live while somebody reads."""
        try:
            with self._live:
                while not self._over.wait(1 / REFRESH):
                    if not self._held_up:
                        self._live.refresh()
        except BaseException as error:  # the run goes on without
            self._events.emit(ViewClosed(cause=f"{type(error).__name__}: {error}"))

    @property
    def _held_up(self) -> bool:
        """Whether nobody reads what was printed before."""
        file = self._console.file
        return isinstance(file, Output) and file.waiting > 0

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            if self._console.is_terminal:
                self._console.print(Text(line))  # broken between words
            else:
                self._console.out(line, highlight=False)

    def render(self) -> RenderableType:
        """The view as it stands now."""
        stage, loading = self._monitor.shown, self._monitor.loading
        if (warm := self._monitor.warm_start) is not None:
            title = "The policy learns from the demonstrations"
            return _far(title, warm.done(), warm.total, "updates")
        if stage is None and loading is not None:
            return _far("Recorded datasets are read", loading.frames, loading.total, "frames")
        if stage is None:
            return ""
        instruments = self._monitor.instruments
        below = [] if instruments is None else [instruments(self._roomy)]
        above = [_status(stage), *([Text(self._hint)] if self._hint else [])]  # seen in 24 lines
        return Panel(
            Group(*above, *_bar(stage), *self._notices(stage), self._figures(stage), *below),
            title=f"[bold]{TITLES[stage.name]}[/bold]",
        )

    @property
    def _roomy(self) -> bool:
        columns, lines = self._console.size
        return columns >= ROOM[0] and lines >= ROOM[1]

    def _hear(self, event: Event) -> None:
        """Have lines printed, by another thread."""
        for line in self._said(event):
            self._lines.put(line)

    def _said(self, event: Event) -> Iterator[str]:
        """What the operator must know; without a terminal, now and then how far it is."""
        if event.message:
            yield f"{'! ' * isinstance(event, Problem)}{event.name}: {event.message}"
        if isinstance(event, Evaluated):
            yield _q_values(event)
        if self._console.is_terminal:
            return
        if isinstance(event, DatasetsSoFar):
            yield f"{event.frames} of {event.of} frames read"
        now = time.monotonic()
        if isinstance(event, EpisodeEnded) and now - self._last_line > LINE_EVERY:
            self._last_line = now
            yield _line(self._monitor.stages[-1])

    def _notices(self, stage: Stage) -> list[RenderableType]:
        requests = self._monitor.help
        asking = requests is not None and requests.asking
        notices = [PAUSED] * (stage.loop.phase == "paused") + [ASKS] * asking
        return [Text(notice, "bold reverse", justify="center") for notice in notices]

    def _figures(self, stage: Stage) -> Table:
        grid = Table.grid(expand=True, padding=(0, 2))
        for _ in range(4):
            grid.add_column(ratio=1)
        cells = [*_episode_cells(stage), *self._learner_cells(stage), *self._evaluation_cells()]
        cells += [*_loop_cells(stage), *self._recording_cells()]
        for left, right in zip(cells[::2], [*cells[1::2], ("", "")], strict=False):
            grid.add_row(f"[dim]{left[0]}[/dim]", left[1], f"[dim]{right[0]}[/dim]", right[1])
        return grid

    def _evaluation_cells(self) -> list[tuple[str, str]]:
        evaluations = self._monitor.evaluations
        if not evaluations:
            return []
        last, best = evaluations[-1], max(evaluations, key=lambda e: e.success_rate)
        shown = f"{last.success_rate:.0%} at {last.ticks}, best {best.success_rate:.0%}"
        return [("on its own", shown)]

    def _recording_cells(self) -> list[tuple[str, str]]:
        recording = self._monitor.recording
        if recording is None:
            return []
        recorder = recording.recorder
        backlog = f"{recorder.waiting} frames, {recorder.behind:.1f} s"
        return [("episodes recorded", f"{recorder.safe}"), ("recording backlog", backlog)]

    def _learner_cells(self, stage: Stage) -> list[tuple[str, str]]:
        if self._learner is None or stage.name != TRAIN:
            return []
        progress = self._learner.progress
        skipped = progress.stats.get("skipped_updates", 0.0)
        losses = [(f"{title} loss", name) for title, name in LOSSES.items()]
        return [
            ("updates", f"{progress.updates} ({progress.updates_per_second:.0f}/s)"),
            ("weights version", f"{stage.version}"),
            ("on/offline buffer", f"{progress.online} / {progress.offline}"),
            *([("skipped updates", f"{skipped:.0f}")] if skipped else []),
            ("temperature", _number(progress.stats.get("temperature"))),
            *((title, _number(progress.stats.get(name))) for title, name in losses),
            *self._critics_cells(),
        ]

    def _critics_cells(self) -> list[tuple[str, str]]:
        """What the critics make of the newest tick, where the policy may ask for help."""
        if self._monitor.help is None:
            return []
        newest = self._monitor.help.q_values
        value, disagreement = (newest.value, newest.disagreement) if newest else (None, None)
        return [("critics' value", _number(value)), ("they disagree by", _number(disagreement))]


def _far(title: str, done: int, total: int, unit: str) -> RenderableType:
    """How far the run is with something in which nothing moves."""
    caption = Text(f"{done} of {total} {unit}", justify="center")
    return Panel(Group(_share(done, total), caption), title=f"[bold]{title}[/bold]")


def _status(stage: Stage) -> RenderableType:
    """Who has the arm, and the time."""
    who, mood = holder(stage)
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    line.add_row(Text(_HAS.get(who, who.capitalize()), _STYLES[mood]), duration(stage))
    return line


def _bar(stage: Stage) -> list[RenderableType]:
    return [] if stage.endless else [_share(min(stage.done, stage.goal), stage.goal)]


def _share(done: float, goal: float) -> RenderableType:
    bar = Table.grid(expand=True)
    bar.add_row(ProgressBar(total=goal, completed=done))
    return bar


def _episode_cells(stage: Stage) -> list[tuple[str, str]]:
    recent = stage.recent
    rate = f"{success_rate(recent):.0%}" if recent else "–"
    reward = f"{recent[-1].reward:.2f}" if recent else "–"
    return [
        (stage.unit, stage.progress),
        ("episode, its tick", f"{len(stage.finished) + 1}, {stage.episode_ticks}"),
        (f"success, last {RECENT}", rate),
        (f"by hand, last {RECENT}", f"{intervention_fraction(recent):.1%} of ticks"),
        ("last return", reward),
    ]


def _loop_cells(stage: Stage) -> list[tuple[str, str]]:
    late = stage.loop.rate.statistics(NEWEST)
    old = milliseconds(list(stage.ages.copy())[-NEWEST:])
    cells = [("oldest image, p99", f"{old['p99']:.0f} ms")] if old else []
    if late:
        figures = "{p50:.1f}/{p99:.1f}/{max:.1f} ms".format(**late)
        cells.append(("late p50/p99/max", figures))
    if stage.hz is not None:
        cells.append(("rate", f"{stage.hz:.1f} Hz"))
    return cells


def _q_values(event: Evaluated) -> str:
    return (
        f"on its own after {event.ticks} ticks: {event.successes} of {event.episodes} succeed, "
        f"{event.mean_ticks:.1f} ticks long"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _line(stage: Stage) -> str:
    recent = stage.recent
    came = (
        f"success of the last {len(recent)} {success_rate(recent):.0%}, "
        f"interventions {intervention_fraction(recent):.1%} of ticks, "
    )
    return (
        f"{stage.name}: {stage.ticks} ticks, {plural(len(stage.finished), 'episode')}, "
        f"{came if recent else ''}{stage.seconds:.0f} s"
    )
