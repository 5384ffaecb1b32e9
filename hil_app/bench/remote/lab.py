"""A learner's computer and a robot's, and all that runs there, by the commands that users type."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from hil_app.bench import BenchError
from hil_app.bench.remote.wire import SIDES, Side, Wire
from hil_app.remote.machine import process_tree
from robots import isolated
from robots.virtual.client import VirtualArm

PORTS: dict[Side, int] = {"learner": 6379, "robot": 6479}
_PATIENCE_S = 300.0
_ENDS_S = 200.0  # a run, once it is told to
_CALM = (
    "--robot.safety.patience_s=2",
    "--robot.safety.watchdog_s=2",
    "--robot.safety.let_down_s=10",
    "--robot.safety.deadman_s=60",
)


class Lab:
    """While entered, two computers of a cluster with a wire between, and a learner on the one.

    What the wire does to packets is drawn from ``seed``.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder, self.wire = folder, Wire(seed)
        self.variables: dict[Side, dict[str, str]] = {side: {} for side in SIDES}
        """Of the environment of all that runs there, beside what it needs."""
        self.checkpoints = folder / "learner"
        self._stack = ExitStack()

    @property
    def address(self) -> str:
        """Where the cluster is."""
        return f"{self.wire.addresses['learner']}:{PORTS['learner']}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._short = Path(stack.enter_context(TemporaryDirectory(prefix="hr")))
            stack.enter_context(self.wire)
            for side in SIDES:  # of Ray: each has its own in one place, as computers have
                for name in (side, f"{side}-ray", "home", "ray"):
                    (self._short / name).mkdir(mode=0o700, exist_ok=True)
                self.wire.mount(side, self._short / f"{side}-ray", self._short / "ray")
            own = f"--host={self.wire.addresses['learner']}", f"--port={PORTS['learner']}"
            stack.enter_context(self._node("learner", *own, "--cpus=2"))
            own = f"--host={self.wire.addresses['robot']}", f"--port={PORTS['robot']}"
            stack.enter_context(self._node("robot", *own, "--cpus=1", f"--join={self.address}"))
            start = f"--address={self.address}", f"--folder={self.checkpoints}"
            self.call("learner", "learner", "start", *start)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.wire.calm()
        self._stack.close()

    def call(self, side: Side, *argv: str) -> str:
        """What a command of hil-app on one of the computers prints. Raises BenchError."""
        done = self._run(side, *argv)
        if done.returncode:
            raise BenchError(f"hil-app {' '.join(argv)}: {done.stderr.strip() or done.stdout}")
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What the learner says of itself."""
        told = self.call("learner", "learner", "status", f"--address={self.address}", "--json")
        found: dict[str, Any] = json.loads(told)
        return found

    def updates(self) -> int:
        """How many the learner has made; 0 before it has anything to learn."""
        return int((self.status()["learner"] or {}).get("updates", 0))

    def waiting(self) -> int:
        """How many messages of robots the learner has, and has not dealt with."""
        return sum(one["waiting"] for one in self.status()["robots"])

    @contextmanager
    def arm(self) -> Iterator[tuple[VirtualArm, list[str]]]:
        """A virtual arm with two cameras on the robot's computer, and options of a run there."""
        link = self.folder / "arm"
        world = ("--arm=so100", "--world=sim_pick_lift_pixels", "--camera-port=0")
        process = self._start(
            "robot", self.folder / "arm.log", "virtual-arm", f"--link={link}", *world
        )
        try:
            ready = self._said(process, self.folder / "arm.log", r"http://127.0.0.1:\d+")
            cameras = [
                f"--robot.cameras.{name}.index_or_path={ready}/{name}"
                for name in ("front", "wrist")
            ]
            arm = VirtualArm.behind(str(link))
            assert arm is not None
            with arm:
                yield (
                    arm,
                    ["--config_path=so100_pick_lift", f"--robot.port={link}", *cameras, *_CALM],
                )
        finally:
            for pid in process_tree(process.pid)[1:2]:  # what `nsenter` has started
                os.kill(pid, signal.SIGTERM)
            process.wait()

    def train(self, name: str, options: Sequence[str]) -> Run:
        """A run on the robot's computer that has begun its training."""
        folder = self.folder / name
        log = self.folder / f"{name}.log"
        process = self._start("robot", log, "train", *options, f"--output_dir={folder}")
        return Run(process, folder, log)

    def nodes(self, side: Side, what: str) -> list[int]:
        """The processes of a computer whose command has these words."""
        return [pid for pid in self.wire.processes(side) if what in _command_of(pid)]

    @contextmanager
    def _node(self, side: Side, *options: str) -> Iterator[None]:
        self.call(side, "cluster", "up", *options)
        try:
            yield
        finally:
            self._run(side, "cluster", "down")

    def _run(self, side: Side, *argv: str) -> subprocess.CompletedProcess[str]:
        command, environment = self._command(side, *argv)
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    def _start(self, side: Side, log: Path, *argv: str) -> subprocess.Popen[bytes]:
        command, environment = self._command(side, *argv)
        with log.open("wb") as words:
            return subprocess.Popen(command, env=environment, stdout=words, stderr=words)

    def _command(self, side: Side, *argv: str) -> tuple[list[str], dict[str, str]]:
        own = {
            "HOME": str(self._short / "home"),
            "XDG_STATE_HOME": str(self._short / side),
            "RAY_TMPDIR": str(self._short / "ray"),
        }
        command = [*self.wire.command(side), *isolated.command("hil_app", *argv)]
        return command, {**isolated.environment(), **own, **self.variables[side]}

    def _said(self, process: subprocess.Popen[bytes], log: Path, what: str) -> str:
        end = time.monotonic() + _PATIENCE_S
        while (found := re.search(what, said := log.read_text(errors="replace"))) is None:
            if process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"the virtual arm does not start: {said[-300:]}")
            time.sleep(0.1)
        return found[0]


