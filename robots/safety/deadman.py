"""A process of its own that lets an arm down if the program that moves it dies or stands still.

Motors hold their last goal for as long as they have power: after a ``kill -9``, a crash or a Ctrl-Z
nobody else would release them, and one that pushes against something burns. Only where both
processes are killed at once does torque stay on.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from select import POLLIN, poll

from configs.events import Tell
from configs.robot import ServoArmConfig
from robots import isolated
from robots.base import RobotError, ServoFault
from robots.events import DeadmanBack, DeadmanLost
from robots.feetech.release import RegisterValues

_START_S = 10.0  # that the process may take to be ready
_HUNG_S = 2.0  # without an answer, after which it counts as hung
_TRIES = 3  # to start another one while the arm moves
_LEAVING_S = 2.0  # that it may take to end once it is told to
_AGAIN_S = 5.0  # that it may take where this program could not release the motors
_RELEASE_S = 15.0  # that it may take to let an arm down
_MOMENT_S = 0.05
_MANY = 65536


class Deadman:
    """Watches over the arm of ``cfg`` from :meth:`hold` on, until torque is off: :meth:`done`.

    It acts when this program has died, or has been silent for ``silence_s``: then it uses the open
    port itself, and this program must not (:meth:`check`). ``tell`` hears when the process is lost,
    and when there is another one. With None for ``silence_s`` nobody watches.
    """

    def __init__(
        self, cfg: ServoArmConfig, motors: Mapping[str, int], silence_s: float | None, tell: Tell
    ) -> None:
        self._setup = {
            "port": os.path.abspath(cfg.port),
            "baud_rate": cfg.baud_rate,
            "motors": dict(motors),
            "silence_s": silence_s,
            "program": os.getpid(),
        }
        self._port_name, self._silence_s, self._tell = cfg.port, silence_s, tell
        self._process: _Process | None = None
        self._found: RegisterValues | None = None  # what is to be given back; None without torque
        self._offsets: Mapping[str, int] = {}
        self._port: int | None = None
        self._beaten = 0.0  # when the program last said that all is well
        self._lost = 0  # tries to have another process; 0 if there is one

    @property
    def acts(self) -> bool:
        """Whether it has taken the arm over: nobody else may use the port."""
        process = self._process
        if process is None:
            return False
        process.hear()
        return "acts" in process.heard and (not process.gone or "released" in process.heard)

    def start(self) -> None:
        """Start the process, or another if it is gone; it is ready when :meth:`hold` returns."""
        if self._process is not None:
            self._process.hear()
            if self._process.gone:
                self._end()
        if self._process is None and self._silence_s is not None:
            self._process = self._another()

    def hold(self, port: int, found: RegisterValues, offsets: Mapping[str, int]) -> None:
        """Torque comes on, on this open ``port``; ``found`` are the registers to give back.

        By the ``offsets`` of its motors' zeros it is known, should the port have another arm later.

        Raises RobotError if the process is not ready within its time: there must be no torque then.
        """
        if self._found is None:
            self.start()
        if self._process is None:
            return
        if self._found is None and not self._process.wait({"ready"}, _START_S):
            why = self._process.why()
            self._end()
            raise RobotError(
                f"The process that lets the arm on {self._port_name} down, should this program "
                f"die, does not start ({why}): the arm stays without torque. Try again, and see "
                "that the computer has memory left."
            )
        self._found, self._port, self._beaten = found, port, time.monotonic()
        self._offsets = offsets
        self._hand_over(self._process)

    def port(self, port: int | None) -> None:
        """The port was opened again, or is gone."""
        self._port = port
        if self._process is not None and self._found is not None:
            self._process.say("gone" if port is None else "port", port)

    def beat(self) -> None:
        """All is well; once a tick. Sees that the process is there, and never waits for it.

        Raises ServoFault if this program has stood still for too long, or no process can be had.
        """
        process = self._process  # another thread may be done with it
        if self._found is None or process is None or self._silence_s is None:
            return
        self.check()
        now = time.monotonic()
        if now - self._beaten > self._silence_s:
            raise self._stood_still()
        self._beaten = now
        self._look_after(process, now).say()

    def alive(self) -> None:
        """The program is at letting the arm go: the process has no reason to."""
        if self._process is not None and self._found is not None:
            self._process.say()

    def check(self) -> None:
        """Raise ServoFault if the arm has been taken over."""
        if self.acts:
            raise self._stood_still()

    def has_released(self) -> bool:
        """Whether it has taken the arm over and released it, which is waited for.

        Raises ServoFault if it cannot release the arm.
        """
        if not self.acts:
            return False
        assert self._process is not None
        if self._process.wait({"released"}, _RELEASE_S, unless={"failed"}):
            return True
        if self._process.gone:
            return False
        raise ServoFault(
            f"The motors on {self._port_name} may still have torque: switch off the arm's power "
            "(the process that lets it down cannot reach them)."
        )

    def done(self) -> None:
        """Torque is off, and known to be."""
        self._found = None
        if self._process is not None:
            self._process.say("done")
        self._end()

    def close(self) -> None:
        """The program is through with the arm: motors that are not released are left to it.

        It may look for a port that is gone when this program has long ended.
        """
        process, trying = self._process, False
        if process is not None and self._found is not None and not self.acts:
            process.say("failed")
            trying = not process.wait({"released", "failed"}, _AGAIN_S)
        self._found = None
        if process is not None and trying and not process.gone:
            self._process = None
            process.leave_alone()
        self._end()

    def _look_after(self, process: _Process, now: float) -> _Process:
        """See that the process is well, or have another one; returns it."""
        if self._lost and "ready" in process.heard:
            self._lost = 0
            self._tell(DeadmanBack(note=f"another one watches over the arm on {self._port_name}"))
        if (cause := process.lost(now)) is None:
            return process
        if not self._lost:
            self._tell(
                DeadmanLost(
                    cause=f"{cause}: until there is another, the arm on {self._port_name} has only "
                    "the watchdog of this program",
                )
            )
        if self._lost == _TRIES:
            raise ServoFault(
                f"The process that lets the arm on {self._port_name} down, should this program "
                f"die, cannot be started again ({cause}): the run ends, since nobody would."
            )
        self._lost += 1
        process.end()
        self._process = another = self._another()
        self._hand_over(another)  # before it is ready: this program may die meanwhile
        return another

    def _hand_over(self, process: _Process) -> None:
        """Give the process all that it needs to act."""
        process.say("port", self._port)
        process.say(f"hold {json.dumps([self._found, self._offsets])}")

    def _another(self) -> _Process:
        return _Process(json.dumps(self._setup))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.leave()
            process.end()

    def _stood_still(self) -> ServoFault:
        return ServoFault(
            f"The program stood still for {self._silence_s:g} s or longer, so the arm on "
            f"{self._port_name} was let down: start again."
        )


class _Process:
    """One process, and the line to it; only :meth:`wait` and :meth:`leave` take time."""

    def __init__(self, setup: str) -> None:
        self.heard: set[str] = set()
        self.gone = False  # it has closed its end, or never was
        self._since = time.monotonic()
        self._unanswered: float | None = None  # since when
        self._failure = ""
        self._popen: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        try:
            self._socket, theirs = socket.socketpair()
            self._socket.setblocking(False)
            with theirs:
                self._popen = _started(setup, theirs)
        except OSError as error:  # no memory, no file descriptor, no program
            self.gone, self._failure = True, str(error)

    def say(self, word: str = "", port: int | None = None) -> None:
        """Tell the process; what it does not take, or is too busy for, is lost."""
        if self._socket is None:
            return
        try:
            ports = [] if port is None else [port]
            socket.send_fds(self._socket, [word.encode() + b"\n"], ports)
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True
        if self._unanswered is None:
            self._unanswered = time.monotonic()

    def hear(self) -> None:
        """Take in what it has said."""
        while self._socket is not None and not self.gone:
            try:
                data = self._socket.recv(_MANY)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            self.gone = not data
            self._unanswered = None
            self.heard.update(data.decode().split())

    def wait(self, words: set[str], seconds: float, unless: Collection[str] = ()) -> bool:
        """Whether it says one of ``words`` in time, and before any of ``unless``."""
        end = time.monotonic() + seconds
        while True:
            self.hear()
            if words & self.heard:
                return True
            left = end - time.monotonic()
            if self.gone or left <= 0 or not self.heard.isdisjoint(unless):
                return False
            assert self._socket is not None  # or it is gone
            waiting = poll()  # select knows only the first thousand file descriptors
            waiting.register(self._socket, POLLIN)
            waiting.poll(1000 * left)

    def lost(self, now: float) -> str | None:
        """Why the process is of no use, if it is."""
        if self.gone:
            return f"the deadman process has ended ({self.why()})"
        ready = "ready" in self.heard
        since, patience = (self._unanswered, _HUNG_S) if ready else (self._since, _START_S)
        if since is not None and now - since > patience:
            return f"the deadman process has not answered for {patience:g} s"
        return None

    def why(self) -> str:
        """What the process said last, or how it ended, in a few words."""
        if self._popen is None or self._popen.stderr is None:
            return self._failure
        said = (self._popen.stderr.read() or b"").decode(errors="replace").splitlines()
        if lines := [line for line in said if line.strip()]:
            return lines[-1]
        if not self.gone:
            return f"it is not ready after {_START_S:g} s"
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_MOMENT_S)
        return f"status {self._popen.poll()}"

    def leave(self) -> None:
        """Wait a while until it ends, as it has been told to."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
        with suppress(subprocess.TimeoutExpired):
            if self._popen is not None:
                self._popen.wait(_LEAVING_S)

    def leave_alone(self) -> None:
        """It ends by itself, whenever that is."""
        assert self._socket is not None
        assert self._popen is not None
        self._socket.close()
        if self._popen.stderr is not None:
            self._popen.stderr.close()
        self._popen.returncode = 0  # or Python would complain that it still runs

    def end(self) -> None:
        """Have it ended."""
        if self._socket is not None:
            self._socket.close()
        if self._popen is None:
            return
        self._popen.kill()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_MOMENT_S)
        if self._popen.stderr is not None:
            self._popen.stderr.close()


def _started(setup: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
    """The process, in a session of its own: Ctrl-C is not for it. What it prints is shown."""
    try:
        os.fstat(2)
        shown = 2
    except OSError:
        shown = subprocess.DEVNULL
    popen = subprocess.Popen(
        isolated.command("robots.safety.deadman_process", setup),
        stdin=theirs.fileno(),
        stdout=shown,
        stderr=subprocess.PIPE,
        cwd="/",
        env=isolated.environment(),
        start_new_session=True,
    )
    assert popen.stderr is not None
    os.set_blocking(popen.stderr.fileno(), False)
    return popen
