"""``hil-app bench remote``: a run in peace, a run with faults, and what the learner has of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil_app.bench.remote.compared import Compared, compared
from hil_app.bench.remote.faults import FAULTS, Outcome, faults
from hil_app.bench.remote.lab import Lab, Run
from robots.virtual.client import VirtualArm

ROBOT = "bench"
LEARNING = (  # of a run that is ended by us
    "--train.demonstrations=2",
    "--train.ticks=10000000",
    "--train.save_every=null",
    "--env.control_time_s=5",
    "--eval.episodes=0",
    "--learner.where=ray",
    f"--learner.robot={ROBOT}",
    "--learner.learning_starts=50",
    "--learner.batch_size=32",
)
NETS = ("--policy.hidden_dims=[64,64]", "--policy.latent_dim=32")


@dataclass(frozen=True)
class Measured:
    """What a run came to."""

    seconds: float  # that were measured
    compared: Compared
    violations: int  # commands that no motor should see
    ticks_per_s: float
    lateness_ms: dict[str, float]
    cpu_share: float  # of a core, of the loop's process
    sent_kb_s: float
    received_kb_s: float
    updates: int  # that the run's policy knows of

    @property
    def again(self) -> int:
        """Rows that the learner should not have."""
        return self.compared.doubled + self.compared.strange


@dataclass(frozen=True)
class Found:
    """The whole of it."""

    peace: Measured
    troubled: Measured
    faults: list[Outcome]

    @property
    def good(self) -> bool:
        """Whether nothing was lost, nothing came twice, and no command was bad."""
        both = self.peace, self.troubled
        return not any(one.compared.lost or one.again or one.violations for one in both)


def session(
    folder: Path,
    count: int,
    seed: int,
    peace_s: float,
    most_s: float,
    report: Callable[[Outcome, int], None],
) -> Found:
    """Both runs, each with a lab of its own; no fault is begun after ``most_s``.

    ``report`` is called with each fault and its number. Raises ConfigError or BenchError.
    """

    def in_peace(lab: Lab, run: Run) -> list[Outcome]:  # noqa: ARG001 - as the other
        time.sleep(peace_s)
        return []

    def troubled(lab: Lab, run: Run) -> list[Outcome]:
        known = {fault.name: Outcome(fault.name) for fault in FAULTS}
        end = time.monotonic() + most_s
        for number, one in enumerate(faults(lab, run, count, seed), 1):
            known[one.fault] = one
            report(one, number)
            if time.monotonic() > end:
                break
        return [*known.values()]

    (peace, _), (trouble, outcomes) = (
        _measured(folder / name, seed, meanwhile)
        for name, meanwhile in (("peace", in_peace), ("troubled", troubled))
    )
    return Found(peace, trouble, outcomes)


def _measured(
    folder: Path, seed: int, meanwhile: Callable[[Lab, Run], list[Outcome]]
) -> tuple[Measured, list[Outcome]]:
    folder.mkdir()
    with Lab(folder, seed) as lab, lab.arm() as (arm, options):
        run = lab.train("run", [*options, *LEARNING, *NETS, f"--learner.address={lab.address}"])
        try:
            run.await_training()
            begun = time.monotonic(), run.cpu_s(), lab.wire.sent(), lab.wire.received()
            outcomes = meanwhile(lab, run)
            ended = time.monotonic(), run.cpu_s(), lab.wire.sent(), lab.wire.received()
        finally:
            lab.wire.calm()
            summary = run.end()
        took, cpu, sent, received = (b - a for a, b in zip(begun, ended, strict=True))
        return _of(lab, run, arm, summary, took, cpu, sent, received), outcomes


def _of(
    lab: Lab,
    run: Run,
    arm: VirtualArm,
    summary: dict[str, Any],
    took: float,
    cpu: float,
    sent: float,
    received: float,
) -> Measured:
    train = summary["train"]
    return Measured(
        seconds=took,
        compared=compared(run.folder, lab.checkpoints, ROBOT),
        violations=len(arm.report()["violations"]),
        ticks_per_s=train["ticks"] / summary["seconds"]["train"],
        lateness_ms=summary["loop"]["lateness_ms"],
        cpu_share=cpu / took,
        sent_kb_s=sent / took / 1e3,
        received_kb_s=received / took / 1e3,
        updates=train["updates"],
    )
