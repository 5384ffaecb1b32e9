"""The networks: multilayer perceptron and a batched critic ensemble.

Every layer is drawn from an explicit generator, so building a network neither reads nor moves
torch's global random state.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class Dense(nn.Linear):
    """A linear layer drawn from U(-bound, bound); the bound is 1/sqrt(inputs) unless given."""

    def __init__(
        self, inputs: int, outputs: int, generator: torch.Generator, bound: float | None = None
    ) -> None:
        super().__init__(inputs, outputs)
        bound = inputs**-0.5 if bound is None else bound
        with torch.no_grad():
            self.weight.uniform_(-bound, bound, generator=generator)
            self.bias.uniform_(-bound, bound, generator=generator)

    def reset_parameters(self) -> None:
        """Do nothing: the constructor draws from its own generator."""


def mlp(
    inputs: int, hidden_dims: Sequence[int], *, layer_norm: bool, generator: torch.Generator
) -> nn.Sequential:
    """Hidden layers Linear -> LayerNorm (optional) -> SiLU: (B, inputs) -> (B, hidden_dims[-1])."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise((inputs, *hidden_dims)):
        layers.append(Dense(width_in, width_out, generator))
        if layer_norm:
            layers.append(nn.LayerNorm(width_out))
        layers.append(nn.SiLU())
    return nn.Sequential(*layers)


class EnsembleLayer(nn.Module):
    """E linear layers in one operation, with LayerNorm and SiLU unless it is an output layer."""

    def __init__(
        self, members: int, inputs: int, outputs: int, norm: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs))
        for parameter in (self.weight, self.bias):
            parameter.data.uniform_(-bound, bound, generator=generator)
        self.gain = nn.Parameter(torch.ones(members, 1, outputs)) if norm else None
        self.shift = nn.Parameter(torch.zeros(members, 1, outputs)) if norm else None

    def forward(self, x: Tensor, members: Tensor | None = None) -> Tensor:
        """(E, B, inputs) -> (E, B, outputs), by all members or by those at these indices."""
        x = torch.baddbmm(_pick(self.bias, members), x, _pick(self.weight, members))
        if self.gain is None or self.shift is None:
            return x
        normed = F.layer_norm(x, x.shape[-1:])
        return torch.addcmul(_pick(self.shift, members), normed, _pick(self.gain, members))


class CriticEnsemble(nn.Module):
    """E critics of [features, continuous action] -> Q, evaluated together.

    With few critics a batch of matrix products costs what a loop does, with ten it is far faster
    (REDQ, Chen et al. 2021; RLPD, Ball et al. 2023).
    """

    def __init__(
        self,
        num_critics: int,
        inputs: int,
        hidden_dims: Sequence[int],
        *,
        layer_norm: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.num_critics = num_critics
        self.hidden = nn.ModuleList(
            EnsembleLayer(num_critics, width_in, width_out, layer_norm, generator)
            for width_in, width_out in pairwise((inputs, *hidden_dims))
        )
        self.output = EnsembleLayer(num_critics, hidden_dims[-1], 1, False, generator)

    def forward(self, features: Tensor, action: Tensor, members: Tensor | None = None) -> Tensor:
        """Q (E, B) of features (B, F) and actions (B, c), or (k, B) of k members' indices (k,)."""
        x = torch.cat((features, action), dim=-1)
        x = x.expand(self.num_critics if members is None else len(members), -1, -1)
        for layer in self.hidden:
            x = F.silu(layer(x, members))
        q: Tensor = self.output(x, members)
        return q.squeeze(-1)


def _pick(parameter: Tensor, members: Tensor | None) -> Tensor:
    return parameter if members is None else parameter[members]
