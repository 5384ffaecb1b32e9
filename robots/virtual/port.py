"""The serial device of a virtual arm: a pseudo-terminal and a link to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import termios
import tty
from pathlib import Path

from robots.base import RobotError
from robots.virtual.client import VirtualArm

_TCGETS2 = 0x802C542A  # Linux: terminal settings with the speeds as numbers
_SETTINGS2 = struct.Struct("4IB19B2I")  # flags, line discipline, characters, speeds in and out


class Port:
    """A pseudo-terminal that a client opens like a serial device; it never echoes.

    ``close`` and ``open`` make it vanish and come back, maybe under another name; ``link`` always
    leads to it.
    """

    def __init__(self, link: Path | None) -> None:
        self._link = link
        self.link = "" if link is None else os.path.abspath(link)  # for whoever asks whose it is
        self.name = ""  # of the device, "" while it is closed
        self.master = self._slave = -1
        self.open()

    def open(self) -> None:
        """Make the device, and the link; raises RobotError if the link's place is taken."""
        if self._link is not None:
            _clear(self._link)
        self.master, self._slave = os.openpty()  # the slave stays open: no hang-up between clients
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.name = os.ttyname(self._slave)
        if self._link is not None:
            self._link.symlink_to(self.name)

    def close(self) -> None:
        """Take the device and the link away."""
        if not self.name:
            return
        link = self._link  # unless it is someone else's by now
        if link is not None and link.is_symlink() and os.readlink(link) == self.name:
            link.unlink()
        os.close(self.master)
        os.close(self._slave)
        self.name, self.master = "", -1

    @property
    def speed(self) -> int:
        """What the client has set [bit/s]."""
        if not sys.platform.startswith("linux"):
            return int(termios.tcgetattr(self._slave)[5])
        settings = fcntl.ioctl(self._slave, _TCGETS2, bytes(_SETTINGS2.size))
        return int(_SETTINGS2.unpack(settings)[-1])

    def read(self) -> bytes:
        """What a client has sent."""
        try:
            return os.read(self.master, 4096)
        except OSError:  # nothing there
            return b""

    def write(self, content: bytes) -> None:
        """Send to the client; what does not fit because nobody reads is lost, as on a wire."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.master, content)


def _clear(link: Path) -> None:
    """Remove a link that leads to nothing or to a terminal; refuse anything else."""
    if link.exists() and not link.is_char_device():
        raise RobotError(f"{link} is no link to a device: choose another --link, or remove it.")
    if link.is_char_device() and not link.is_symlink():
        raise RobotError(f"{link} is a device itself: choose another --link.")
    if link.is_symlink():
        if _in_use(link):
            raise RobotError(f"{link} leads to a virtual arm that runs: choose another --link.")
        link.unlink()
    elif not link.parent.is_dir():
        raise RobotError(f"{link.parent} is no folder: make it first, or choose another --link.")


def _in_use(link: Path) -> bool:
    """Whether an arm that runs calls ``link`` its own; the device of a killed one may by now be
    that of another, whose link is elsewhere."""
    arm = VirtualArm.behind(str(link))
    if arm is None:
        return False
    with arm:
        return arm.link == os.path.abspath(link)
