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
        presser = _PadPresser(port, Path(folder, "pad"), presses)
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


class Presser:
    """Presses ``count`` times in a thread, while entered; a subclass says how."""

    def __init__(self, port: str, count: int) -> None:
        self.polls = list[float]()
        self.count = count  # none any more once it is left
        self.random = np.random.default_rng()
        self._port = port
        self._thread = threading.Thread(target=self._run, name="presser")
        self._error: BaseException | None = None

    @property
    def over(self) -> bool:
        """Whether all is done, or cannot be."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.count = 0
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            arm = VirtualArm.behind(self._port)
            assert arm is not None
            with arm:
                self.press_all(arm)
        except BaseException as error:  # raised where it is left
            self._error = error

    def press_all(self, arm: VirtualArm) -> None:
        """Press until all is done."""
        raise NotImplementedError

    def polled_before(self, changed: float) -> float:
        """When the newest poll before ``changed`` was [s]; all of them are forgotten then."""
        polled = max((poll for poll in self.polls if poll <= changed), default=0.0)
        self.polls.clear()
        return polled


class _PadPresser(Presser):
    """Presses two buttons of a pad in turns."""

    def __init__(self, port: str, socket: Path, presses: int) -> None:
        super().__init__(port, presses)
        self.socket, self.done = socket, list[_Press]()

    def press_all(self, arm: VirtualArm) -> None:
        """See :class:`Presser`."""
        with Remote(self.socket) as pad:
            while len(self.done) < self.count:
                self._press(pad, arm)

    def _press(self, pad: Remote, arm: VirtualArm) -> None:
        time.sleep(self.random.uniform(0, LONGEST))
        button = "dpup" if len(self.done) % 2 else "dpdown"
        at: float = pad.tell(tap=button, seconds=TAP_S)["at"]
        time.sleep(SETTLED_S)
        changed: float = arm.report()["goal_moved_at"] or 0.0
        self.done.append(_Press(at, self.polled_before(changed), changed))


def _move(config: RunConfig, presser: _PadPresser) -> None:
    """Run the loop until all presses are done."""
    parts = Assembly(config)
    assert parts.device is not None
    teleop = WatchedTeleop(parts.teleop("always"), presser.polls)
    loop = parts.loop(teleop, NoPolicy(), lambda: False)
    with parts.device, parts.robot, loop.rate.kept():
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
