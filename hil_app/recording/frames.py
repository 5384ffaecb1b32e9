"""What is recorded and learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from processors.base import Features, Transition
from robots.base import F32


@dataclass(frozen=True, slots=True)
class Frame:
    """One tick: what the agent saw, what was executed, and what followed."""

    tick: int  # 1 is an episode's first
    state: Features  # what the policy saw
    action: F32  # (4,), with a wrist (6,), executed
    policy_action: F32  # what the policy wanted
    sent: F32  # (6,) joint target that the robot really got [deg], gripper [%]
    next_state: Features
    reward: float
    discrete_penalty: float
    success: bool
    terminated: bool
    truncated: bool
    is_intervention: bool
    rerecord: bool  # the person asked to throw the episode away
    weights_version: int
    stamp: float  # of the reading the action answers, monotonic within an episode [s]
    after_pause: bool = False  # the episode stood still just before: the world may have changed
    ages: Mapping[str, float] = field(default_factory=dict)  # of its pictures then, by camera [s]

    @classmethod
    def of(cls, transition: Transition) -> Frame:
        """The frame of a finished tick."""
        command = transition.command
        return cls(
            tick=command.tick,
            state=command.features,
            action=command.action,
            policy_action=command.policy_action,
            sent=transition.sent,
            next_state=transition.features,
            reward=transition.reward,
            discrete_penalty=transition.discrete_penalty,
            success=transition.success,
            terminated=transition.terminated,
            truncated=transition.truncated,
            is_intervention=command.sample.intervening,
            rerecord=command.sample.rerecord,
            weights_version=command.weights_version,
            stamp=command.reading.stamp,
            after_pause=command.after_pause,
            ages=command.reading.ages,
        )

    @property
    def done(self) -> bool:
        """Whether the episode ends here."""
        return self.terminated or self.truncated
