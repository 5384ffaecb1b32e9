"""The control loop, readable top to bottom: reset, then tick after tick until the episode ends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from configs.env import EnvConfig
from hil_app.policy import Policy
from hil_app.rate import Rate
from hil_app.recording.frames import Frame
from processors.base import Command, Pipeline, Transition
from robots.base import F32, Robot
from teleop.base import Teleop, TeleopSample

Sink = Callable[[Frame], None]  # gets every frame within the tick: it may only enqueue


@dataclass(frozen=True, slots=True)
class Episode:
    """What an episode came to."""

    seed: int
    ticks: int
    reward: float  # undiscounted return
    success: bool  # in any of its ticks
    intervention_ticks: int
    takeovers: int
    rerecord: bool  # the person asked to throw it away
    stop: bool = False  # the run is to end: this episode is cut short
    terminated: bool = False  # the task was over; false if time was


class Stopwatch:
    """Time of each section of the tick; the newest samples are kept."""

    def __init__(self, samples: int = 10_000) -> None:
        self._samples = samples
        self.sections: dict[str, deque[float]] = {}  # [s]
        self._mark = 0.0

    def start(self) -> None:
        """A tick begins."""
        self._mark = perf_counter()

    def lap(self, section: str) -> None:
        """``section`` ends here; the next one begins."""
        now = perf_counter()
        if section not in self.sections:
            self.sections[section] = deque(maxlen=self._samples)
        self.sections[section].append(now - self._mark)
        self._mark = now


class Loop:
    """Runs episodes on one robot: ``stop()`` says whether the run is to end.

    It is asked in every control period, on the way to the reset pose too, and may raise.
    """

    def __init__(
        self,
        robot: Robot,
        teleop: Teleop,
        policy: Policy,
        action_pipeline: Pipeline[Command],
        env_pipeline: Pipeline[Transition],
        *,
        env: EnvConfig,
        reset_pose: F32,  # (6,) [deg], gripper [%]
        locate: Callable[[F32], F32],  # joints (6,) -> gripper frame (3,) [m]
        stop: Callable[[], bool],
    ) -> None:
        self.robot, self.teleop, self.policy = robot, teleop, policy
        self.action_pipeline, self.env_pipeline = action_pipeline, env_pipeline
        self.rate = Rate(env.fps, env.paced)
        self.watch = Stopwatch()
        self._env, self._reset_pose, self._locate, self._stop = env, reset_pose, locate, stop

    def episode(self, seed: int, sinks: Sequence[Sink] = ()) -> Episode:
        """Reset, then tick until the episode is done; every sink gets every frame."""
        transition = self.reset(seed)
        reward, by_hand, takeovers, held, success = 0.0, 0, 0, False, False
        while not transition.done:
            transition = self.tick(transition)
            frame = Frame.of(transition)
            for sink in sinks:
                sink(frame)
            self.watch.lap("hand-over")
            reward += frame.reward
            success |= frame.success
            by_hand += frame.is_intervention
            takeovers += frame.is_intervention and not held
            held = frame.is_intervention
        command = transition.command
        return Episode(
            seed,
            command.tick,
            reward,
            success,
            by_hand,
            takeovers,
            command.sample.rerecord,
            command.sample.stop,
            transition.terminated,
        )

    def tick(self, last: Transition) -> Transition:
        """One control period, from what was last seen to what is seen at its end."""
        self.watch.start()
        self.policy.refresh()
        version = self.policy.version
        wanted = self.policy.act(last.features)
        self.watch.lap("policy")
        sample = self._poll()
        self.watch.lap("teleop")
        goal = last.command.goal
        command = self.action_pipeline(
            Command(
                tick=last.command.tick + 1,
                reading=last.reading,
                features=last.features,
                sample=sample,
                policy_action=wanted,
                weights_version=version,
                action=wanted,
                before=goal,
                goal=goal,
                start=last.command.start,
            )
        )
        self.watch.lap("action steps")
        sent = self.robot.command(command.goal.joints)
        self.watch.lap("robot.command")
        self.rate.wait()
        self.watch.lap("wait")
        reading = self.robot.read()
        self.watch.lap("robot.read")
        transition = self.env_pipeline(Transition(command, sent, reading))
        self.watch.lap("env steps")
        return transition

    def reset(self, seed: int) -> Transition:
        """Bring the arm to its reset pose at a limited speed, set the scene, look around."""
        self.rate.start()
        ready = time.monotonic() + self._env.reset_time_s
        step = self._env.reset_speed * self.rate.period
        for target in ramp(self.robot.read().joints, self._reset_pose, step):
            if self._stop():
                break
            self.robot.command(target)
            self.rate.wait()
        while self.rate.paced and time.monotonic() < ready and not self._stop():
            self.robot.command(self._reset_pose)
            self.rate.wait()
        self.robot.reset(seed)
        reading = self.robot.read()
        self.rate.start()
        command = Command.at_reset(reading, self._locate(reading.joints))
        return self.env_pipeline(Transition(command, reading.joints, reading))

    def _poll(self) -> TeleopSample:
        sample = self.teleop.read()
        return replace(sample, stop=True) if self._stop() else sample


def ramp(start: F32, end: F32, max_step: float) -> Iterator[F32]:
    """Joint targets (6,) from ``start`` to ``end``, no joint moving over ``max_step`` a tick."""
    way = end - start
    ticks = int(np.ceil(np.abs(way).max() / max_step))
    for tick in range(1, ticks + 1):
        yield (start + way * (tick / ticks)).astype(np.float32)
