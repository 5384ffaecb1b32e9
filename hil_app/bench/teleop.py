"""From a press on the pad to the motors' goals on the bus."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from configs.load import validate
from configs.run import RunConfig
from hil_app.bench import Result
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy
from hil_app.control.rate import milliseconds
from robots.virtual.client import VirtualArm
from teleop.base import Teleop, TeleopSample
from teleop.virtual.remote import Remote

FPS = 30.0
TAP_S = 0.001  # how long a button is down
SETTLED_S = 3.5 / FPS  # a press and what it moves are over by then
LONGEST = 3 / FPS  # from one press to the next it is random up to here [s]


def press_latency(port: str, presses: int) -> Result:
    """Times [ms] from presses of a virtual pad to the goals that the virtual arm on ``port`` got.

    The presses come at random between two ticks; ``own`` is what passes after the poll that sees
    them. Raises RobotError or TeleopError.
    """
    with tempfile.TemporaryDirectory() as folder:
        presser = _Presser(port, Path(folder, "pad"), presses)
        _move(validate(_config(port, presser.socket)), presser)
    seen = [press for press in presser.done if press.changed > press.at]
    return {
        "ms": {
            "from press to goal": milliseconds(press.changed - press.at for press in seen),
            "own": milliseconds(press.changed - press.polled for press in seen),
        },
        "presses": presses,
        "lost": presses - len(seen),
        "fps": FPS,
    }


class _Press(NamedTuple):
    """When a button was pressed, the pad polled, and the goals of the motors changed [s]."""

    at: float
    polled: float
    changed: float


class _Presser:
    """Presses two buttons in turns, while entered, in a thread."""

    def __init__(self, port: str, socket: Path, presses: int) -> None:
        self.socket, self.polls = socket, list[float]()
        self.done: list[_Press] = []
        self._port, self._presses = port, presses
        self._random = np.random.default_rng()
        self._thread = threading.Thread(target=self._run, name="presser")
        self._error: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether all is done, or cannot be."""
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._presses = 0
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            arm = VirtualArm.behind(self._port)
            assert arm is not None
            with arm, Remote(self.socket) as pad:
                while len(self.done) < self._presses:
                    self._press(pad, arm)
        except BaseException as error:  # raised where it is left
            self._error = error

    def _press(self, pad: Remote, arm: VirtualArm) -> None:
        time.sleep(self._random.uniform(0, LONGEST))
        button = "dpup" if len(self.done) % 2 else "dpdown"
        at: float = pad.tell(tap=button, seconds=TAP_S)["at"]
        time.sleep(SETTLED_S)
        changed: float = arm.report()["goal_moved_at"] or 0.0
        polled = max((poll for poll in self.polls if poll <= changed), default=0.0)
        self.polls.clear()
        self.done.append(_Press(at, polled, changed))


def _move(config: RunConfig, presser: _Presser) -> None:
    """Run the loop until all presses are done."""
    parts = Assembly(config)
    assert parts.device is not None
    teleop = WatchedTeleop(parts.teleop("always"), presser.polls)
    loop = parts.loop(teleop, NoPolicy(), lambda: False)
    with parts.device, parts.robot:
        transition = loop.reset(seed=0)
        with presser:
            while not presser.over:
                transition = loop.tick(transition)


def _config(port: str, socket: Path) -> dict[str, Any]:
    controls = {"z": "dpup-dpdown"}
    return {
        "robot": {"type": "so101", "port": port},
        "teleop": {"type": "gamepad", "virtual": str(socket), "controls": controls},
        "env": {"fps": FPS, "paced": True, "control_time_s": None},
        "processor": {"step_size": [0.007] * 3, "observation": {"object": None}},
        "learner": {"mode": "background"},
    }


class WatchedTeleop:
    """A teleoperator whose polls are timed."""

    def __init__(self, teleop: Teleop, polls: list[float]) -> None:
        self._teleop, self._polls = teleop, polls

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def read(self) -> TeleopSample:
        """One poll."""
        self._polls.append(time.monotonic())
        return self._teleop.read()

    def idle(self) -> TeleopSample:
        """One poll between episodes."""
        return self._teleop.idle()
