"""Forward and backward through the losses, compiled where the machine can."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hil_app.learning.fast.compiled import compiled, problem_of
from hil_app.learning.sac.losses import Losses, StepNoise, Transitions
from hil_app.learning.sac.optimizers import Gradients, gradients_of
from hil_app.support.caches import renew_for_torch

CriticPass = Callable[
    [Transitions, StepNoise, Sequence[nn.Module]],
    tuple[Gradients, Tensor, Tensor],  # features (B, F) of the states, mean of the critics' values
]
ActorPass = Callable[
    [Transitions, Tensor, StepNoise],
    tuple[Gradients, Tensor],  # the policy's entropy [nat]
]


class Passes:
    """The gradients of the critics' losses, and of the actor's, by the parameters they train.

    ``critic`` and ``actor`` are functions of tensors alone: they draw nothing and change nothing.
    """

    critic: CriticPass
    actor: ActorPass

    def __init__(self, losses: Losses, device: torch.device) -> None:
        self.trained: dict[str, list[nn.Parameter]] = {}  # by the name of their loss
        self._losses, self._device = losses, device
        self._go_eager()

    def compile(self, rehearse: Callable[[], None]) -> str | None:
        """Compile both, which `rehearse` then calls.

        Returns why that failed, in a line, or None. They are as they were then.
        """
        problem = problem_of(lambda: self._compile(rehearse))
        if problem:  # what is on disk may be of no use
            renew_for_torch()
            problem = problem_of(lambda: self._compile(rehearse))
        if problem:
            self._go_eager()
        return problem

    def _compile(self, rehearse: Callable[[], None]) -> None:
        self.critic = compiled(self._critic, self._device)
        self.actor = compiled(self._actor, self._device)
        rehearse()

    def imitation(
        self, transitions: Transitions, features: Tensor, noise: StepNoise
    ) -> tuple[Gradients, Tensor]:
        """In the place of `actor` before the policy acts for the first time; never compiled."""
        losses, entropy = self._losses.imitation(transitions, features, noise)
        return gradients_of(losses, self.trained), entropy

    def _go_eager(self) -> None:
        self.critic, self.actor = self._critic, self._actor

    def _critic(
        self, transitions: Transitions, noise: StepNoise, targets: Sequence[nn.Module]
    ) -> tuple[Gradients, Tensor, Tensor]:
        losses, features, q_mean = self._losses.critic(transitions, noise, targets)
        return gradients_of(losses, self.trained), features, q_mean

    def _actor(
        self, transitions: Transitions, features: Tensor, noise: StepNoise
    ) -> tuple[Gradients, Tensor]:
        losses, entropy = self._losses.actor(transitions, features, noise)
        return gradients_of(losses, self.trained), entropy
