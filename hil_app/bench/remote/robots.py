"""Several robots that learn at one learner, against one whose learner is a thread of its run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hil_app.bench import BenchError
from hil_app.bench.remote.arrivals import TWIN
from hil_app.bench.remote.lab import Lab, Run, busy_s, cpu_s
from hil_app.control.outcomes import TRAIN
from hil_app.runs.folder import EVENTS

FPS = 10
GOOD, OF = 19, 20  # episodes that succeeded without the operator, of the newest ones
FULL = 0.9  # of what there is: more cannot be had
DEMONSTRATIONS = 20  # of all robots together
OPTIONS = (
    *TWIN,
    f"--env.fps={FPS}",
    "--train.ticks=10000000",
    "--train.save_every=null",
    "--eval.episodes=0",
)


@dataclass(frozen=True)
class Scaled:
    """What so many robots came to."""

    where: str  # the learner was
    robots: int
    seconds: float  # of training
    t95_s: float | None  # until the robots' newest episodes were good; None: not within that time
    ticks_per_s: float  # of all robots
    updates_per_s: float
    robots_cpu: float  # cores that their loops' processes took, and their bridges, and the learner
    bridges_cpu: float
    learner_cpu: float
    busy_cpu: float  # the same of all programs of this computer, which has so many:
    cores: int
    waiting: int  # messages that the learner had at the end, and had not dealt with
    kb_s: float  # over the wire, by each robot, both ways

    @property
    def short_of(self) -> str:
        """What there was too little of for more ticks and updates; nothing if there was enough."""
        if self.busy_cpu > FULL * self.cores:
            return "cores"
        return "the learner's core" if self.learner_cpu > FULL else ""


def scaled(folder: Path, task: str, counts: Sequence[int], most_s: float) -> Iterator[Scaled]:
    """One robot with a thread, then so many with a learner elsewhere, each until T95 or ``most_s``.

    Raises ConfigError or BenchError.
    """
    for where, count in [("thread", 1), *(("ray", count) for count in counts)]:
        own = folder / f"{where}_{count}"
        own.mkdir()
        with Lab(own) as lab:
            yield _scaled(lab, task, where, count, most_s)


def _scaled(lab: Lab, task: str, where: str, count: int, most_s: float) -> Scaled:
    runs = [_start(lab, task, where, count, number) for number in range(count)]
    try:
        for run in runs:
            run.await_loop()
        begun, before = time.monotonic(), _spent(lab, runs)
        t95, said = None, before
        while t95 is None and time.monotonic() - begun < most_s:
            time.sleep(1)
            t95 = _t95([run.folder for run in runs])
        said, took, waiting = _spent(lab, runs), time.monotonic() - begun, lab.waiting()
    finally:
        summaries = [run.end() for run in runs]
    if not all("train" in summary for summary in summaries):
        raise BenchError(f"in {took:.0f} s not every robot came to train: give --most more")
    spent = Spent(*(b - a for a, b in zip(before, said, strict=True)))
    updates = summaries[0]["train"]["updates"] if where == "thread" else spent.updates
    return Scaled(
        where=where,
        robots=count,
        seconds=took,
        t95_s=t95,
        ticks_per_s=sum(_ticks_per_s(summary) for summary in summaries),
        updates_per_s=updates / took,
        robots_cpu=spent.robots / took,
        bridges_cpu=spent.bridges / took,
        learner_cpu=spent.learner / took,
        busy_cpu=spent.all / took,
        cores=os.cpu_count() or 1,
        waiting=waiting,
        kb_s=spent.wire / took / 1e3 / count,
    )


def _start(lab: Lab, task: str, where: str, count: int, number: int) -> Run:
    there = (f"--learner.address={lab.address}", f"--learner.robot=robot{number}")
    own = (f"--learner.where={where}", *(there if where == "ray" else ()), f"--seed={number}")
    what = f"--robot.task={task}"
    shown = f"--train.demonstrations={max(1, DEMONSTRATIONS // count)}"
    return lab.train(f"robot{number}", [*OPTIONS, what, shown, *own])


class Spent(NamedTuple):
    """What was spent so far."""

    robots: float  # processor time [s]
    bridges: float
    learner: float
    all: float
    wire: float  # bytes, both ways
    updates: float


def _spent(lab: Lab, runs: Sequence[Run]) -> Spent:
    return Spent(
        robots=sum(run.cpu_s() for run in runs),
        bridges=sum(cpu_s(pid) for run in runs for pid in run.bridges()),
        learner=sum(cpu_s(pid) for pid in lab.nodes("learner", "ray::LearnerActor")),
        all=busy_s(),
        wire=lab.wire.sent() + lab.wire.received(),
        updates=lab.updates(),
    )


def _ticks_per_s(summary: dict[str, Any]) -> float:
    ticks: float = summary["train"]["ticks"]
    seconds: float = summary["seconds"]["train"]
    return ticks / max(seconds, 1e-9)


def _t95(folders: Sequence[Path]) -> float | None:
    """After how many seconds of training the newest episodes of all robots were good at first."""
    episodes = sorted(
        (one for folder in folders for one in _trained(folder)), key=lambda one: one["time"]
    )
    if not episodes:
        return None
    begun = min(one["time"] - one["ticks"] / FPS for one in episodes)
    alone = [one["success"] and not one["intervention_ticks"] for one in episodes]
    for end in range(OF, len(episodes) + 1):
        if sum(alone[end - OF : end]) >= GOOD:
            return float(episodes[end - 1]["time"] - begun)
    return None


def _trained(folder: Path) -> Iterator[dict[str, Any]]:
    """Episodes of a run's training, as it tells them."""
    with suppress(OSError):
        for line in (folder / EVENTS).read_text().splitlines():
            if line.endswith("}"):  # the last one may be under way
                told = json.loads(line)
                if told["event"] == "episode" and told["stage"] == TRAIN:
                    yield told
