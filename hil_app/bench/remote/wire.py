"""Two network namespaces of Linux and a wire between, which can be cut, slowed and disturbed."""

from __future__ import annotations

import os
import shutil
import subprocess
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
    """While entered, ``command`` of a side runs in its namespace, whose only way out is the wire.

    What the wire does to packets is drawn from ``seed``. Raises ConfigError if this user may not
    do that, or the tools are missing.
    """

    def __init__(self, seed: int = 0) -> None:
        number = os.getpid()
        self._names = {side: f"hil-{side}-{number}" for side in SIDES}
        part = f"10.{77 + number % 100}.{number // 100 % 250}"
        self.addresses = {side: f"{part}.{at}" for at, side in enumerate(SIDES, 1)}
        self._seed = seed
        self._link: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise ConfigError("hil-app bench remote makes network namespaces: run it as root")
        if shutil.which("ip") is None:
            raise ConfigError("ip not found: `apt-get install iproute2` has it")
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
        for name in self._names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def command(self, side: Side) -> list[str]:
        """What a command of a side begins with."""
        return ["ip", "netns", "exec", self._names[side]]

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
        return self._counted("tx")

    def received(self) -> int:
        """Bytes that the robot has received."""
        return self._counted("rx")

    def _counted(self, way: str) -> int:
        path = f"/sys/class/net/{_DEVICE}/statistics/{way}_bytes"
        return int(self._in("robot", "cat", path))

    def _make(self) -> None:
        for name in self._names.values():
            _run("ip", "netns", "add", name)
        pipe = subprocess.PIPE
        link = isolated.command(
            "hil_app.bench.remote.link", _DEVICE, str(self._seed), *self._names.values()
        )
        environment = isolated.environment()
        self._link = subprocess.Popen(
            link, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
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


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(
            f"`{' '.join(words)}` is refused by this system: {done.stderr.strip()}: namespaces "
            "need a kernel and a user that have them"
        )
    return done.stdout
