"""Two computers that are one, and a wire between, which can be cut, slowed and disturbed.

Each is a process of Linux with namespaces of its own: networks, mounts and processes. So what runs
on the one neither reaches the other but over the wire, nor sees its processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from configs.errors import ConfigError
from hil_app.bench.remote.link import TUN, Weather
from robots import isolated

Side = Literal["robot", "learner"]
SIDES: tuple[Side, Side] = ("robot", "learner")
_DEVICE = "wire"
_QUEUE = "5000"  # packets that wait for the link, where the computer is busy


class Wire:
    """While entered, ``command`` of a side runs on its computer, whose only way out is the wire.

    What the wire does to packets is drawn from ``seed``. Raises ConfigError if this user may not
    do that, or the tools are missing.
    """

    def __init__(self, seed: int = 0) -> None:
        number = os.getpid()
        self._computers: dict[Side, subprocess.Popen[bytes]] = {}
        self._inits: dict[Side, int] = {}
        part = f"10.{77 + number % 100}.{number // 100 % 250}"
        self.addresses = {side: f"{part}.{at}" for at, side in enumerate(SIDES, 1)}
        self._seed = seed
        self._link: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise ConfigError("hil-app bench remote makes network namespaces: run it as root")
        for tool, package in (("ip", "iproute2"), ("nsenter", "util-linux")):
            if shutil.which(tool) is None:
                raise ConfigError(f"{tool} not found: `apt-get install {package}` has it")
        if not Path(TUN).exists():
            raise ConfigError(f"{TUN} is not there: `modprobe tun` makes it, if this kernel has it")
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self._link is not None:
            self._link.communicate()  # which ends it
        for computer in self._computers.values():
            computer.kill()  # and with it all that runs there
            computer.communicate()

    def command(self, side: Side) -> list[str]:
        """What a command of a side begins with."""
        return ["nsenter", f"--target={self._inits[side]}", "--net", "--mount", "--pid"]

    def processes(self, side: Side) -> list[int]:
        """Those of a computer, by the numbers that this one has for them."""
        here, found = _network(self._inits[side]), []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if _network(int(path.name)) == here:
                    found.append(int(path.name))
        return found

    def mount(self, side: Side, folder: Path, at: Path) -> None:
        """Have a folder be in the place of ``at`` on that computer alone."""
        self._in(side, "mount", "--bind", str(folder), str(at))

    def cut(self) -> None:
        """Have nothing come through, until `calm`."""
        self._be(Weather(loss=1.0))

    def lose(self, percent: float) -> None:
        """Have packets of both sides lost, until `calm`."""
        self._be(Weather(loss=percent / 100))

    def delay(self, least_ms: float, most_ms: float) -> None:
        """Have a round trip take that much longer, half of it each way, until `calm`."""
        self._be(Weather(least_s=least_ms / 2e3, most_s=most_ms / 2e3))

    def calm(self) -> None:
        """Have the wire as it was."""
        self._be(Weather())

    def sent(self) -> int:
        """Bytes that the robot has sent."""
        return self._counted(8)

    def received(self) -> int:
        """Bytes that the robot has received."""
        return self._counted(0)

    def _counted(self, column: int) -> int:
        table = Path(f"/proc/{self._inits['robot']}/net/dev").read_text()
        return int(table.partition(f"{_DEVICE}:")[2].split()[column])

    def _make(self) -> None:
        for side in SIDES:
            self._computers[side], self._inits[side] = _computer()
        inits = [str(self._inits[side]) for side in SIDES]
        pipe = subprocess.PIPE
        self._link = subprocess.Popen(
            isolated.command("hil_app.bench.remote.link", _DEVICE, str(self._seed), *inits),
            env=isolated.environment(),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        self._await_link()
        for side in SIDES:
            self._in(side, "ip", "address", "add", f"{self.addresses[side]}/24", "dev", _DEVICE)
            self._in(side, "ip", "link", "set", _DEVICE, "txqueuelen", _QUEUE)
            for device in ("lo", _DEVICE):
                self._in(side, "ip", "link", "set", device, "up")
            self._in(side, "ip", "route", "add", "default", "dev", _DEVICE)

    def _be(self, weather: Weather) -> None:
        """Have it hold for every packet from now on."""
        assert self._link is not None
        assert self._link.stdin is not None
        self._link.stdin.write(weather.line())
        self._link.stdin.flush()
        self._await_link()

    def _await_link(self) -> None:
        assert self._link is not None
        assert self._link.stdout is not None
        if not self._link.stdout.readline():
            _, said = self._link.communicate()
            why = said.strip().splitlines()[-1:] or ["it has ended"]
            raise ConfigError(f"the link between the namespaces: {why[0]}: it needs TUN devices")

    def _in(self, side: Side, *words: str) -> str:
        return _run(*self.command(side), *words)


def _computer() -> tuple[subprocess.Popen[bytes], int]:
    """A process with namespaces of its own, and the first process in them."""
    apart = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    words, pipe = ("sh", "-c", "echo; exec cat"), subprocess.PIPE  # until this program is gone
    computer = subprocess.Popen(["unshare", *apart, *words], stdin=pipe, stdout=pipe)
    assert computer.stdout is not None
    if not computer.stdout.readline():
        computer.communicate()
        raise ConfigError(
            "`unshare` is refused by this system: it needs a kernel and a user that have namespaces"
        )
    children = Path(f"/proc/{computer.pid}/task/{computer.pid}/children").read_text()
    return computer, int(children)


def _network(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"`{' '.join(words)}` is refused by this system: {done.stderr.strip()}")
    return done.stdout
