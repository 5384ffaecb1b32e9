"""One line of JSON a run: what a benchmark's table and image are made of, ours and others'."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from configs.errors import ConfigError
from configs.text.reading import read_json
from configs.text.writing import write_whole
from hil_app.bench.learning import outcome
from hil_app.bench.learning.experiment import Run
from hil_app.bench.learning.outcome import Outcome
from hil_app.bench.learning.started import noted
from hil_app.bench.learning.suite import FPS, Case
from hil_app.runs.folder import SUMMARY


@dataclass(frozen=True)
class Alone:
    """What the operator comes to without a policy."""

    success_rate: float
    episodes: int
    mean_ticks: float  # of an episode


@dataclass(frozen=True)
class Line:
    """One run."""

    task: str
    obs: str
    operator: str
    learner: str
    fps: float  # control rate [Hz]
    outcome: Outcome
    human_s: float | None  # until T95: hands and watching
    hands_s: float | None
    watching_s: float | None
    alone: Alone | None  # the operator; None if nobody measured it
    versions: dict[str, str]
    hardware: dict[str, str | int]
    options: list[str]  # of the program that learned

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What is the same whatever the seed."""
        return self.task, self.obs, self.operator, self.learner


class Results:
    """Gathers what runs of a suite come to, in whatever order they end."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = {case.name: case for case in cases}
        self._trained: dict[tuple[str, int], Line] = {}  # by the name of the run, and its seed
        self._alone: dict[str, Alone] = {}  # by the name of the run

    def add(self, run: Run, folder: Path) -> None:
        """A run has ended well. Raises BenchError if it left something else than it should."""
        if run.name in self._cases:
            self._trained[run.name, run.seed] = line(self._cases[run.name], run.seed, folder)
        else:
            self._alone[run.name] = alone(folder)

    @property
    def lines(self) -> list[Line]:
        """One a training that has ended, case after case."""
        places = [*self._cases]
        in_order = sorted(self._trained, key=lambda run: (places.index(run[0]), run[1]))
        return [
            replace(self._trained[run], alone=self._alone.get(self._cases[run[0]].alone_name))
            for run in in_order
        ]


def line(case: Case, seed: int, folder: Path, alone: Alone | None = None) -> Line:
    """What the run of a case in ``folder`` came to. Raises BenchError if that cannot be read."""
    found, start = outcome.read(folder, seed), noted(folder)
    hands, watching = _seconds(found)
    return Line(
        task=case.task,
        obs=case.obs,
        operator=case.operator,
        learner=case.learner_name,
        fps=FPS,
        outcome=found,
        human_s=None if hands is None or watching is None else round(hands + watching, 1),
        hands_s=hands,
        watching_s=watching,
        alone=alone,
        versions={**start.get("versions", {}), **read_json(folder / SUMMARY).get("versions", {})},
        hardware=start.get("hardware", {}),
        options=start.get("options", []),
    )


def _seconds(found: Outcome) -> tuple[float | None, float | None]:
    """Until T95: under the operator's hands, and watching [s]."""
    if found.human is None:
        return None, None
    return found.human.hands_ticks / FPS, found.human.watching_ticks / FPS


def alone(folder: Path) -> Alone:
    """What the operator came to in the finished recording in ``folder``."""
    recorded: dict[str, Any] = read_json(folder / SUMMARY)["record"]
    return Alone(recorded["success_rate"], recorded["episodes"], recorded["mean_ticks"])


def save(lines: Sequence[Line], path: Path) -> None:
    """Write lines into a file."""
    write_whole(path, "".join(f"{text(each)}\n" for each in lines).encode())


def text(line: Line) -> str:
    """A line as it is written."""
    return json.dumps(asdict(line))


def read(path: Path) -> list[Line]:
    """The lines of a file. Raises ConfigError if it has others."""
    try:
        content = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--beside: cannot read {path}: {error}") from error
    return [_read(each, f"{path}, line {number}") for number, each in enumerate(content, 1)]


def _read(content: str, place: str) -> Line:
    try:
        return TypeAdapter(Line).validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "it"
        raise ConfigError(f"--beside: {place}: {where}: {fault['msg']}") from None


def grouped(lines: Iterable[Line]) -> dict[tuple[str, str, str, str], list[Line]]:
    """The lines of each row, by their seeds."""
    rows: dict[tuple[str, str, str, str], list[Line]] = {}
    for each in lines:
        rows.setdefault(each.row, []).append(each)
    return {row: sorted(seeds, key=lambda one: one.outcome.seed) for row, seeds in rows.items()}
