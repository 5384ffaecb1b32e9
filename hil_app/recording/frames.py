"""What is recorded and learned from."""

from __future__ import annotations

from dataclasses import dataclass

from processors.base import Observation, Transition
from robots.base import F32, Reading


@dataclass(frozen=True, slots=True)
class Frame:
    """One tick: what the agent saw, what was executed, and what followed.

    The readings hold all that the robot sensed, whatever of it the policy sees, but for the images
    as its cameras gave them: those in ``state`` are cropped and resized.
    """

    tick: int  # 1 is an episode's first
    observation: Observation  # what the policy saw
    action: F32  # (4,), with a wrist (6,), executed
    policy_action: F32  # what the policy wanted
    sent: F32  # (n,) joint target that the robot really got [deg], gripper [%]; (0,) if unknown
    next_observation: Observation
    reading: Reading  # what the robot sensed, with ``state``; its joints are (0,) if unknown
    next_reading: Reading  # the same of ``next_state``
    reward: float
    discrete_penalty: float
    success: bool
    terminated: bool
    truncated: bool
    is_intervention: bool
    rerecord: bool  # the operator asked to throw the episode away
    weights_version: int
    after_pause: bool = False  # the episode stood still just before: the world may have changed
    seed: int | None = None  # that the episode's scene was made from

    @classmethod
    def of(cls, transition: Transition, seed: int | None = None) -> Frame:
        """The frame of a finished tick, in an episode of this ``seed``."""
        command = transition.command
        return cls(
            tick=command.tick,
            observation=command.observation,
            action=command.action,
            policy_action=command.policy_action,
            sent=transition.sent,
            next_observation=transition.observation,
            reading=command.reading.without_images(),
            next_reading=transition.reading.without_images(),
            reward=transition.reward,
            discrete_penalty=transition.discrete_penalty,
            success=transition.success,
            terminated=transition.terminated,
            truncated=transition.truncated,
            is_intervention=command.sample.intervening,
            rerecord=command.sample.rerecord,
            weights_version=command.weights_version,
            after_pause=command.after_pause,
            seed=seed,
        )

    @property
    def done(self) -> bool:
        """Whether the episode ends here."""
        return self.terminated or self.truncated
