"""What a sweep is made of, and what its folder has of it: each trial a run of its own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from configs.errors import ConfigError
from configs.text.reading import read_json
from configs.text.writing import write_whole
from hil_app.bench.learning import outcome
from hil_app.control.outcomes import Evaluation
from hil_app.runs.browse.history import History
from hil_app.runs.folder import SUMMARY
from hil_app.sweep.over import Drawn

PLAN = "sweep.json"
State = Literal["finished", "stopped", "unfinished", "not begun"]


@dataclass(frozen=True)
class Halving:
    """How trials are stopped that do worse than others: asynchronous successive halving (ASHA).

    At ``grace`` ticks, and whenever there have been ``factor`` times as many, a trial goes on only
    if it is among the best 1/``factor`` of those that have come so far.
    """

    grace: int  # ticks
    factor: float


@dataclass(frozen=True)
class Trial:
    """One training: its options but for the folder."""

    number: int
    values: Drawn  # of what the sweep goes over
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it and its folder are called."""
        return f"trial_{self.number:03}"

    @property
    def command(self) -> str:
        """The same training by hand."""
        return f"hil-app train {shlex.join(self.options)}"


@dataclass(frozen=True)
class Standing:
    """How far a trial is."""

    trial: Trial
    state: State
    evaluations: tuple[Evaluation, ...]  # amid the training
    by_hand: float | None  # share of training ticks in which the operator acted
    final: float | None  # success rate of the evaluation at the end

    @property
    def score(self) -> float:
        """What it is ranked by: the success of its last evaluation, at the end if it got there."""
        if self.final is not None:
            return self.final
        return self.evaluations[-1].success_rate if self.evaluations else 0.0


class Plan:
    """The trials of a sweep in one folder."""

    def __init__(
        self, folder: Path, names: Sequence[str], trials: Sequence[Trial], halving: Halving | None
    ) -> None:
        self.folder, self.names, self.trials, self.halving = folder, names, trials, halving

    def claim(self) -> bool:
        """Write it into the folder; returns whether it was there. ConfigError if it is another."""
        path, content = self.folder / PLAN, self._content()
        try:
            before = read_json(path) if path.exists() else None
            if before is None and self.folder.is_dir() and any(self.folder.iterdir()):
                raise ConfigError(f"--output_dir: {self.folder} is not empty, and has no sweep")
            if before is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                write_whole(path, (json.dumps(content, indent=2) + "\n").encode())
        except OSError as error:
            raise ConfigError(f"--output_dir: {self.folder}: {error.strerror}") from error
        if before is not None and before != content:
            raise ConfigError(
                f"--output_dir: {self.folder} has a sweep with other options "
                f"({_difference(before, content)}): give those, or name another folder"
            )
        return before is not None

    def path(self, trial: Trial) -> Path:
        """The folder of a trial's run."""
        return self.folder / trial.name

    def stop(self, trial: Trial, ticks: int) -> None:
        """A trial is not to go on: others were better after so many ticks."""
        write_whole(self._mark(trial), f"{json.dumps({'ticks': ticks})}\n".encode())

    def standing(self, trial: Trial) -> Standing:
        """How far a trial is, as its folder tells."""
        folder = self.path(trial)
        history = History.read(folder)
        ticks = sum(one.episode.ticks for one in history.training)
        hands = sum(one.episode.intervention_ticks for one in history.training)
        state = self.state(trial)
        found = read_json(folder / SUMMARY) if state == "finished" else {}
        return Standing(
            trial=trial,
            state=state,
            evaluations=tuple(history.evaluations),
            by_hand=hands / ticks if ticks else None,
            final=found.get("eval", {}).get("success_rate"),
        )

    def state(self, trial: Trial) -> State:
        """Whether a trial is over, and how."""
        folder = self.path(trial)
        if outcome.finished(folder):
            return "finished"
        if self._mark(trial).exists():
            return "stopped"
        return "unfinished" if folder.exists() else "not begun"

    def ranked(self) -> list[Standing]:
        """All trials that have begun, the best first: those that got further, then the score."""
        found = [one for one in map(self.standing, self.trials) if one.state != "not begun"]
        return sorted(found, key=lambda one: (one.state != "finished", -one.score))

    def _mark(self, trial: Trial) -> Path:
        return self.path(trial).with_suffix(".stopped.json")

    def _content(self) -> dict[str, Any]:
        return {
            "over": [*self.names],
            "trials": [{"values": [*one.values], "options": [*one.options]} for one in self.trials],
            "halving": None if self.halving is None else asdict(self.halving),
        }


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    if before.get("halving") != now["halving"]:
        return f"stopping: {before.get('halving')}, now {now['halving']}"
    try:
        then, new = (
            {o for one in each["trials"] for o in one["options"]} for each in (before, now)
        )
    except (KeyError, TypeError):
        return f"{PLAN} is damaged"
    return ", ".join(sorted(then ^ new)[:6]) or "their order or number"
