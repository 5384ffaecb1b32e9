"""What the critics make of what the policy wants to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from hil_app.learning.experience import Experience
from hil_app.learning.trainer import RLTrainer


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the critics made of a tick, whoever acted in it."""

    frame: Experience  # the tick
    value: float  # of what the policy wanted, mean of the critics [reward]
    disagreement: float  # their standard deviation [reward]; 0 if there is one
    updates: int  # that the critics had had


Judge = Callable[[Experience, int], Judgement]  # called with the updates so far


def judge_of(trainer: RLTrainer) -> Judge:
    """The critics of the ``trainer``'s algorithm as they are at each call; its thread must call."""
    policy, normalizer = trainer.algorithm.policy, trainer.normalizer

    def judge(frame: Experience, updates: int) -> Judgement:
        observation, device = policy.observation(frame.state), policy.device
        state = {key: value.unsqueeze(0).to(device) for key, value in observation.items()}
        action = torch.tensor(frame.policy_action, device=device).unsqueeze(0)
        seen, wanted = normalizer.observation(state), normalizer.action(action)
        std, mean = torch.std_mean(trainer.algorithm.judge(seen, wanted), correction=0)
        return Judgement(frame, mean.item(), std.item(), updates)

    return judge
