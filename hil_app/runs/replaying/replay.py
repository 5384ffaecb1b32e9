"""Doing a recorded episode again, with every limit on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from hil_app.build.assembly import Assembly
from hil_app.control.episodes import run_episodes
from hil_app.control.outcomes import REPLAY
from hil_app.events import EpisodeReplayed, SceneChosen
from hil_app.recording.frames import Frame
from hil_app.runs.replaying.recorded_episode import RecordedEpisode, near
from hil_app.runs.session import Session
from processors.base import Command, Observation, Step
from robots.base import F32, RobotError, RobotSpec
from teleop.base import NEUTRAL, Teleop, TeleopSample

EXACT = 1e-3  # the arm is where the episode began, but for rounding [deg, %]
SETTLED = 3.0  # times as far as an arm that sags may one be from the start
What = Literal["actions", "joints"]


class Replayed:
    """Teleoperator and policy in one: what is done is what was recorded, whoever did it then.

    The operator beside it can only pause and stop: ``teleop`` are theirs.
    """

    version = 0

    def __init__(self, recorded: RecordedEpisode, teleop: Teleop) -> None:
        self._recorded, self._teleop, self._tick = recorded, teleop, 0

    def __enter__(self) -> Self:
        self._teleop.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._teleop.__exit__(*error)

    def read(self) -> TeleopSample:
        """The recorded action, with the operator's pause or stop."""
        return self._as_recorded(self._teleop.read())

    def idle(self) -> TeleopSample:
        """The operator's pause or stop on the way to the start."""
        return self._as_recorded(self._teleop.idle())

    def refresh(self) -> None:
        """Nothing to refresh."""

    def act(self, observation: Observation) -> F32:  # noqa: ARG002 - the Policy protocol
        """The recorded action."""
        return self._action

    def count(self, frame: Frame) -> None:
        """A frame is done, and the next one's turn; a sink of the loop."""
        self._tick = frame.tick

    @property
    def _action(self) -> F32:
        actions = self._recorded.actions
        action: F32 = NEUTRAL if actions is None else actions[self._at]
        return action

    @property
    def _at(self) -> int:
        return min(self._tick, len(self._recorded) - 1)

    def _as_recorded(self, sample: TeleopSample) -> TeleopSample:
        return TeleopSample(
            self._action,
            intervening=bool(self._recorded.is_intervention[self._at]),
            stop=sample.stop,
            emergency_stop=sample.emergency_stop,
            paused=sample.paused,
            ready=sample.ready,
        )


@dataclass(frozen=True)
class Difference:
    """How far one motion of several joints is from another, in the robot's units."""

    mean: float  # over all frames and joints but the gripper
    max: float
    joint: str  # whose that is
    unit: str  # of the joints; empty if they have several
    frame: int  # when
    gripper_max: float | None  # [%]; None without a gripper

    @classmethod
    def between(cls, spec: RobotSpec, one: F32, other: F32) -> Self:
        """Of (T, n) joints of a robot from as many others."""
        off, gripper = np.abs(one - other), spec.gripper
        places = np.flatnonzero(spec.not_gripper)
        robot, units = off[:, places], {spec.units[place] for place in places}
        frame, joint = np.unravel_index(robot.argmax(), robot.shape)
        return cls(
            mean=round(float(robot.mean()), 4),
            max=round(float(robot.max()), 4),
            joint=spec.names[places[joint]],
            unit=units.pop() if len(units) == 1 else "",
            frame=int(frame),
            gripper_max=None if gripper is None else round(float(off[:, gripper].max()), 4),
        )

    def __str__(self) -> str:
        if not self.max and not self.gripper_max:
            return "as recorded"
        unit = f" {self.unit}" if self.unit else ""
        said = (
            f"off by {self.mean:.2f}{unit} on average, at most {self.max:.2f} ({self.joint}, frame "
            f"{self.frame})"
        )
        if self.gripper_max is None:
            return said
        return f"{said}, gripper at most {self.gripper_max:.1f} %"


def replay(session: Session, recorded: RecordedEpisode, what: What) -> None:
    """Bring the arm to the start of ``recorded``, do it again, and tell how alike it was.

    ``what`` sends the recorded actions through the pipeline, or the recorded joint targets past it.
    The session's config is :func:`~hil_app.runs.replaying.recorded_episode.fitted` to the recorded
    episode.
    """
    parts, robot = session.parts, session.robot
    again = Replayed(recorded, session.teleop("never"))
    steps = _steps(parts, recorded, what)
    loop = parts.loop(again, again, session.stop, evaluating=True, action_steps=steps)
    if robot.truth is not None and recorded.seed is None:
        note = "as this config's seed has it; another run's object may have lain elsewhere"
        session.events.emit(SceneChosen(note=note))
    sent: list[F32] = []
    measured: list[F32] = []

    def look(frame: Frame) -> None:
        sent.append(frame.sent)
        measured.append(frame.next_reading.joints)

    with robot, again:
        stage = session.monitor.begin(REPLAY, 1, "episodes", loop)
        seed = parts.seed(*recorded.scene) if recorded.seed is None else recorded.seed
        sinks = [look, again.count]
        episodes = run_episodes(stage, lambda _: seed, sinks, gate=session.gate())
        episode = next(episodes, None)
        if episode is not None:
            session.ended(stage, episode)
    success = episode.success if episode is not None and robot.truth is not None else None
    _tell(session, recorded, np.array(sent), np.array(measured), success)


def _steps(parts: Assembly, recorded: RecordedEpisode, what: What) -> dict[str, Step[Command]]:
    """Action steps that begin where the recorded ones did, or send the recorded targets."""
    spec, actions = parts.robot.spec, parts.actions

    def recorded_start(command: Command) -> Command:
        start, here = recorded.start, command.reading.joints
        if command.tick != 1 or command.sample.stop:  # on the way to the start, perhaps
            return command
        if start is None or np.abs(start - here).max() <= EXACT:
            return command
        if not near(spec, start, here, SETTLED):
            off = np.abs(start - here)
            joint = int((off / np.ptp(spec.limits, axis=1)).argmax())
            raise RobotError(
                f"The robot's {spec.names[joint]} stands {off[joint]:.0f} {spec.units[joint]} from "
                "where the episode began: look what is in its way, and try again"
            )
        goal = actions.goal(start)
        return replace(command, before=goal, goal=goal, start=goal.tip)

    def recorded_target(command: Command) -> Command:
        if command.sample.stop:  # on the way to the start, perhaps
            return command
        return replace(command, goal=actions.goal(recorded.sent[command.tick - 1]))

    if what == "joints":
        return {"recorded target": recorded_target}
    return {"recorded start": recorded_start, **parts.action_steps()}


def _tell(
    session: Session, recorded: RecordedEpisode, sent: F32, measured: F32, success: bool | None
) -> None:
    """How the motion differs from the recorded one, in an event that the operator sees."""
    done = len(sent)
    facts: dict[str, Any] = {"frames": done, "of": len(recorded), "success": success}
    said = [f"{done} of {len(recorded)} frames"]
    for name, then, now in (
        ("targets", recorded.sent[:done], sent),
        ("joints", None if recorded.joints is None else recorded.joints[1 : done + 1], measured),
    ):
        if then is not None and len(then):
            difference = Difference.between(session.robot.spec, now[: len(then)], then)
            facts[name] = asdict(difference)
            said.append(f"{name} {difference}")
    if success is not None:
        words = {None: "not known", True: "a success", False: "no success"}
        said.append(f"{words[success]}, recorded: {words[recorded.success]}")
    session.events.emit(EpisodeReplayed(note="; ".join(said), **facts))
