"""The control loop, readable top to bottom: reset, then tick after tick until the episode ends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from configs.env import EnvConfig
from hil_app.control.outcomes import Episode
from hil_app.control.policy import Policy
from hil_app.control.rate import Rate
from hil_app.recording.frames import Frame
from processors.base import ActionSpace, Command, Goal, Pipeline, Transition
from robots.base import F32, Reading, Robot
from robots.safety.guard import ramp
from teleop.base import NO_INPUT, Teleop, TeleopSample

Phase = Literal["reset", "ready", "acting", "paused"]  # ready: it waits for the operator
Ask = Callable[[], None]  # has the operator know that they are waited for
Sink = Callable[[Frame], None]  # gets every frame within the tick: it may only enqueue


def _pauses(sample: TeleopSample) -> bool:
    """Whether the arm is to stand still; a verdict or a stop goes first."""
    verdict = sample.success or sample.failure or sample.rerecord
    return sample.paused and not (verdict or sample.stop)


@dataclass(slots=True)
class Seen:
    """What a robot sensed last, for whoever looks on."""

    reading: Reading | None = None
    at: float = 0.0  # when, monotonic [s]


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
        actions: ActionSpace,
        stop: Callable[[], bool],
        seen: Seen | None = None,
    ) -> None:
        self.robot, self.teleop, self.policy = robot, teleop, policy
        self.action_pipeline, self.env_pipeline = action_pipeline, env_pipeline
        self.rate = Rate(env.fps, env.paced)
        self.watch = Stopwatch()
        self._env, self._actions, self.stop = env, actions, stop
        self.seen = seen or Seen()
        self._asked = NO_INPUT  # with the stops that the operator has asked for so far
        self._held: F32  # what was last sent on the way to the reset pose
        self._stands: Goal | None = None  # where it is held between two episodes
        self.phase: Phase = "reset"  # for whoever looks on
        self.reset_until = 0.0  # monotonic [s], the same: how long a reset takes at least
        self.newest: Transition | None = None  # the same

    @property
    def asked(self) -> TeleopSample:
        """With the stops that the operator has asked for so far."""
        return self._asked

    @property
    def images(self) -> Mapping[str, NDArray[np.uint8]]:
        """What the robot's cameras saw last, amid a reset too."""
        reading = self.seen.reading
        return {} if reading is None else reading.images

    def episode(self, seed: int, sinks: Sequence[Sink] = (), *, ask: Ask | None = None) -> Episode:
        """Reset, then tick until the episode is done; every sink gets every frame.

        With ``ask``, which is called then, the arm waits in its reset pose until the operator is
        ready.
        """
        with self.rate.kept():
            transition = self.reset(seed, ask)
            reward, intervention_ticks, takeovers, held, success = 0.0, 0, 0, False, False
            while not transition.done:
                transition = self.tick(transition)
                frame = Frame.of(transition, seed)
                for sink in sinks:
                    sink(frame)
                self.watch.lap("hand-over")
                reward += frame.reward
                success |= frame.success
                intervention_ticks += frame.is_intervention
                takeovers += frame.is_intervention and not held
                held = frame.is_intervention
        command = transition.command
        return Episode(
            seed=seed,
            ticks=command.tick,
            reward=reward,
            success=success,
            intervention_ticks=intervention_ticks,
            takeovers=takeovers,
            rerecord=command.sample.rerecord,
            stop=command.sample.stop,
            emergency_stop=command.sample.emergency_stop,
            terminated=transition.terminated,
        )

    def tick(self, last: Transition) -> Transition:
        """One control period, from what was last seen to what is seen at its end."""
        self.watch.start()
        policy_action = self._policy_action(last)
        self.watch.lap("policy")
        sample = self._apply_stops(self.teleop.read())
        self.watch.lap("teleop")
        pause = _pauses(sample)
        if pause:
            last, sample = self._stand_still(last)
            policy_action = self._policy_action(last)
            self.watch.start()
        goal = last.command.goal
        command = self.action_pipeline(
            Command(
                tick=last.command.tick + 1,
                reading=last.reading,
                observation=last.observation,
                sample=sample,
                policy_action=policy_action,
                weights_version=self.policy.version,
                action=policy_action,
                before=goal,
                goal=goal,
                start=last.command.start,
                intervening_before=last.command.sample.intervening,
                after_pause=pause,
            )
        )
        self.watch.lap("action steps")
        sent = self.robot.command(command.target)
        command = replace(command, goal=self._actions.taken(command.goal, sent))
        self.watch.lap("robot.command")
        self.rate.wait()
        self.watch.lap("wait")
        reading = self._read()
        self.watch.lap("robot.read")
        transition = self.env_pipeline(Transition(command, sent, reading))
        self.watch.lap("env steps")
        self.newest = transition
        return transition

    def _policy_action(self, last: Transition) -> F32:
        """The action (a,) that the newest policy wants for what was last seen."""
        self.policy.refresh()
        policy_action = self.policy.act(last.observation)
        return self._actions.still(last.command.goal) if policy_action is None else policy_action

    def _read(self) -> Reading:
        self.seen.reading = reading = self.robot.read()
        self.seen.at = time.monotonic()
        return reading

    def _stand_still(self, last: Transition) -> tuple[Transition, TeleopSample]:
        """Hold while the operator has the episode paused; returns what is then seen, and asked."""
        self.phase = "paused"
        while self.phase == "paused":
            self.robot.command(self._actions.held(last.command.goal))
            self.rate.wait()
            reading = self._read()
            sample = self._apply_stops(self.teleop.read())
            self.phase = "paused" if _pauses(sample) else "acting"
        command = replace(last.command, reading=reading)
        observed = self.env_pipeline(Transition(command, last.sent, reading))
        return replace(last, reading=reading, observation=observed.observation), sample

    def hold(self) -> None:
        """A control period between two episodes, in which the arm stays where the last one ended.

        Before the first one a real arm stays where it stands. Stops count, and the next episode has
        them.
        """
        self._apply_stops(self.teleop.idle())
        if self.newest is not None:
            self._stands = self.newest.command.goal
        elif self._stands is None and self.robot.spec.real_time:
            self._stands = self._actions.goal(self._read().joints)
        if self._stands is not None:
            self.robot.command(self._actions.held(self._stands))
        self.rate.wait()

    def reset(self, seed: int, ask: Ask | None = None) -> Transition:
        """Bring the robot to its reset pose at a limited speed, set the scene, look around."""
        self.phase = "reset"
        self.rate.start()
        if not self._apply_stops(
            self.teleop.idle()
        ).stop:  # nothing else that was pressed before counts
            self._go_to_reset_pose(ask)
        self.robot.reset(seed)
        reading = self._read()
        self.rate.start()
        self.phase = "acting"
        command = Command.at_reset(reading, self._actions.goal(reading.joints).tip)
        return self.env_pipeline(Transition(command, reading.joints, reading))

    def _go_to_reset_pose(self, ask: Ask | None) -> None:
        """Go there at a limited speed, and wait until the scene may be set."""
        self.reset_until = ready = time.monotonic() + self._env.reset_time_s * self.rate.paced
        step = self._env.reset_speed * self.rate.period
        here = self._held = self._read().joints
        still = self._actions.held(self._actions.goal(here))
        pose = self.robot.spec.reset_pose
        for target in () if pose is None else ramp(here, pose, step):
            if self._move(target).stop:
                return
        waiting: Phase = "ready" if ask else "reset"
        if ask:
            ask()
        while self.rate.paced and (ask or time.monotonic() < ready):
            sample = self._move(still if pose is None else pose, waiting)
            if sample.stop or sample.ready:
                return

    def _move(self, target: F32, phase: Phase = "reset") -> TeleopSample:
        """One control period of the reset; returns what the operator asks for."""
        while _pauses(sample := self._apply_stops(self.teleop.idle())):
            self.phase = "paused"
            self.robot.command(self._held)
            self.rate.wait()
        self.phase = phase
        if not sample.stop:
            self._held = self.robot.command(target)
            self.rate.wait()
            if self.rate.paced:
                self._read()  # for whoever looks on
        return sample

    def _apply_stops(self, sample: TeleopSample) -> TeleopSample:
        """``sample``, with a stop if one was ever asked for; an emergency acts at once."""
        if sample.emergency_stop and not self._asked.emergency_stop:
            self.robot.halt("emergency stop")
        emergency = sample.emergency_stop or self._asked.emergency_stop
        stop = sample.stop or emergency or self._asked.stop
        self._asked = replace(self._asked, stop=stop, emergency_stop=emergency)
        if not (stop or self.stop()):
            return sample
        return replace(sample, stop=True, emergency_stop=emergency)
