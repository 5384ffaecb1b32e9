"""The serial port of a servo bus: the SDK's port handler, opened exclusively and read patiently."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from select import POLLIN, POLLOUT, poll, select
from time import monotonic

from scservo_sdk.port_handler import PortHandler
from serial import Serial, SerialException
from serial.tools.list_ports import comports

from configs.text.paths import typed
from robots.errors import NotConnected, PortInUse, SpeedRefused

_CHUNK = 4096  # bytes taken at once
_IN_USE = (errno.EAGAIN, errno.EBUSY)
_FLOOD = 16  # chunks thrown away at most before a request: a babbling device must not hold us up


class Wire(PortHandler):  # type: ignore[misc]  # the SDK has no types
    """A serial port as the SDK's packet handler uses it; every failure is a NotConnected.

    Time is monotonic, waiting is ``poll``'s, no call takes longer than it is told. ``gate`` is
    called before anything is sent, and may raise.
    """

    def __init__(self, port: str, baud_rate: int, write_timeout_s: float) -> None:
        super().__init__(port)
        self.baudrate = baud_rate
        self.stale = b""  # what came unasked before the newest request
        self.sent = b""  # the newest request
        self._write_timeout_s = write_timeout_s  # [s]
        self.is_open = False
        self._fd = -1
        self._close: Callable[[], None] = lambda: None
        self.gate: Callable[[], None] = lambda: None

    def setupPort(self, cflag_baud: int) -> bool:  # noqa: N802  # the SDK's name
        """Open the port for us alone; raises NotConnected, PortInUse if another program has it."""
        self.closePort()
        try:
            self.ser = Serial(self.port_name, cflag_baud, timeout=0, exclusive=True)
            self._refuse_others()
        except (OSError, ValueError, termios.error) as problem:
            if _refuses_speed(problem):
                raise self._speed_refused(cflag_baud) from problem
            if isinstance(problem, OSError) and problem.errno in _IN_USE:
                raise PortInUse(
                    f"{self.port_name} is in use: another program has it open; end that program."
                ) from problem
            raise NotConnected(_why_closed(self.port_name, problem)) from problem
        self._use(self.ser.fileno(), self.ser.close)
        return True

    def adopt(self, fd: int) -> None:
        """Use a port that another process has opened and set up, and close it at the end."""
        self.closePort()
        self._use(fd, partial(os.close, fd))

    def fileno(self) -> int:
        """The open port's file descriptor; raises NotConnected."""
        return self._opened()

    def closePort(self) -> None:  # noqa: N802
        """Close the port, if it is open, even if it is gone."""
        if not self.is_open:
            return
        self.is_open, self._fd = False, -1
        with suppress(OSError):  # it may be gone
            self._close()

    def clearPort(self) -> None:  # noqa: N802
        """Throw away what came unasked; the SDK calls this just before it sends."""
        stale = []
        for _ in range(_FLOOD):
            stale.append(self._take())
            if not stale[-1]:
                break
        self.stale = b"".join(stale)

    def writePort(self, packet: list[int]) -> int:  # noqa: N802
        """Send all of ``packet``; returns its length."""
        self.gate()
        rest = self.sent = bytes(packet)
        deadline = monotonic() + self._write_timeout_s
        while rest:
            rest = rest[self._give(rest) :]
            if rest and not self._ready(deadline, writing=True):
                raise NotConnected(f"{self.port_name} takes no data: unplug it and plug it in.")
        return len(packet)

    @contextmanager
    def at(self, baud_rate: int) -> Iterator[None]:
        """The port at another speed [bit/s] for a while."""
        before = self.baudrate
        self._set_speed(baud_rate)
        try:
            yield
        finally:
            self._set_speed(before)

    def receive(self, deadline: float) -> bytes:
        """Bytes that are there, or come until ``deadline`` [s, monotonic]; none if none come."""
        if not self._ready(deadline):
            return b""
        chunk = self._take()
        if not chunk and self._hung_up():  # else another program took it first
            raise self._gone()
        return chunk

    def _use(self, fd: int, close: Callable[[], None]) -> None:
        self._fd, self._close = fd, close
        self.is_open, self.is_using = True, False

    def _set_speed(self, baud_rate: int) -> None:
        if baud_rate == self.baudrate:
            return
        try:
            self.ser.baudrate = self.baudrate = baud_rate
        except (OSError, ValueError, termios.error) as problem:
            if _refuses_speed(problem):
                raise self._speed_refused(baud_rate) from problem
            raise self._gone() from problem

    def _ready(self, deadline: float, writing: bool = False) -> bool:
        fd, left = self._opened(), max(0.0, deadline - monotonic())
        if sys.platform == "darwin":  # its poll knows no devices
            try:
                return any(select(*(([], [fd]) if writing else ([fd], [])), [], left))
            except (OSError, ValueError) as problem:
                raise self._gone() from problem
        waiting = poll()  # select knows only the first thousand file descriptors
        waiting.register(fd, POLLOUT if writing else POLLIN)
        return bool(waiting.poll(1000 * left))

    def _hung_up(self) -> bool:
        """Whether the port, which is ready and has nothing, is gone.

        Where poll cannot say so, by whether it is still ready, with nothing.
        """
        if sys.platform == "darwin":
            return self._ready(deadline=0.0) and not self._take()
        waiting = poll()
        waiting.register(self._opened(), 0)
        return bool(waiting.poll(0))  # nobody asks for POLLHUP and POLLERR: they always tell

    def _take(self) -> bytes:
        try:
            return os.read(self._opened(), _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as problem:
            raise self._gone() from problem

    def _give(self, content: bytes) -> int:
        try:
            return os.write(self._opened(), content)
        except BlockingIOError:
            return 0
        except OSError as problem:
            raise self._gone() from problem

    def _opened(self) -> int:
        if self._fd < 0:
            raise NotConnected(f"{self.port_name} is not open: open the bus first.")
        return self._fd

    def _gone(self) -> NotConnected:
        return NotConnected(
            f"{self.port_name} is gone: plug the arm's USB cable in again, and see that it sits."
        )

    def _speed_refused(self, baud_rate: int) -> SpeedRefused:
        return SpeedRefused(
            f"This system cannot have {self.port_name} at {baud_rate} bit/s: use another computer "
            f"to give the motors 1000000 bit/s, with `hil-app setup-motors`."
        )

    def _refuse_others(self) -> None:
        """Shut out programs that do not look for the lock, too.

        Not on a pseudo-terminal: its other end would keep the mark if this process was killed.
        """
        if not os.path.realpath(self.port_name).startswith("/dev/pts/"):
            fcntl.ioctl(self.ser, termios.TIOCEXCL)


def _refuses_speed(problem: Exception) -> bool:
    """Whether it is the speed that a port cannot have; newer C libraries refuse uncommon ones."""
    if isinstance(problem, ValueError):  # pyserial's, of a driver that refuses it
        return "baud" in str(problem).lower()
    return isinstance(problem, termios.error) and problem.args[:1] == (errno.EINVAL,)


def check_port(port: str) -> None:
    """Raise NotConnected if there is no ``port``, before anything is asked of it."""
    if not os.path.exists(port):
        raise NotConnected(_why_closed(port, FileNotFoundError(errno.ENOENT, "")))


def _why_closed(port: str, problem: Exception) -> str:
    """One line on why ``port`` cannot be opened, and what to do."""
    code = problem.errno if isinstance(problem, OSError) else None
    if code == errno.ENOENT:
        there = ", ".join(sorted(item.device for item in comports())) or "none"
        return (
            f"There is no port {port} (serial ports here: {there}): plug the arm in, switch it on, "
            "or find its port with `hil-app find-port`."
        )
    if code in (errno.EACCES, errno.EPERM):
        return (
            f"No permission to use {port}: run `sudo usermod -aG dialout $USER` and log in again, "
            f"or, until it is unplugged, `sudo chmod a+rw {typed(port)}`."
        )
    if isinstance(problem, SerialException) and code is None:
        return f"{port} is not a serial port: `hil-app find-port` finds the arm's."
    return f"{port} cannot be opened ({problem}): unplug the arm and plug it in again."
