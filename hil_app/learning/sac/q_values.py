"""What the critics make of what the policy wants to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from hil_app.learning.experience import Experience
from hil_app.learning.trainer import RLTrainer


@dataclass(frozen=True, slots=True)
class QValues:
    """What the critics made of a tick, whoever acted in it."""

    frame: Experience  # the tick
    value: float  # of what the policy wanted, mean of the critics [reward]
    disagreement: float  # their standard deviation [reward]; 0 if there is one
    updates: int  # that the critics had had


QValuesOf = Callable[[Experience, int], QValues]  # called with the updates so far


def q_values_of(trainer: RLTrainer) -> QValuesOf:
    """The critics of the ``trainer``'s algorithm as they are at each call; its thread must call."""
    policy, normalizer = trainer.algorithm.policy, trainer.normalizer

    def q_values(frame: Experience, updates: int) -> QValues:
        observation, device = policy.observation(frame.observation), policy.device
        state = {key: value.unsqueeze(0).to(device) for key, value in observation.items()}
        action = torch.tensor(frame.policy_action, device=device).unsqueeze(0)
        normalized, policy_action = normalizer.observation(state), normalizer.action(action)
        std, mean = torch.std_mean(
            trainer.algorithm.q_values(normalized, policy_action), correction=0
        )
        return QValues(frame, mean.item(), std.item(), updates)

    return q_values
