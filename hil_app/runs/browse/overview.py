"""A run in a few facts, read from its folder without opening what is large in there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from configs.errors import ConfigError
from configs.options.overrides import flat
from configs.text.reading import read_json, read_yaml
from hil_app.control.outcomes import EVALUATE, RECENT, RECORD, REPLAY, TELEOPERATE, TRAIN
from hil_app.control.outcomes import success_rate as rate_of
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.lock import Lock
from hil_app.runs.browse.history import History
from hil_app.runs.folder import (
    BENCH,
    CONFIG,
    DATASET,
    EVALUATIONS,
    SET_ASIDE,
    SUMMARY,
    checkpoints_of,
)
from hil_app.runs.folder import updates_of as updates_in

_STAGES = (TRAIN, RECORD, TELEOPERATE, REPLAY, EVALUATE)  # a run is what comes first of these
_META = "meta"  # of a dataset: what says how its frames lie, and not the frames


@dataclass(frozen=True)
class Success:
    """The share of episodes that succeeded, lately."""

    rate: float
    alone: bool  # without interventions; otherwise the operator had a hand in it


@dataclass(frozen=True)
class LaterEvaluation:
    """What a report of `hil-app eval` says."""

    success_rate: float
    episodes: int


class RunOverview:
    """What a run's folder tells; each part is read when it is asked for, and once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """Its configuration as it stands in the file; empty if that cannot be read."""
        with suppress(OSError, ValueError):
            content = read_yaml(self.folder / CONFIG)
            if isinstance(content, Mapping):
                return content
        return {}

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """Its figures; empty while it goes on, or if it was killed."""
        with suppress(OSError, ValueError):
            content = read_json(self.folder / SUMMARY)
            if isinstance(content, Mapping):
                return content
        return {}

    @cached_property
    def history(self) -> History:
        """How it went."""
        return History.read(self.folder)

    @cached_property
    def checkpoints(self) -> list[Path]:
        """What can be evaluated or gone on from, the oldest first."""
        return checkpoints_of(self.folder)

    @property
    def started(self) -> float:
        """When it began, in seconds since 1970; when its folder last changed if that is lost."""
        known = self.history.started
        return self.folder.stat().st_mtime if known is None else known

    @property
    def robot(self) -> str:
        """The type of its robot."""
        return str(self._robot.get("type") or "–")

    @property
    def task(self) -> str:
        """The name of its task; "–" where the robot has none."""
        return str(self._robot.get("task") or "–")

    @property
    def stage(self) -> str | None:
        """What it was mainly about: "train", "record", …; None if it came to no episode's end."""
        return next((name for name in _STAGES if self.history.stages.get(name)), None)

    @property
    def ticks(self) -> int:
        """Ticks of that."""
        finished = self.history.stages.get(self.stage or "", [])
        return finished[-1].tick if finished else 0

    @property
    def episodes(self) -> int:
        """Whole episodes of that."""
        return len(self.history.stages.get(self.stage or "", []))

    @property
    def updates(self) -> int:
        """How much it has learned."""
        return (updates_in(self.checkpoints[-1]) or 0) if self.checkpoints else 0

    @property
    def learned(self) -> bool:
        """Whether it has a policy that learned; or one of which that cannot be read."""
        return any(updates_in(one) != 0 for one in self.checkpoints)

    @property
    def goal(self) -> int:
        """Ticks that it was to train for."""
        train = self.config.get("train")
        ticks = train.get("ticks") if isinstance(train, Mapping) else None
        return ticks if isinstance(ticks, int) else 0

    @cached_property
    def evaluations(self) -> dict[str, LaterEvaluation]:
        """What `hil-app eval` found out later, if it came to its end: by a report's name."""
        found = {}
        for path in sorted((self.folder / EVALUATIONS).glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                report = read_json(path)
                rate, episodes = (report["eval"][name] for name in ("success_rate", "episodes"))
                if report["ended"] == "finished":
                    found[path.stem] = LaterEvaluation(float(rate), int(episodes))
        return found

    @property
    def success(self) -> Success | None:
        """Of the last evaluation, or else of the last episodes; None if there was neither."""
        history = self.history
        if self.evaluations:
            last = self.evaluations[max(self.evaluations)]
            return Success(last.success_rate, alone=True)
        if history.evaluated:
            return Success(rate_of(history.evaluated), alone=True)
        if history.evaluations:
            return Success(history.evaluations[-1].success_rate, alone=True)
        recent = [one.episode for one in history.stages.get(self.stage or "", [])[-RECENT:]]
        return Success(rate_of(recent), alone=False) if recent else None

    @cached_property
    def size(self) -> int:
        """Bytes on the disk; what is there under two names counts once, what links lead to not."""
        return self.size_of(self.folder)

    def size_of(self, path: Path) -> int:
        """The same of something in it."""
        facts = {(found.st_dev, found.st_ino): found.st_size for found in _files(path)}
        return sum(facts.values())

    @property
    def going_on(self) -> bool:
        """Whether a program has it right now."""
        try:
            Lock(self.folder).release()
        except DatasetError:
            return True
        return False

    @property
    def recorded(self) -> bool:
        """Whether there are frames in it that were recorded, or were set aside."""
        return any(_holds_frames(self.folder / name) for name in (DATASET, SET_ASIDE))

    @property
    def measured(self) -> bool:
        """Whether it is a benchmark's."""
        return (self.folder / BENCH).exists()

    @property
    def _robot(self) -> Mapping[str, Any]:
        found = self.config.get("robot")
        return found if isinstance(found, Mapping) else {}


def overview(run: Path) -> RunOverview:
    """A run that is named; ConfigError if there is none."""
    if not run.is_dir():
        raise ConfigError(f"there is no run {run}: `hil-app runs` lists those in runs/")
    if not (run / CONFIG).is_file():
        raise ConfigError(f"{run} is no run's folder: it has no {CONFIG}")
    return RunOverview(run)


def overviews(folder: Path) -> list[RunOverview]:
    """The runs in ``folder``, the oldest first; what links lead to is none of them.

    None if there is no such folder; ConfigError if it cannot be read.
    """
    try:
        inside = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from error
    found = [RunOverview(path) for path in inside if (path / CONFIG).is_file()]
    return sorted(found, key=lambda run: (run.started, run.folder.name))


def names_of(runs: Sequence[RunOverview]) -> list[str]:
    """What tells them apart: the names of their folders, or their paths where two have one name."""
    names = [run.folder.absolute().name for run in runs]
    return [
        str(run.folder) if names.count(name) > 1 else name
        for run, name in zip(runs, names, strict=True)
    ]


def differences(runs: Sequence[RunOverview]) -> dict[str, list[str]]:
    """The options in which their configurations differ, with the value of each run."""
    known = [dict(flat(run.config)) for run in runs]
    options = dict.fromkeys(option for one in known for option in one if option != "output_dir")
    values = {
        option: [json.dumps(one[option]) if option in one else "–" for one in known]
        for option in options
    }
    return {option: said for option, said in values.items() if len(set(said)) > 1}


def _files(path: Path) -> Iterator[os.stat_result]:
    """The facts of a file, or of all files in a folder; some may go meanwhile."""
    if not path.is_dir() or path.is_symlink():
        yield path.lstat()
        return
    for place, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                yield os.lstat(os.path.join(place, name))


def _holds_frames(folder: Path) -> bool:
    if folder.is_symlink():
        return True  # wherever they are
    for place, inside, names in os.walk(folder):
        if names:
            return True
        if Path(place) == folder and _META in inside:
            inside.remove(_META)
    return False
