"""The networks: multilayer perceptron and an ensemble of critics.

Every layer is drawn from an explicit generator, so building a network neither reads nor moves
torch's global random state.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from hil_app.learning.products import linear


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

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        return linear(x, self.weight, self.bias)

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
    """The parameters of E linear layers, each with a LayerNorm unless `norm` is off."""

    def __init__(
        self, members: int, inputs: int, outputs: int, norm: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(members, outputs))
        for parameter in (self.weight, self.bias):
            parameter.data.uniform_(-bound, bound, generator=generator)
        self.gain = nn.Parameter(torch.ones(members, outputs)) if norm else None
        self.shift = nn.Parameter(torch.zeros(members, outputs)) if norm else None

    def of(self, members: Tensor | None) -> list[LayerOf]:
        """The layer of every member, or of those at these indices (k,)."""
        parts = (self.weight, self.bias, self.gain, self.shift)
        chosen = [p if p is None or members is None else p[members] for p in parts]
        count = self.weight.shape[0] if members is None else len(members)
        split = [[None] * count if part is None else part.unbind() for part in chosen]
        return [LayerOf(*layer) for layer in zip(*split, strict=True)]


class LayerOf(NamedTuple):
    """One member's linear layer: weight (inputs, outputs), the rest (outputs,)."""

    weight: Tensor
    bias: Tensor
    gain: Tensor | None
    shift: Tensor | None

    def hidden(self, x: Tensor, kept: Tensor | None) -> Tensor:
        """Dropout, LayerNorm and SiLU of what the linear layer gave (B, outputs)."""
        if kept is not None:
            x = x * kept
        if self.gain is not None:
            x = F.layer_norm(x, self.gain.shape, self.gain, self.shift)
        return F.silu(x)


class CriticEnsemble(nn.Module):
    """E critics of [features, continuous action] -> Q (REDQ, Chen et al. 2021; RLPD, Ball 2023).

    Their parameters are kept together, so ten critics are as few tensors to an optimiser as two;
    their products are not, since one after the other they stay in the processor's cache.
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

    def layers(self) -> list[EnsembleLayer]:
        """The layers from the input to the output."""
        return [*(cast(EnsembleLayer, layer) for layer in self.hidden), self.output]

    def forward(
        self,
        features: Tensor,
        action: Tensor,
        members: Tensor | None = None,
        kept: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Q (E, B) of features (B, F) and actions (B, c), or (k, B) of k members' indices (k,).

        `kept` is what dropout leaves: a mask (E, B, width) a hidden layer, already scaled (DroQ,
        Hiraoka et al. 2022: before the LayerNorm); without it there is no dropout.
        """
        *layers, outputs = (layer.of(members) for layer in self.layers())
        masks = [mask.unbind() for mask in kept] if kept else [[None] * len(outputs)] * len(layers)
        members_q = [
            _critic(features, action, hidden, output, mask)
            for hidden, output, mask in zip(
                zip(*layers, strict=True), outputs, zip(*masks, strict=True), strict=True
            )
        ]
        return torch.stack(members_q)


def _critic(
    features: Tensor,
    action: Tensor,
    hidden: Sequence[LayerOf],
    output: LayerOf,
    masks: Sequence[Tensor | None],
) -> Tensor:
    """One member's Q (B,).

    The first weight is split, so a gradient wanted for the action alone costs only its few rows.
    """
    first, width = hidden[0], action.shape[1]
    of_features, of_action = torch.split(first.weight, [features.shape[1], width])
    x = torch.addmm(linear(features, of_features.t(), first.bias), action, of_action)
    x = first.hidden(x, masks[0])
    for layer, mask in zip(hidden[1:], masks[1:], strict=True):
        x = layer.hidden(linear(x, layer.weight.t(), layer.bias), mask)
    return torch.addmv(output.bias, x, output.weight.squeeze(1))
