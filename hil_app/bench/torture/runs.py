"""Runs of the real command on a virtual arm whose surroundings go wrong: is the arm let go in time?

In each try a recording by the scripted operator has the arm move; then a trouble comes, and the
time is taken until no motor has torque any more. What was reported as recorded must be there then.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from random import Random
from typing import Any

from configs.load import dump, merge, read, validate
from hil_app.bench.faults import world_in_order
from hil_app.bench.torture.command import ForkedCommand
from hil_app.bench.torture.row import TortureRow
from hil_app.bench.torture.surroundings import SlowDisk, stalled_terminal
from hil_app.bench.virtual import virtual_arm
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import INFO, DatasetError
from hil_app.recording.mending.repair import repair
from hil_app.runs.folder import EVENTS
from robots.base import JOINTS, RobotError
from robots.virtual.client import VirtualArm

STORMS = "storms of signals"
MARGIN_S = 4.0  # for a busy machine
STARTING_S = 90.0  # that a command may take until its arm has torque
STARTS = 3  # of a command that does not get that far, at most
ENDING_S = 60.0  # that it may take to end after its arm was let go
MOVING_S = (0.0, 2.5)  # how long the arm moves before the trouble comes
GAPS_S = (-3.0, -1.0)  # powers of ten between two signals of a storm: 1 to 100 ms
STORM_S = 6.0  # how long one lasts at most
STALLED_S = 5.0  # that a write to the slow disk takes
REPLACED_S = 30.0  # in which there must be another deadman
HOT = 78  # a motor [deg C]
_LOOK_S = 0.01
_EPISODE_S = 3.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Run:
    """A command under way, its arm, and its surroundings."""

    process: ForkedCommand
    arm: VirtualArm
    folder: Path
    draw: Random
    keyboard: int | None = None  # of its terminal, if it has one
    disk: SlowDisk | None = None
    since: float = field(default_factory=time.monotonic)  # when the trouble began

    @property
    def torque(self) -> list[str]:
        """The motors that have torque."""
        motors = self.arm.report()["motors"]
        return [name for name, motor in motors.items() if motor["torque_enable"]]

    @property
    def said(self) -> str:
        """The last line that the command printed for an operator."""
        lines = (self.folder / "errors").read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "it said nothing"

    @property
    def ended(self) -> bool:
        """Whether the command has."""
        return self.process.ended

    def send(self, number: int) -> None:
        """A signal to the command."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def deadman(self) -> int | None:
        """The process that watches over the command's arm."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for child in children.read_text().split():
            with suppress(OSError):
                if b"deadman" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        return None

    def until(self, condition: Callable[[], object], seconds: float) -> float | None:
        """Wait for ``condition``; returns how long it took, None if it never came."""
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > seconds:
                return None
            time.sleep(_LOOK_S)
        return time.monotonic() - begun


@dataclass(frozen=True)
class TortureCase:
    """What goes wrong, and how soon the arm must be without torque then."""

    name: str
    happen: Callable[[Run], None]
    within_s: float  # by the config, without the margin
    stalled: bool = False  # the terminal takes nothing
    typed: bool = False  # there is a terminal with a keyboard
    slow: bool = False  # the disk can become slow


def _storm(run: Run) -> None:
    gap, end = 10 ** run.draw.uniform(*GAPS_S), time.monotonic() + STORM_S
    one = run.draw.choice((None, *_SIGNALS))
    while not run.ended and time.monotonic() < end:
        run.send(one or run.draw.choice(_SIGNALS))
        time.sleep(gap)


def _signal(number: int) -> Callable[[Run], None]:
    return lambda run: run.send(number)


def _ctrl_z(run: Run) -> None:
    assert run.keyboard is not None
    os.write(run.keyboard, b"\x1a")


def _hang_up(run: Run) -> None:
    assert run.keyboard is not None
    os.close(run.keyboard)
    run.keyboard = None


def _hot(run: Run) -> None:
    run.arm.set(temperature={"elbow_flex": HOT})


def _slowly(then: Callable[[Run], None]) -> Callable[[Run], None]:
    """The disk becomes slow, and amid its writes something happens."""

    def happen(run: Run) -> None:
        assert run.disk is not None
        run.disk.begin()
        time.sleep(run.draw.uniform(0.0, STALLED_S / 2))
        run.since = time.monotonic()
        then(run)

    return happen


def _without_deadman(run: Run) -> None:
    """The deadman dies or hangs, and once there is another one the command dies."""
    first = run.deadman()
    if first is None:
        raise RobotError("no process watches over the arm")
    os.kill(first, run.draw.choice((signal.SIGKILL, signal.SIGSTOP)))
    if run.until(lambda: run.deadman() not in (None, first), REPLACED_S) is None:
        raise RobotError("no other process took the deadman's place")
    time.sleep(2.0)  # in which the new one gets ready
    run.since = time.monotonic()
    run.send(signal.SIGKILL)


def troubles() -> dict[str, TortureCase]:
    """Every trouble by name, with the times that the config of the runs has."""
    safety = _config("").robot.model_dump()["safety"]
    stop = 5.5  # to rest, however far it is, and weaker there
    hot = safety["hold_s"] + safety["back_off_s"] + 1.0
    silent = safety["deadman_s"] + 2.0
    ctrl_c = _signal(signal.SIGINT)
    every = (
        TortureCase(STORMS, _storm, stop),
        TortureCase("Ctrl-C", ctrl_c, stop),
        TortureCase("Ctrl-Z", _ctrl_z, stop, typed=True),
        TortureCase("terminal closed", _hang_up, stop, typed=True),
        TortureCase("terminal stalls, Ctrl-C", ctrl_c, stop, stalled=True),
        TortureCase("terminal stalls, hot motor", _hot, hot, stalled=True),
        TortureCase("5 s writes, Ctrl-C", _slowly(ctrl_c), stop, slow=True),
        TortureCase("5 s writes, hot motor", _slowly(_hot), hot, slow=True),
        TortureCase("stopped job", _signal(signal.SIGSTOP), silent),
        TortureCase("kill -9", _signal(signal.SIGKILL), 2.0),
        TortureCase("deadman lost, kill -9", _without_deadman, 2.0),
    )
    return {trouble.name: trouble for trouble in every}


def runs(
    tries: Mapping[str, int], seed: int, report: Callable[[TortureRow], None], at_once: int = 3
) -> Iterator[TortureRow]:
    """A row for each trouble of ``tries``, so many of them, ``at_once`` on an arm each.

    ``report`` hears after each try.
    """
    with ExitStack() as stack:
        ports: Queue[str] = Queue()
        for _ in range(at_once):
            ports.put(stack.enter_context(virtual_arm("--arm=so101", "--world=sim_pick_lift")))
        pool = stack.enter_context(ThreadPoolExecutor(at_once))
        for name, count in tries.items():
            row, known = TortureRow(name), troubles()[name]
            draws = [Random(f"{seed} {name} {number}") for number in range(count)]
            tried = [pool.submit(_try, known, ports, draw) for draw in draws]
            for one in as_completed(tried):
                row.add(one.result())
                report(row)
            yield row


def _try(trouble: TortureCase, ports: Queue[str], draw: Random) -> TortureRow:
    """One command and its trouble; one that does not come to move an arm is started again."""
    port = ports.get()
    try:
        for _ in range(STARTS):
            row = TortureRow(trouble.name, tries=1)
            with world_in_order(port) as arm, _running(trouble, port, arm, draw) as run:
                if _moves(run):
                    _look_at_torque(trouble, run, row)
                    _look_at_end(run, row)
                    _look_at_frames(run, row)
                    return row
                row.hangs += 1
                row.fault(f"the arm never got torque: {run.said}")
        return row
    finally:
        ports.put(port)


def _moves(run: Run) -> bool:
    """Whether the arm comes to move; it has then done so for a while."""
    run.until(lambda: len(run.torque) == len(JOINTS) or run.ended, STARTING_S)
    if run.ended or len(run.torque) < len(JOINTS):
        return False
    time.sleep(run.draw.uniform(*MOVING_S))
    return True


def _look_at_torque(trouble: TortureCase, run: Run, row: TortureRow) -> None:
    """Have the trouble come, and see how long torque stays."""
    run.since = time.monotonic()
    happening = _InBackground(trouble.happen, run)
    run.until(lambda: not run.torque, trouble.within_s + REPLACED_S + ENDING_S)
    ended, left = time.monotonic(), run.torque
    happening.join()
    took = ended - run.since
    row.slowest_s = round(max(row.slowest_s or 0.0, took), 2)
    if left or took > trouble.within_s + MARGIN_S or happening.problem is not None:
        row.torque_left += 1
        why = happening.problem or f"torque for {took:.1f} s: {', '.join(left)}"
        row.fault(f"{why}; {run.said}")


class _InBackground(threading.Thread):
    """Makes trouble while somebody else looks at what comes of it."""

    def __init__(self, happen: Callable[[Run], None], run: Run) -> None:
        super().__init__(daemon=True)
        self._happen, self._of = happen, run
        self.problem: Exception | None = None
        self.start()

    def run(self) -> None:
        """Let it happen."""
        try:
            self._happen(self._of)
        except Exception as error:  # it is part of the row
            self.problem = error


def _look_at_end(run: Run, row: TortureRow) -> None:
    if run.disk is not None:
        run.disk.end()  # now it has to write all that waits
    run.send(signal.SIGCONT)  # what was stopped must notice, and leave the arm alone
    if run.until(lambda: run.ended, ENDING_S) is None:
        row.hangs += 1
        row.fault(f"does not end: {run.said}")
        run.send(signal.SIGKILL)
    if b"Traceback" in (run.folder / "errors").read_bytes():
        row.tracebacks += 1
        row.fault(f"{run.said}")
    if again := run.torque:
        row.torque_left += 1
        row.fault(f"torque at the end: {', '.join(again)}; {run.said}")


def _look_at_frames(run: Run, row: TortureRow) -> None:
    """What was reported as recorded must be there."""
    recorded = 0
    with suppress(FileNotFoundError):
        for line in (run.folder / "disk" / "run" / EVENTS).read_bytes().splitlines():
            with suppress(ValueError):  # the last one may be cut
                event: dict[str, Any] = json.loads(line)
                recorded += event["ticks"] if event["event"] == "episode" else 0
    root, found = run.folder / "disk" / "dataset", 0
    try:
        if (root / INFO).exists():
            repair(root)
            found = Dataset(root).info.frames
    except DatasetError as error:
        row.fault(f"{error}")
    if found < recorded:
        row.frames_lost += recorded - found
        row.fault(f"{recorded} frames reported, {found} there; {run.said}")


@contextmanager
def _running(trouble: TortureCase, port: str, arm: VirtualArm, draw: Random) -> Iterator[Run]:
    """The command, in the surroundings that its trouble needs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keyboard, screen, errors = None, os.devnull, str(folder / "errors")
        Path(errors).touch()
        if trouble.typed:
            keyboard, terminal = pty.openpty()
            screen = os.ttyname(terminal)
            os.close(terminal)
        elif trouble.stalled:
            screen = errors = os.ttyname(stack.enter_context(stalled_terminal()))
        names = {"config_path": "config.yaml", "output_dir": "disk/run"}
        names |= {"dataset.root": "disk/dataset"}
        (folder / "config.yaml").write_text(dump(_config(port)))
        options = [f"--{name}={folder / place}" for name, place in names.items()]
        disk = SlowDisk(folder / "disk", STALLED_S, folder) if trouble.slow else None
        environment = {} if disk is None else disk.environment
        process = ForkedCommand(["record", *options], screen, errors, environment)
        stack.callback(process.kill)
        run = Run(process, arm, folder, draw, keyboard, disk)
        yield run
        if run.keyboard is not None:
            os.close(run.keyboard)


def _config(port: str) -> Any:
    changes = {
        "robot": {"port": port},
        "env": {"control_time_s": _EPISODE_S},
        "dataset": {"num_episodes": 10_000},
    }
    base = read("so101_pick_lift")
    base["robot"].pop("cameras")
    return validate(merge(base, changes))
