"""How soon a learner's new weights are at hand on the robot, for nets of two kinds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hil_app.bench import BenchError
from hil_app.bench.remote.lab import Lab
from hil_app.bench.remote.session import LEARNING

WIDE = ("--policy.hidden_dims=[256,256]", "--policy.latent_dim=256")
TWIN = (
    "--config_path=hil",
    "--robot.cameras={}",
    "--env.fps=30",
    "--env.paced=true",
    "--learner.mode=background",
    "--train.warm_start_updates=0",
)
CASES = {"256 wide, state": False, "256 wide, CNN of two cameras": True}  # whether with the arm


@dataclass(frozen=True)
class Arrival:
    """Weights of a run as its policy took them."""

    nets: str
    seconds: float  # that were measured
    age_ms: dict[str, float]  # from the learner's publishing until a tick's start
    weights_per_s: float  # versions that the learner published
    sent_kb_s: float  # by the robot
    received_kb_s: float


def arrivals(folder: Path, seconds: float) -> Iterator[Arrival]:
    """Each kind of nets for so long, with a lab of its own. Raises ConfigError or BenchError."""
    for number, (nets, seeing) in enumerate(CASES.items()):
        own = folder / f"weights_{number}"
        own.mkdir()
        with Lab(own) as lab, _body(lab, seeing=seeing) as body:
            yield _arrival(lab, nets, [*body, *LEARNING, *WIDE], seconds)


@contextmanager
def _body(lab: Lab, *, seeing: bool) -> Iterator[list[str]]:
    """The options of a body at 30 Hz: a virtual arm with two cameras, or a twin with none."""
    if not seeing:
        yield [*TWIN, "--robot.task=reach"]
        return
    with lab.arm() as (_, options):
        yield options


def _arrival(lab: Lab, nets: str, options: list[str], seconds: float) -> Arrival:
    run = lab.train("run", [*options, f"--learner.address={lab.address}"])
    try:
        run.await_training()
        run.until(lambda: lab.updates() > 0)
        begun = time.monotonic(), lab.updates(), lab.wire.sent(), lab.wire.received()
        time.sleep(seconds)
        ended = time.monotonic(), lab.updates(), lab.wire.sent(), lab.wire.received()
    finally:
        summary = run.end()
    took, updates, sent, received = (b - a for a, b in zip(begun, ended, strict=True))
    age = summary["loop"].get("weights_age_ms")
    if age is None:
        raise BenchError(f"{run.folder}: no weights have come in {took:.0f} s")
    return Arrival(nets, took, age, updates / took, sent / took / 1e3, received / took / 1e3)
