"""How fast and how surely a run learns: several seeds of one or more arms of an experiment.

Each seed is a run of the real command, in a process and a folder of its own, evaluated amid the
training. A benchmark that was cut short goes on with what its folder has.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import HilAppError
from configs.text.reading import parse_json, read_json
from configs.text.writing import write_whole
from hil_app.bench import Result
from hil_app.control.outcomes import TRAIN
from hil_app.runs.folder import BENCH, EVENTS, SUMMARY
from robots import isolated

EVERY, EPISODES = 500, 20  # an evaluation: how often [ticks], and how long
REACHED, HELD = 0.95, 0.90  # success rates: T95 is reached, and not lost again
FINAL = 100  # episodes at the end


class BenchError(HilAppError):
    """A run of a benchmark failed; the message has its last words."""


@dataclass(frozen=True)
class Variant:
    """What is compared: a preset or file, and options on top."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Seed:
    """What one run came to."""

    seed: int
    ticks: list[int]  # of each evaluation amid the training
    success: list[float]  # its success rate
    t95_ticks: int | None  # first of two evaluations in a row with at least 19 of 20
    t95_updates: int | None
    t95_seconds: float | None  # of the training until then, without evaluations
    held: bool | None  # no evaluation below 18 of 20 from then to twice as long
    final: float  # success rate of the last 100 episodes
    final_ticks: float  # mean length of an episode of these
    interventions: list[float]  # share of ticks in which the operator acted, for each 500 ticks


def arms(presets: Sequence[str], options: Sequence[str], ablations: bool) -> list[Variant]:
    """An arm for each preset or file; with `ablations` also without some of the operator's help."""
    found = []
    for preset in presets:
        usual = Variant(Path(preset).stem, (f"--config_path={preset}", *options))
        found.append(usual)
        if ablations:
            for name, option in ABLATIONS.items():
                found.append(Variant(f"{usual.name}, {name}", (*usual.options, option)))
    return found


ABLATIONS = {
    "no demonstrations": "--train.demonstrations=0",
    "demonstrations only": "--teleop.intervention.max_share=0",
}


class Experiment:
    """The runs of all arms and seeds in one folder, `jobs` of them at a time."""

    def __init__(
        self, folder: Path, arms: Sequence[Variant], seeds: Sequence[int], jobs: int
    ) -> None:
        self.folder, self.arms, self.seeds = folder, arms, seeds
        self._jobs = jobs
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self) -> Iterator[tuple[Variant, Seed]]:
        """Every run in turn, as it ends; on an error or an interrupt all others are ended too."""
        with ThreadPoolExecutor(self._jobs) as pool:
            work = [(arm, pool.submit(self._one, arm, seed)) for arm, seed in self._pairs()]
            try:
                for arm, future in work:
                    yield arm, future.result()
            except BaseException:
                self._stop()
                raise

    def progress(self) -> dict[tuple[str, int], str]:
        """How far each run is, in words."""
        return {(arm.name, seed): _so_far(self.path(arm, seed)) for arm, seed in self._pairs()}

    def path(self, arm: Variant, seed: int) -> Path:
        """The folder of a run."""
        return self.folder / arm.name.replace(", ", "_").replace(" ", "_") / f"seed_{seed}"

    def _pairs(self) -> list[tuple[Variant, int]]:
        return [(arm, seed) for arm in self.arms for seed in self.seeds]

    def _one(self, arm: Variant, seed: int) -> Seed:
        folder = self.path(arm, seed)
        if not self._stopped and not _finished(folder):
            self._start(arm, seed, folder)
        return read(folder, seed)

    def _start(self, arm: Variant, seed: int, folder: Path) -> None:
        options = [*arm.options, *protocol(seed), f"--output_dir={folder}"]
        if folder.exists():
            folder.rename(folder.with_name(f"{folder.name}_cut_short_{time.time_ns()}"))
        folder.parent.mkdir(parents=True, exist_ok=True)
        log = folder.with_suffix(".log")
        with log.open("wb") as words:
            run = subprocess.Popen(
                isolated.command("hil_app", "train", *options),
                stdout=words,
                stderr=subprocess.STDOUT,
                env=isolated.environment(),
            )
            self._running.add(run)
            status = run.wait()
            self._running.discard(run)
        if status:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise BenchError(
                f"{arm.name}, seed {seed}, ended with status {status}: {' '.join(last)} (see {log})"
            )

    def _stop(self) -> None:
        self._stopped = True
        for run in list(self._running):
            run.terminate()


