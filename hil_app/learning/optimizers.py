"""Optimisers whose state can be written down as tensors, and read back in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from hil_app.learning.weights import copy_into


def adam(parameters: Iterable[nn.Parameter], lr: float) -> Adam:
    """Fused Adam (Kingma and Ba 2015) whose moments exist before its first step."""
    optimizer = Adam(parameters, lr, fused=True)
    for parameter in optimizer.param_groups[0]["params"]:
        optimizer.state[parameter] = {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimizer


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The live state, `<parameter's index>.<name>`, such as `0.exp_avg`."""
    return {
        f"{index}.{name}": value
        for index, parameter in enumerate(_parameters(optimizer))
        for name, value in optimizer.state[parameter].items()
    }


def load_optimizer_tensors(optimizer: Optimizer, state: Mapping[str, Tensor]) -> None:
    """Copy what `optimizer_tensors` returned, in place where there is a state already.

    Raises:
        KeyError: the names are not those of this optimiser's state.
        ValueError: a shape differs.
    """
    for index, parameter in enumerate(_parameters(optimizer)):
        if not optimizer.state[parameter]:
            prefix = f"{index}."
            own = {key.removeprefix(prefix): value for key, value in state.items()
                   if key.startswith(prefix)}  # fmt: skip
            optimizer.state[parameter] = {key: torch.empty_like(v) for key, v in own.items()}
    copy_into(optimizer_tensors(optimizer), state)


def _parameters(optimizer: Optimizer) -> Iterator[nn.Parameter]:
    for group in optimizer.param_groups:
        yield from group["params"]
