"""An operator at a pad or at keys that are not there, while a real command runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waiting import PATIENCE_S, until

from teleop.base import TeleopError
from teleop.virtual.remote import Remote

TICK = 1 / 30


@dataclass
class Running:
    """A command that runs, and the device in its operator's hand."""

    process: subprocess.Popen[str]
    folder: Path
    remote: Remote = field(init=False)

    def events(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for line in lines if (event := json.loads(line))["event"] == name]

    def wait(self, condition: Callable[[], object]) -> None:
        until(condition, self.process)

    @property
    def polls(self) -> int:
        """How often the command has looked at the pad: once a tick, and on the way to the reset
        pose and in a pause, too."""
        answer: int = self.remote.tell(rumbles=True)["polls"]
        return answer

    def live(self, ticks: int) -> None:
        """Let as many ticks pass."""
        end = self.polls + ticks
        self.wait(lambda: self.polls >= end)

    def hold(self, button: str, *, down: bool = True) -> None:
        self.remote.tell(button=button, down=down)

    def hold_for(self, button: str, ticks: int) -> None:
        """Until as many ticks have seen it."""
        self.remote.tell(button=button, polls=ticks)
        self.live(ticks + 1)

    def tap(self, button: str) -> None:
        self.remote.tell(tap=button, seconds=0.001)

    def take_over(self) -> None:
        """Hold the control until the hand feels that it counts."""
        before = len(self.remote.tell(rumbles=True)["rumbles"])
        self.hold("rightshoulder")
        self.wait(lambda: len(self.remote.tell(rumbles=True)["rumbles"]) > before)

    def push(self, axis: str, value: float, ticks: int) -> None:
        """A deflection that as many ticks see."""
        if ticks:
            self.remote.tell(axis=axis, value=value, polls=ticks)
            self.live(ticks + 1)

    def label(self, button: str) -> None:
        """Press it until the episode has ended by it; between two it does not count."""
        before = len(self.events("episode"))

        def evaluated() -> bool:
            if len(self.events("episode")) == before:
                with suppress(TeleopError):  # the run has ended by it
                    self.tap(button)
                    self.live(30)
            return len(self.events("episode")) > before

        until(evaluated)

    def end(self) -> tuple[int, str, str]:
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, output, errors


@contextmanager
def remote(socket: Path, process: subprocess.Popen[Any]) -> Iterator[Remote]:
    """The far end of the virtual device of a command, once it is there."""
    with ExitStack() as stack:

        def listens() -> Remote | None:
            with suppress(TeleopError):
                return stack.enter_context(Remote(socket))
            return None

        yield until(listens, process)


@contextmanager
def teleoperate(
    folder: Path, *options: str, command: str = "teleoperate", wait: bool = True
) -> Iterator[Running]:
    """The command on the twin; its operator has all of a device but the device.

    With ``wait`` it is there when this begins.
    """
    socket = folder / "device"
    arguments = [command, f"--teleop.virtual={socket}", "--output_dir=out", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "hil_app", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    with process:
        try:
            running = Running(process, folder / "out")
            if not wait:
                yield running
                return
            with remote(socket, process) as running.remote:
                yield running
        finally:
            process.kill()


def stretches(flags: Any) -> list[bool]:
    """The flags with every repetition taken out."""
    return [flag for i, flag in enumerate(flags) if i == 0 or flag != flags[i - 1]]
