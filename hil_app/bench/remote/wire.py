"""Two network namespaces of Linux and a wire between, which can be cut, slowed and disturbed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Literal, Self

from configs.errors import ConfigError

Side = Literal["robot", "learner"]
SIDES: tuple[Side, Side] = ("robot", "learner")
_DEVICE = "wire"


class Wire:
    """While entered, ``command`` of a side runs in its namespace, whose only way out is the wire.

    Raises ConfigError if this user may not do that, or the tools are missing.
    """

    def __init__(self) -> None:
        number = os.getpid()
        self._names = {side: f"hil-{side}-{number}" for side in SIDES}
        part = f"10.{77 + number % 100}.{number // 100 % 250}"
        self.addresses = {side: f"{part}.{at}" for at, side in enumerate(SIDES, 1)}

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise ConfigError("hil-app bench remote makes network namespaces: run it as root")
        if missing := [tool for tool in ("ip", "tc") if shutil.which(tool) is None]:
            raise ConfigError(
                f"{' and '.join(missing)} not found: `apt-get install iproute2` has it"
            )
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for name in self._names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def command(self, side: Side) -> list[str]:
        """What a command of a side begins with."""
        return ["ip", "netns", "exec", self._names[side]]

    @property
    def can_disturb(self) -> bool:
        """Whether this kernel has netem, without which a wire can be cut, and no more."""
        try:
            self.lose(0)
        except ConfigError:
            return False
        self.calm()
        return True

    def cut(self) -> None:
        """Have nothing come through, until `calm`."""
        self._in("learner", "ip", "link", "set", _DEVICE, "down")

    def lose(self, percent: float) -> None:
        """Have packets of both sides lost, until `calm`."""
        for side in SIDES:
            how = ("netem", "loss", f"{percent:g}%")
            self._in(side, "tc", "qdisc", "replace", "dev", _DEVICE, "root", *how)

    def delay(self, least_ms: float, most_ms: float) -> None:
        """Have a round trip take that much longer."""
        middle, around = (least_ms + most_ms) / 2, (most_ms - least_ms) / 2
        how = ("delay", f"{middle:g}ms", f"{around:g}ms")
        self._in("robot", "tc", "qdisc", "replace", "dev", _DEVICE, "root", "netem", *how)

    def calm(self) -> None:
        """Have the wire as it was."""
        self._in("learner", "ip", "link", "set", _DEVICE, "up")
        default = [*self.command("learner"), "ip", "route", "add", "default", "dev", _DEVICE]
        subprocess.run(default, capture_output=True, check=False)  # which a cut takes away
        for side in SIDES:
            tool = [*self.command(side), "tc", "qdisc", "delete", "dev", _DEVICE, "root"]
            subprocess.run(tool, capture_output=True, check=False)  # it may be calm already

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
        _run(
            *("ip", "link", "add", _DEVICE, "netns", self._names["robot"], "type", "veth"),
            *("peer", "name", _DEVICE, "netns", self._names["learner"]),
        )
        for side in SIDES:
            self._in(side, "ip", "address", "add", f"{self.addresses[side]}/24", "dev", _DEVICE)
            for device in ("lo", _DEVICE):
                self._in(side, "ip", "link", "set", device, "up")
            self._in(side, "ip", "route", "add", "default", "dev", _DEVICE)

    def _in(self, side: Side, *words: str) -> str:
        return _run(*self.command(side), *words)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(
            f"`{' '.join(words)}` is refused by this system: {done.stderr.strip()}: namespaces and "
            "veth need a kernel and a user that have them"
        )
    return done.stdout
