"""A run's folder, events, stop signal and robot: what every command opens before its loop."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Self

from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.control.gate import Gate
from hil_app.control.monitor import Monitor, Stage
from hil_app.control.outcomes import Episode
from hil_app.control.signals import StopRequest
from hil_app.events import EpisodeEnded, RunEnded, RunResumed, RunStarted
from hil_app.runs.at_the_page import PagePlace, is_wanted
from hil_app.runs.folder import EVENTS, new_run, open_folder, save_config
from hil_app.support.events import EventLog
from hil_app.support.outputs import carry_on
from robots.feetech.wire import check_port
from teleop import keys, words
from teleop.base import Acts, Powered, Teleop, TeleopSample
from teleop.events import TeleopReady
from teleop.keys import Attended, KeyReader

CTRL_C = "Ctrl-C ends the run safely"
SWITCH_INTERVAL = 0.0005  # how long a thread keeps the interpreter once another wants it [s]


def calm_threads() -> None:
    """Set the process up so that the learner's thread does not hold up the control loop."""
    import torch

    torch.set_num_threads(1)  # two would fight each other and the loop for the cores
    sys.setswitchinterval(SWITCH_INTERVAL)


def check_ports(config: RunConfig) -> None:
    """Raise NotConnected if an arm's serial port is not there: all else can only follow from it."""
    leader = None if config.teleop is None else config.teleop.leader
    for arm in (config.robot.follower, leader):
        if arm is not None:
            check_port(arm.port)


class Session:
    """Entered around a whole command; each stage enters ``robot`` last, so it is made safe first.

    With ``resumed``, what is to tell of a run that goes on, whoever enters has claimed its
    folder; a new one is the session's alone. One that ``keeps`` nothing has a folder only if the
    config names one.
    """

    def __init__(
        self,
        config: RunConfig,
        command: str,
        resumed: RunResumed | None = None,
        *,
        keeps: bool = True,
    ) -> None:
        self.config, self.command, self._resumed = config, command, resumed
        self.home = config.output_dir or (new_run(command) if keeps else None)  # its folder
        self.events = EventLog(None if self.home is None else self.home / EVENTS)
        arm, teleop = config.robot.real_time, config.teleop
        self.stop = StopRequest(arm or (teleop is not None and teleop.has_motors))
        self.parts = Assembly(
            config, command=command, tell=self.events.emit, emergency=self._emergency
        )
        self.robot = self.parts.robot
        self.monitor = Monitor()
        self.window, self.device = self.parts.window, self.parts.device
        self.page = PagePlace(config.page) if is_wanted(config) else None
        self._has_operator = teleop is not None and teleop.has_operator
        # a real arm has an operator beside it
        self.keys = KeyReader() if self._has_operator or arm else None
        self._powered: list[Powered] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        carry_on()
        check_ports(self.config)
        with ExitStack() as stack:
            for needed in (self.page, self.window, self.device):
                if needed is not None:  # nothing is written if they are not there
                    stack.enter_context(needed)
            if self._resumed is not None:
                save_config(self.folder, self.config)
            elif self.home is not None:
                stack.enter_context(open_folder(self.home, self.config))
            if "torch" in sys.modules:
                calm_threads()
            else:  # nothing here learns, and torch takes seconds to import
                sys.setswitchinterval(SWITCH_INTERVAL)
            stack.enter_context(self.events)
            stack.enter_context(self.stop)
            if self.keys is not None:
                stack.enter_context(self.keys)
            self._open = stack.pop_all()
        if self._resumed is None:
            self.events.emit(RunStarted(robot=self.config.robot.type, seed=self.config.seed))
        else:
            self.events.emit(self._resumed)
        if self.device is not None:
            self.events.emit(TeleopReady(device=self.device.name))
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.events.emit(RunEnded(error=None if error is None else f"{error}"))
        self._open.close()
        if missing := self.events.missing:
            lack = f"{self.folder / EVENTS} lacks {missing} events"
            print(f"hil-app: {lack}: the disk did not take them", file=sys.stderr)

    @property
    def folder(self) -> Path:
        """Where a run that keeps something keeps it."""
        assert self.home is not None
        return self.home

    @property
    def hint(self) -> str:
        """How an operator tells the run what to do, in a line."""
        teleop, manual = self.config.teleop, self.config.manual
        if manual is not None:
            return words.hint(manual, wrist=self.parts.wrist)
        if self.keys is None or not self.keys.live:
            return CTRL_C
        return keys.hint(switched=teleop is not None and teleop.by_keys)

    def gate(self) -> Gate:
        """What has the next stage wait for the operator, on a real arm with one beside it."""
        env, manual = self.config.env, self.config.manual
        keys = ["Enter"] if self.keys is not None and self.keys.live else []
        press = keys + ([] if manual is None else [words.ready(manual)])
        press += [] if self.page is None else ["Ready on the page"]
        beside = self.config.teleop is None or self._has_operator
        when = env.wait_for_ready if self.config.robot.real_time else "never"
        return Gate(when, " or ".join(press) if beside else "", self.events.emit)

    def teleop(self, acts: Acts) -> Teleop:
        """Who acts, and when, with the operator at the terminal's keys and at the page beside,
        where there are any.

        Raises ConfigError if they cannot work on this robot.
        """
        teleop = self.parts.teleop(acts, along=self._have_leaders_go_along)
        if isinstance(teleop, Powered):
            self._powered.append(teleop)
        beside = [self.keys, None if self.page is None else self.page.buttons]
        buttons = [one for one in beside if one is not None]
        return Attended(teleop, *buttons) if buttons else teleop

    def _have_leaders_go_along(self) -> None:
        """A leader that nobody polls would be taken for one whose program stands still."""
        for leader in self._powered:
            if leader.entered:
                leader.idle()

    def apply_stops(self, asked: Episode | TeleopSample) -> None:
        """Stop the run if the operator ``asked`` for it."""
        self.stop.by_operator |= asked.stop and self.stop.signal is None
        self.stop.emergency |= asked.emergency_stop

    @cached_property
    def _bystander(self) -> Teleop:
        """The operator, while no loop looks."""
        return self.teleop("never")

    def _emergency(self) -> bool:
        """Whether the operator presses for an emergency stop while no loop looks."""
        if self._bystander.idle().emergency_stop:
            self.stop.by_operator = self.stop.emergency = True
        return self.stop.emergency

    def ended(self, stage: Stage, episode: Episode) -> None:
        """Heed what the operator asked for, and tell of an episode once it is safe, if recorded."""
        self.apply_stops(episode)
        tell = partial(self.events.emit, EpisodeEnded(stage=stage.name, **asdict(episode)))
        recording = self.monitor.recording
        if recording is None:
            tell()
        else:
            recording.recorder.after(tell)
