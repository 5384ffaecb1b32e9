"""The far side of a virtual arm, for whoever has its port: JSON lines over a local socket."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from robots.base import NotConnected, RobotError, Truth
from robots.sockets import LONGEST_ANSWER, connect, parsed, socket_folder

_PATIENCE_S = 5.0
_STILL_S = 0.5  # in which no motor moves once all are where the hand takes them
_LOOK_S = 0.1
_PSEUDO_TERMINALS = "/dev/pts/"  # of Linux


def socket_path(port: str) -> Path:
    """Where the virtual arm behind ``port``, a device or a link to it, listens."""
    return socket_folder() / (os.path.realpath(port).strip("/").replace("/", "-") + ".sock")


def virtual_ports() -> list[str]:
    """The ports of the virtual arms that run, and of any that was killed on a port still there."""
    found = ["/" + path.stem.replace("-", "/") for path in socket_folder().glob("dev-*.sock")]
    return sorted(port for port in found if os.path.exists(port))


class VirtualArm:
    """The world and the faults of a virtual arm, from outside.

    ::

        with VirtualArm.behind(port) as arm:
            arm.reset(seed=0)
            arm.set(drop=0.1)
            assert arm.truth().success
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._lines = connection.makefile("rb")
        try:
            hello = self._ask("hello")
        except BaseException:
            self.close()
            raise
        self.arm: str = hello["arm"]  # "so100" or "so101"
        self.task: str = hello["task"]  # "pick_lift", "reach" or "none"
        self.link: str = hello["link"]  # the absolute path that was asked for, "" for none

    @classmethod
    def behind(cls, port: str) -> VirtualArm | None:
        """The virtual arm whose port this is; None if it is not a virtual arm's.

        A real one's needs no folder for sockets, whatever is wrong with that.
        """
        if sys.platform == "linux" and not os.path.realpath(port).startswith(_PSEUDO_TERMINALS):
            return None
        try:
            connection = connect(socket_path(port), _PATIENCE_S)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # nobody can listen there
                return None
            raise RobotError(f"The virtual arm on {port} cannot be reached: {error}") from None
        return cls(connection)

    @classmethod
    def at(cls, port: str) -> VirtualArm:
        """The virtual arm whose port this is. Raises RobotError if it is not a virtual arm's."""
        if (found := cls.behind(port)) is None:
            raise RobotError(f"No virtual arm at {port}: start hil-app virtual-arm first.")
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def truth(self) -> Truth:
        """What only the simulated world knows; ``tick`` is 0, ``episode`` counts resets."""
        answer = self._ask("truth")
        return Truth(
            episode=answer["episode"],
            tick=0,
            tip=np.array(answer["tip"], np.float32),
            gripper=answer["gripper"],
            objects={name: np.array(at, np.float32) for name, at in answer["objects"].items()},
            success=answer["success"],
        )

    def reset(self, seed: int) -> None:
        """Put the objects where ``seed`` says; the arm is not touched."""
        self._ask("reset", seed=seed)

    def hand(self, joints: Mapping[str, float] | None) -> None:
        """An operator's hand takes ``joints`` to these values, body [deg], gripper [%], whatever
        the motors do, at an operator's speed; None lets go."""
        self._ask("hand", joints=None if joints is None else dict(joints))

    def take(self, joints: Mapping[str, float]) -> None:
        """Have the hand take ``joints`` [deg, %] there, and come back when nothing moves any more.

        It goes on holding them.
        """
        self.hand(joints)
        before, since = self._positions(), time.monotonic()
        while time.monotonic() - since < _STILL_S:
            time.sleep(_LOOK_S)
            if (now := self._positions()) != before:
                before, since = now, time.monotonic()

    def _positions(self) -> list[int]:
        """Where the motors stand [step]."""
        return [motor["present"] for motor in self.report()["motors"].values()]

    def set(self, **fault_settings: Any) -> None:
        """Change fault settings: the fields of ``robots.virtual.fault_settings.FaultSettings``."""
        self._ask("set", fault_settings=fault_settings)

    def fault_settings(self) -> dict[str, Any]:
        """The fault settings now."""
        return self._ask("fault_settings")

    def report(self) -> dict[str, Any]:
        """What was written to the motors; see ``robots.virtual.servos.violation_log``."""
        return self._ask("report")

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._connection.close()

    def _ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        question = json.dumps({"ask": what, **arguments}).encode() + b"\n"
        try:
            with self._lock:
                self._connection.sendall(question)
                line = self._lines.readline(LONGEST_ANSWER)
        except OSError as error:
            raise NotConnected(
                f"The virtual arm does not answer ({error}): is it running?"
            ) from None
        if not line:
            raise NotConnected("The virtual arm has ended: start it again.")
        try:
            answer = parsed(line)
        except ConnectionError as error:
            raise NotConnected(f"The virtual arm cannot be understood: {error}.") from None
        if "error" in answer:
            raise RobotError(answer["error"])
        return answer