def protocol(seed: int) -> list[str]:
    """The options that make a run one of the benchmark's."""
    return [
        f"--seed={seed}",
        f"--train.eval_every={EVERY}",
        f"--train.eval_episodes={EPISODES}",
        f"--eval.episodes={FINAL}",
        "--eval.deterministic=true",
        "--eval.video=false",
    ]


def read(folder: Path, seed: int) -> Seed:
    """What the run in `folder` came to. BenchError if it has not finished."""
    if not _finished(folder):
        raise BenchError(f"{folder} has no finished run")
    summary = read_json(folder / SUMMARY)
    evaluated = summary["train"]["evaluations"]
    ticks, success = (
        [e["ticks"] for e in evaluated],
        [e["successes"] / e["episodes"] for e in evaluated],
    )
    first = reached(success)
    at = None if first is None else evaluated[first]
    return Seed(
        seed=seed,
        ticks=ticks,
        success=success,
        t95_ticks=at and at["ticks"],
        t95_updates=at and at["updates"],
        t95_seconds=at and at["train_seconds"],
        held=None if first is None else held(success, first),
        final=summary["eval"]["success_rate"],
        final_ticks=summary["eval"]["mean_ticks"],
        interventions=_interventions(folder),
    )


def reached(success: Sequence[float]) -> int | None:
    """Index of the first of two evaluations in a row that are good enough."""
    good = [rate >= REACHED for rate in success]
    pairs = (i for i, pair in enumerate(pairwise(good)) if all(pair))
    return next(pairs, None)


def held(success: Sequence[float], first: int) -> bool:
    """Whether no success rate from evaluation `first` on is below HELD, up to twice its time."""
    return all(rate >= HELD for rate in success[first : 2 * (first + 1)])


def save(results: dict[str, list[Seed]], folder: Path) -> Result:
    """Write the results of all arms as JSON; returns what was written."""
    content = {name: [asdict(seed) for seed in seeds] for name, seeds in results.items()}
    write_whole(folder / BENCH, (json.dumps(content, indent=2) + "\n").encode())
    return content


def _finished(folder: Path) -> bool:
    path = folder / SUMMARY
    return path.is_file() and read_json(path)["ended"] == "finished"


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    path = folder / EVENTS
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        if line.endswith("}"):  # the last one may be under way
            yield parse_json(line)


def _so_far(folder: Path) -> str:
    if not folder.is_dir():
        return "waiting"
    ticks, evaluated = sum(e["ticks"] for e in _training(folder)), ""
    for event in _events(folder):
        if event["event"] == "evaluation":
            evaluated = f", {event['successes']} of {event['episodes']} on its own"
    return f"{ticks} ticks{evaluated}{', finished' if _finished(folder) else ''}"


def _training(folder: Path) -> list[dict[str, Any]]:
    return [e for e in _events(folder) if e["event"] == "episode" and e["stage"] == TRAIN]


def _interventions(folder: Path) -> list[float]:
    """Share of ticks in which the operator acted, by EVERY ticks, an episode where it ends."""
    episodes = _training(folder)
    ticks = np.array([e["ticks"] for e in episodes])
    interventions = np.array([e["intervention_ticks"] for e in episodes])
    last = max(0, ticks.sum() // EVERY - 1)  # the rest of a share counts with the one before
    bins = np.minimum((np.cumsum(ticks) - 1) // EVERY, last)
    shares = (interventions[bins == i].sum() / ticks[bins == i].sum() for i in np.unique(bins))
    return [round(float(share), 4) for share in shares]