class Run:
    """A training that goes on in a process."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
        self.process, self.folder, self._log = process, folder, log

    def bridges(self) -> list[int]:
        """The process between it and its learner."""
        below = process_tree(self.process.pid)
        return [pid for pid in below if "hil_app.remote.bridge" in _command_of(pid)]

    @property
    def loop(self) -> int:
        """The loop's process. Raises BenchError if it has ended."""
        for pid in process_tree(self.process.pid)[1:]:
            if " train " in _command_of(pid):
                return pid
        raise BenchError(f"{self.folder}: it has ended: {self.last_words}")

    def cpu_s(self) -> float:
        """Processor time of the loop's process alone [s]."""
        return cpu_s(self.loop)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What it has told of one kind."""
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        told = [json.loads(line) for line in lines if line.endswith("}")]
        return [one for one in told if one["event"] == kind]

    def await_training(self) -> None:
        """Return once the policy acts."""
        self.until(lambda: any(one["stage"] == "train" for one in self.events("episode")))

    def await_loop(self) -> None:
        """Return once it has begun."""
        self.until(lambda: self.events("run_started"))

    def losses(self) -> int:
        """How often its learner was out of reach."""
        return len(self.events("learner_lost"))

    def await_learner(self, before: int, noticed_s: float) -> bool:
        """Return once its learner is within reach again; whether it was seen to be out of it.

        ``before`` is how often it was out of reach before what has just happened, which it is to
        tell within ``noticed_s``.
        """
        noticed = time.monotonic() + noticed_s
        self.until(lambda: self.losses() > before or time.monotonic() > noticed)
        self.until(lambda: self.losses() <= len(self.events("learner_back")))
        return self.losses() > before

    def until(self, there: Any) -> None:
        """Wait for something. Raises BenchError if the run ends, or it takes too long."""
        end = time.monotonic() + _PATIENCE_S
        while not there():
            if self.process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"{self.folder}: what should come does not: {self.last_words}")
            time.sleep(0.2)

    @property
    def last_words(self) -> str:
        """What it said last."""
        return " ".join(self._log.read_text(errors="replace").split())[-400:]

    def end(self) -> dict[str, Any]:
        """End it as Ctrl-C does; returns its summary. Raises BenchError if it does not end so."""
        with suppress(BenchError, ProcessLookupError):  # it has ended by itself
            os.kill(self.loop, signal.SIGINT)
        try:
            self.process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise BenchError(f"{self.folder}: it does not end: {self.last_words}") from None
        try:
            found: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        except OSError:
            raise BenchError(f"{self.folder}: it left no summary: {self.last_words}") from None
        return found


def cpu_s(pid: int) -> float:
    """Processor time that a process has had [s]."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def busy_s() -> float:
    """Processor time that this computer's cores have not been idle [s]."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]  # guests are in the first
    idle = int(words[3]) + int(words[4])
    return (sum(map(int, words)) - idle) / os.sysconf("SC_CLK_TCK")


def _command_of(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""
