"""The networks: multilayer perceptron and an ensemble of critics.

Given a generator every layer is drawn from it, and building a network neither reads nor moves
torch's global random state.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from hil_app.learning.fast.products import linear
from hil_app.learning.networks.values import BinnedValue, PlainValue


class Dense(nn.Linear):
    """A linear layer drawn from U(-bound, bound); the bound is 1/sqrt(inputs) unless given."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        generator: torch.Generator | None = None,
        bound: float | None = None,
    ) -> None:
        super().__init__(inputs, outputs)
        bound = inputs**-0.5 if bound is None else bound
        with torch.no_grad():
            self.weight.uniform_(-bound, bound, generator=generator)
            self.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) of any kind of numbers -> (..., outputs)."""
        return linear(x.to(self.weight.dtype), self.weight, self.bias)

    def reset_parameters(self) -> None:
        """Do nothing: the constructor draws from its own generator."""


class Tanh(nn.Module):
    """tanh(x) as 2 sigmoid(2x) - 1: within 2e-7 of torch's, in a quarter of its time."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return (2 * x).sigmoid() * 2 - 1


class MLP(nn.Sequential):
    """Layers Linear -> Dropout -> LayerNorm -> activation: (B, input_dim) -> (B, hidden_dims[-1]).

        trunk = MLP(10, [256, 256], activate_final=True)

    Args:
        input_dim: Width of what comes in.
        hidden_dims: Width of each layer.
        activations: Their activation: a module, or the name of one of torch.nn's.
        activate_final: Whether the last layer has what follows the Linear, too.
        dropout_rate: Share of what a Linear gives that is left out in training; None for none.
        final_activation: The last layer's activation, if it is another.
        layer_norm: Whether there is a LayerNorm.
        generator: What the layers are drawn from; torch's own generator without one.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dims: Sequence[int],
        activations: nn.Module | str = "SiLU",
        activate_final: bool = False,
        dropout_rate: float | None = None,
        final_activation: nn.Module | str | None = None,
        *,
        layer_norm: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        last = len(hidden_dims) - 1
        for index, (width_in, width_out) in enumerate(pairwise((input_dim, *hidden_dims))):
            layers.append(Dense(width_in, width_out, generator))
            if index == last and not activate_final:
                break
            if dropout_rate:
                layers.append(nn.Dropout(dropout_rate))
            if layer_norm:
                layers.append(nn.LayerNorm(width_out))
            layers.append(activation((index == last and final_activation) or activations))
        super().__init__(*layers)

    @property
    def net(self) -> nn.Sequential:
        """The layers."""
        return self


def activation(kind: nn.Module | str) -> nn.Module:
    """An activation by the name that torch.nn has it by; one that is a module stays as it is."""
    found: nn.Module = kind if isinstance(kind, nn.Module) else getattr(nn, kind)()
    return found


class Critic(nn.Module):
    """[features, continuous action] -> Q, by hidden layers as an :class:`MLP` has them.

    The first layer's weight is in two parts, so that a gradient wanted for the action alone, as
    in the actor's loss, does not cost the features' share.
    """

    def __init__(
        self,
        features: int,
        actions: int,
        hidden_dims: Sequence[int],
        *,
        layer_norm: bool,
        generator: torch.Generator,
        activate_final: bool = True,
        final_activation: str | None = None,
        form: PlainValue | BinnedValue | None = None,
    ) -> None:
        super().__init__()
        self.form = form or PlainValue()
        bound = (features + actions) ** -0.5
        self.first = Dense(features, hidden_dims[0], generator, bound)
        self.action = nn.Parameter(torch.empty(actions, hidden_dims[0]))
        self.action.data.uniform_(-bound, bound, generator=generator)
        self.deeper = nn.ModuleList(
            Dense(width_in, width_out, generator) for width_in, width_out in pairwise(hidden_dims)
        )
        activated = hidden_dims if activate_final else hidden_dims[:-1]
        self.norms = nn.ModuleList(
            nn.LayerNorm(width) if layer_norm else nn.Identity() for width in activated
        )
        self._final = None if final_activation is None else activation(final_activation)
        self.output = Dense(hidden_dims[-1], self.form.outputs, generator)
        self.form.begin(self.output)

    def forward(
        self, features: Tensor, action: Tensor, kept: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Q (B,) of features (B, F) and actions (B, c); `kept` (B, width) a hidden layer."""
        return self.form.value(self.given(features, action, kept))

    def given(
        self, features: Tensor, action: Tensor, kept: Sequence[Tensor] | None = None
    ) -> Tensor:
        """What the last layer gives (B, form.outputs) for the same."""
        x = torch.addmm(self.first(features), action, self.action)
        for index in range(len(self.deeper) + 1):
            if index:
                x = self.deeper[index - 1](x)
            if index < len(self.norms):
                x = self._activated(x, index, None if kept is None else kept[index])
        given: Tensor = self.output(x)
        return given

    def _activated(self, x: Tensor, index: int, kept: Tensor | None) -> Tensor:
        if kept is not None:
            x = x * kept
        x = self.norms[index](x)
        if self._final is not None and index == len(self.norms) - 1:
            final: Tensor = self._final(x)
            return final
        return F.silu(x)


class CriticEnsemble(nn.Module):
    """E critics of [features, continuous action] -> Q (REDQ, Chen et al. 2021; RLPD, Ball 2023).

    One is evaluated after the other: on a processor that costs no more than a batched product.
    The options are those of a :class:`Critic`.
    """

    def __init__(
        self,
        num_critics: int,
        features: int,
        actions: int,
        hidden_dims: Sequence[int],
        *,
        form: PlainValue | BinnedValue | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.form = form or PlainValue()
        self.critics = nn.ModuleList(
            Critic(features, actions, hidden_dims, form=self.form, **options)
            for _ in range(num_critics)
        )

    def forward(
        self, features: Tensor, action: Tensor, kept: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Q (E, B) of features (B, F) and actions (B, c); see :meth:`given`."""
        return self.form.value(self.given(features, action, kept))

    def given(
        self, features: Tensor, action: Tensor, kept: Sequence[Tensor] | None = None
    ) -> Tensor:
        """What their last layers give (E, B, form.outputs) for the same.

        `kept` is what dropout leaves: a mask (E, B, width) a hidden layer, already scaled (DroQ,
        Hiraoka et al. 2022: before the LayerNorm); without it there is no dropout.
        """
        critics = cast("Sequence[Critic]", self.critics)
        if kept is None:
            return torch.stack([critic.given(features, action) for critic in critics])
        masks = zip(*(mask.unbind() for mask in kept), strict=True)
        pairs = zip(critics, masks, strict=True)
        return torch.stack([critic.given(features, action, own) for critic, own in pairs])
