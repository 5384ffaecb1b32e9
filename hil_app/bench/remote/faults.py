"""What goes wrong between a robot and its learner, at random, while the run goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from hil_app.bench.remote.lab import Lab, Run

CALM_S = (0.5, 1.5)  # from the end of a fault to the next
DISTURBED_S = (2.0, 8.0)  # how long a wire is slow or loses packets
CUT_S = (1.0, 60.0)  # more short ones than long: evenly in its logarithm


@dataclass(frozen=True)
class Fault:
    """A kind of fault: what is done to a lab and its run, drawn again each time."""

    name: str
    do: Callable[[Lab, Run, np.random.Generator], None]
    share: int  # of every 30: those that take long to mend are rarer
    noticed_s: float  # within which a run tells that its learner is out of reach, if it was


@dataclass
class Outcome:
    """What the faults of a kind came to."""

    fault: str
    faults: int = 0
    reached_again_s: list[float] = field(default_factory=list)  # after it; of those noticed


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _bridge(lab: Lab, run: Run, draw: np.random.Generator) -> None:  # noqa: ARG001
    _kill(run.bridges())


def _learner(lab: Lab, run: Run, draw: np.random.Generator) -> None:  # noqa: ARG001
    _kill(lab.nodes("learner", "ray::LearnerActor"))


def _raylet(lab: Lab, run: Run, draw: np.random.Generator) -> None:  # noqa: ARG001
    _kill(lab.nodes("robot", "raylet/raylet"))


def _head(lab: Lab, run: Run, draw: np.random.Generator) -> None:  # noqa: ARG001
    _kill(lab.nodes("learner", "raylet/raylet"))


def _cut(lab: Lab, run: Run, draw: np.random.Generator) -> None:  # noqa: ARG001
    lab.wire.cut()
    time.sleep(float(np.exp(draw.uniform(*np.log(CUT_S)))))
    lab.wire.calm()


def _slow(lab: Lab, run: Run, draw: np.random.Generator) -> None:  # noqa: ARG001
    lab.wire.delay(100, 300)
    time.sleep(draw.uniform(*DISTURBED_S))
    lab.wire.calm()


def _lossy(lab: Lab, run: Run, draw: np.random.Generator) -> None:  # noqa: ARG001
    lab.wire.lose(5)
    time.sleep(draw.uniform(*DISTURBED_S))
    lab.wire.calm()


FAULTS = (
    Fault("bridge killed", _bridge, 6, 12),
    Fault("learner killed", _learner, 5, 12),
    Fault("the robot's raylet killed", _raylet, 4, 12),
    Fault("the learner's raylet killed", _head, 1, 12),
    Fault("wire cut for 1-60 s", _cut, 4, 6),
    Fault("delay of 200 ± 100 ms", _slow, 5, 1),
    Fault("loss of 5 % of packets", _lossy, 5, 1),
)


def faults(lab: Lab, run: Run, count: int, seed: int) -> Iterator[Outcome]:
    """Have ``count`` faults, one after the other; tells of each kind so far after each."""
    draw = np.random.default_rng(seed)
    outcomes = {fault.name: Outcome(fault.name) for fault in FAULTS}
    for fault in _drawn(count, draw):
        time.sleep(draw.uniform(*CALM_S))
        before = run.losses()
        fault.do(lab, run, draw)
        over = time.monotonic()
        outcome = outcomes[fault.name]
        outcome.faults += 1
        if run.await_learner(before, fault.noticed_s):
            outcome.reached_again_s.append(time.monotonic() - over)
        yield outcome


def _drawn(count: int, draw: np.random.Generator) -> list[Fault]:
    """So many, one of each kind if there is room, the others by their shares."""
    shares = np.array([fault.share for fault in FAULTS], float)
    more = max(count - len(FAULTS), 0)
    numbers = [*range(len(FAULTS)), *draw.choice(len(FAULTS), more, p=shares / shares.sum())]
    return [FAULTS[numbers[at]] for at in draw.permutation(len(numbers))[:count]]
