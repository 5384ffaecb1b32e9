"""What an arm's faults lead to: each kind, at random moments of real control loops.

Faults that pass are borne: the loop goes on and keeps every episode. Faults that last end the
loop in a stated time, with a message that names the cause, and leave the arm without torque.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from configs.load import merge, read, validate
from configs.run import RunConfig
from hil_app.bench.virtual import virtual_arm
from hil_app.build.assembly import Assembly
from hil_app.control.episodes import run_episodes
from hil_app.control.loop import Sink
from hil_app.control.monitor import Stage
from hil_app.control.policy import NoPolicy
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import INFO
from hil_app.recording.frames import Frame
from hil_app.runs.dataset import recorder
from hil_app.support.events import EventLog
from robots.base import JOINTS, RobotError
from robots.virtual.client import VirtualArm
from robots.virtual.fault_settings import IN_ORDER

Draw = np.random.Generator
PATIENCE = 1.0  # what the arm of these runs bears [s]
EPISODE_S = 2.0
CALM = (0.1, 0.4)  # least and most time between two faults that pass [s]
LONG_CALM = (0.5, 0.8)  # between those that the arm takes for one and the same if they come soon
BEARABLE = (0.05, 0.25)  # how long they last [s]
BACK_WITHIN = 5.0  # how long a virtual arm may take to be back in order [s]
GONE = 3.0  # how long a port is gone for good [s]
# How soon after a lasting fault the loop must have ended and the arm be safe [s]: patience to end
# it, as much to release the motors and a second in which the deadman tries, too; or to be sure, to
# hold, to back off and to let down; and a margin for a busy machine.
SOON = {"silent": 2 * PATIENCE + 1.0 + 5.0, "trouble": 0.3 + 2.0 + 1.0 + 5.0, "at once": 7.0}


@dataclass(frozen=True)
class Fault:
    """A kind of fault: the fault settings that make it, drawn again each time."""

    name: str
    fault_settings: Callable[[Draw], Mapping[str, Any]]
    cause: str | None = None  # what the message must say; None if it passes and is borne
    ends: str = ""  # how soon it must end the loop: a key of SOON
    one_shot: bool = False  # it passes by itself
    calm: tuple[float, float] = CALM  # until the next one [s]


@dataclass
class FaultOutcome:
    """What the faults of one kind came to."""

    fault: str
    borne: bool  # the loop is to go on; else it is to end safely
    faults: int = 0
    episodes: int = 0
    lost: int = 0  # episodes that are not whole on disk
    violations: int = 0  # commands that no motor should see
    slowest_s: float | None = None  # from a lasting fault to an arm that is safe
    problems: list[str] = field(default_factory=list)  # anything else that should not be

    @property
    def good(self) -> bool:
        """Whether all went as it should."""
        return not (self.lost or self.violations or self.problems)


def _motor(draw: Draw) -> str:
    return str(draw.choice(JOINTS[:-1]))


def _some(name: str) -> Callable[[Draw], dict[str, Any]]:
    return lambda draw: {f"{name}_next": int(draw.integers(1, 4))}


def _in_lists(name: str) -> Callable[[Draw], dict[str, Any]]:
    return lambda draw: {name: [_motor(draw)]}


def _at(name: str, *values: Any) -> Callable[[Draw], dict[str, Any]]:
    return lambda draw: {name: {_motor(draw): values[draw.integers(len(values))]}}


def _always(**fault_settings: Any) -> Callable[[Draw], dict[str, Any]]:
    return lambda draw: fault_settings  # noqa: ARG005 - nothing is drawn


PASSING = (
    Fault("answers dropped", _some("drop"), one_shot=True),
    Fault("answers late", _some("delay"), one_shot=True),
    Fault("answers corrupt", _some("corrupt"), one_shot=True),
    Fault("answers cut short", _some("truncate"), one_shot=True),
    Fault("garbage before answers", _some("garbage"), one_shot=True),
    Fault("slow answers (8 ms)", _always(latency_ms=8.0)),
    Fault("a motor silent", _in_lists("missing")),
    Fault("an ID answers twice", _in_lists("duplicate")),
    Fault("error bits set", _at("errors", 1, 4, 8, 32, 33), calm=LONG_CALM),
    Fault("supply out of range", _always(voltage=4.2), calm=LONG_CALM),
    Fault("a joint blocked", _in_lists("stuck"), calm=LONG_CALM),
    Fault("port gone and back", _always(gone_s=0.3), one_shot=True),
    Fault("power off and on", _always(power_cycle=True), one_shot=True),
)
LASTING = (
    Fault("a motor silent for good", _in_lists("missing"), "gives no good answer", "silent"),
    Fault("all motors silent", _always(missing=list(JOINTS)), "gives no good answer", "silent"),
    Fault("every answer corrupt", _always(corrupt=1.0), "gives no good answer", "silent"),
    Fault("an ID given twice", _in_lists("duplicate"), "duplicate|two|damaged|answer", "silent"),
    Fault("port gone for good", _always(gone_s=GONE), "is gone: plug", "silent"),
    Fault("overload", _at("errors", 32), "reports overload", "trouble"),
    Fault("overheat", _at("errors", 4), "reports overheat", "trouble"),
    Fault("a motor at 70 °C", _at("temperature", 70), "70 °C hot", "trouble"),
    Fault("supply at 4.2 V", _always(voltage=4.2), "has 4.2 V", "trouble"),
    Fault(
        "load of 95 % on a joint that stands",
        lambda draw: {"load": {"wrist_roll": float(draw.choice([-95, 95]))}},
        "bears 95 %",
        "trouble",
    ),
)
REFUSED = (
    Fault("wrong model", _at("model", 1029), "is of model 1029", "at once"),
    Fault("firmware differs", _at("firmware", [3, 9]), "different firmware", "at once"),
    Fault("a motor missing", _in_lists("missing"), "No answer of", "at once"),
)
ALL = {fault.name: fault for fault in (*PASSING, *LASTING, *REFUSED)}


def faults(count: int, seed: int, report: Callable[[FaultOutcome], None]) -> list[FaultOutcome]:
    """About ``count`` faults of all kinds on a virtual arm; ``report`` gets each kind's outcome."""
    lasting = max(1, count // 200)  # each takes a run of its own
    passing = max(1, round((count - lasting * (len(LASTING) + len(REFUSED))) / len(PASSING)))
    outcomes = []
    with virtual_arm("--arm=so100", "--world=sim_pick_lift") as port:
        trials = Trials(port, np.random.default_rng(seed))
        for fault in ALL.values():
            outcomes.append(trials.run(fault, passing if fault.cause is None else lasting))
            report(outcomes[-1])
    return outcomes


class Trials:
    """Runs control loops on the virtual arm on ``port`` and makes it fail."""

    def __init__(self, port: str, draw: Draw) -> None:
        self._port, self._draw = port, draw
        self._config = _config(port)

    def run(self, fault: Fault, count: int) -> FaultOutcome:
        """``count`` faults of one kind."""
        outcome = FaultOutcome(fault.name, borne=fault.cause is None)
        if fault.cause is None:
            self._borne(fault, count, outcome)
        while outcome.faults < count and not outcome.problems:
            self._ended(fault, outcome)
        return outcome

    def _borne(self, fault: Fault, count: int, outcome: FaultOutcome) -> None:
        """One long run in which the faults come and go."""
        with world_in_order(self._port) as arm:
            trouble = _Trouble(arm, fault, self._draw, count)
            error = self._loop(arm, trouble, outcome)
            if error is not None:
                outcome.problems.append(f"ended by {type(error).__name__}: {error}")
            outcome.faults = trouble.done
            self._check_torque(arm, outcome, None, [])

    def _ended(self, fault: Fault, outcome: FaultOutcome) -> None:
        """A run that one fault ends."""
        with world_in_order(self._port) as arm:
            trouble = _Trouble(arm, fault, self._draw, 1)
            if fault in REFUSED:
                trouble.strike()
            report: list[str] = []
            error = self._loop(arm, trouble, outcome, report)
            took = time.monotonic() - trouble.since
            outcome.faults += 1
            outcome.slowest_s = round(max(outcome.slowest_s or 0.0, took), 2)
            self._check_message(fault, error, took, outcome)
            self._check_torque(arm, outcome, error, report)

    def _loop(
        self,
        arm: VirtualArm,
        trouble: _Trouble,
        outcome: FaultOutcome,
        report: list[str] | None = None,
    ) -> BaseException | None:
        """Demonstrations, recorded, until the trouble is over; returns what ended them."""
        before = len(arm.report()["violations"])
        ticks: list[int] = []  # of each episode
        events = EventLog()
        report = [] if report is None else report
        events.listeners.append(lambda event: report.append(event.message))
        parts = Assembly(self._config, tell=events.emit)
        loop = parts.loop(parts.teleop("always"), NoPolicy(), trouble.over)

        def seen(frame: Frame) -> None:
            if frame.tick == 1:
                ticks.append(0)
            ticks[-1] += 1

        error: BaseException | None = None
        with tempfile.TemporaryDirectory() as folder:
            try:
                with ExitStack() as stack:
                    kept = recorder(parts, Path(folder), events)
                    stack.enter_context(kept)
                    stack.enter_context(parts.robot)
                    sinks: list[Sink] = [partial(kept.add, stage="faults"), seen]
                    stage = Stage("faults", inf, "episodes", loop)
                    for _ in run_episodes(stage, lambda _: int(self._draw.integers(1000)), sinks):
                        pass
            except Exception as caught:  # whatever it is, it is what is to be reported
                error = caught
            found = _lengths(Path(folder))
        outcome.episodes += len(ticks)
        outcome.lost += sum(rows != kept for rows, kept in zip(ticks, found, strict=False))
        outcome.lost += abs(len(ticks) - len(found))
        trouble.end()
        outcome.violations += len(arm.report()["violations"]) - before
        return error

    def _check_message(
        self, fault: Fault, error: BaseException | None, took: float, outcome: FaultOutcome
    ) -> None:
        assert fault.cause is not None
        if not isinstance(error, RobotError):
            outcome.problems.append(f"ended by {error!r}")
        elif not re.search(fault.cause, str(error)) or "\n" in str(error):
            outcome.problems.append(f"said: {error}")
        if took > SOON[fault.ends]:
            outcome.problems.append(f"took {took:.1f} s")

    def _check_torque(
        self, arm: VirtualArm, outcome: FaultOutcome, error: BaseException | None, report: list[str]
    ) -> None:
        """Torque must be off wherever the bus could reach; where not, the operator was told."""
        on = [name for name, m in arm.report()["motors"].items() if m["torque_enable"]]
        warned = " ".join([*report, str(error)])
        if left := [name for name in on if name not in warned]:
            outcome.problems.append(f"torque left on, unreported: {', '.join(left)}")


def _lengths(root: Path) -> list[int]:
    """The recorded episodes' [ticks]."""
    begun = (root / INFO).exists()
    return [episode.length for episode in Dataset(root).episodes] if begun else []


class _Trouble:
    """Brings up to ``count`` faults of a kind, each at a random moment.

    The arm itself ends one that is to pass, so that a loop that is late bears no longer ones.
    """

    def __init__(self, arm: VirtualArm, fault: Fault, draw: Draw, count: int) -> None:
        self._arm, self._fault, self._draw, self._count = arm, fault, draw, count
        self.done = 0
        self.since = time.monotonic()  # the last fault
        self._next = self.since + draw.uniform(*fault.calm) + PATIENCE

    def over(self) -> bool:
        """Whether all faults have come and gone; asked in every control period, it makes them."""
        if time.monotonic() < self._next:
            return False
        if self.done < self._count:
            self.strike()
            return False
        return self._fault.cause is None

    def strike(self) -> None:
        """A fault, now."""
        lasts = self._draw.uniform(*BEARABLE)
        passes = self._fault.cause is None and not self._fault.one_shot
        settings = self._fault.fault_settings(self._draw)
        self._arm.set(**settings, for_s=lasts if passes else 0.0)
        self.done += 1
        self.since = time.monotonic()
        self._next = self.since + lasts + self._draw.uniform(*self._fault.calm)

    def end(self) -> None:
        """Leave an arm in order."""
        if not self._fault.one_shot:
            self._arm.set(**IN_ORDER)


def world_in_order(port: str) -> VirtualArm:
    """The virtual arm on ``port``, in order, with its power just switched on."""
    end = time.monotonic() + GONE + BACK_WITHIN
    while (arm := VirtualArm.behind(port)) is None or not Path(port).exists():
        if arm is not None:
            arm.close()
        if time.monotonic() > end:
            raise RobotError(f"The virtual arm on {port} has not come back: start it again.")
        time.sleep(0.05)
    arm.set(**IN_ORDER)
    arm.set(power_cycle=True)
    return arm


def _config(port: str) -> RunConfig:
    changes = {
        "robot": {"port": port, "safety": {"patience_s": PATIENCE}, "cameras": {}},
        "env": {"control_time_s": EPISODE_S},
    }
    base = read("so100_pick_lift")
    base["robot"].pop("cameras")
    return validate(merge(base, changes))
