"""Optimisers: one step of several on their own losses, and their state as tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from hil_app.learning.weights import copy_into


def adam(parameters: Iterable[nn.Parameter], lr: float) -> Adam:
    """Fused Adam (Kingma and Ba 2015) whose moments exist before its first step.

    On a GPU its learning rate is a tensor and its steps can be captured in a graph.
    """
    owned = list(parameters)
    device = owned[0].device
    on_gpu = device.type == "cuda"
    rate = torch.tensor(lr, device=device) if on_gpu else lr
    optimizer = Adam(owned, rate, fused=True, capturable=on_gpu)
    for parameter in owned:
        optimizer.state[parameter] = {
            "step": torch.zeros((), device=device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimizer


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Change the learning rate, in place where it is a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


class Outcome(NamedTuple):
    """What a step of n optimisers came to; all of it stays on the device."""

    losses: Tensor  # (n,)
    norms: Tensor  # (n,) of the gradients before clipping
    skipped: Tensor  # 1.0 if no optimiser moved, else 0.0


def descend(
    optimizers: Mapping[str, Optimizer],
    losses: Mapping[str, Tensor],
    inputs: Tensor,
    grad_clip_norm: float | None,
    blocked: Tensor | None = None,
) -> Outcome:
    """Step every optimiser named in losses on its own loss, or none if anything is not finite.

    `inputs` (k,) are numbers that have to be finite besides losses and gradients; `blocked`, a
    scalar, skips the step where it is 1. Gradients are asked for by parameter, so a loss moves
    nothing but its optimiser's own.
    """
    groups = {name: list(_parameters(optimizers[name])) for name in losses}
    owned = [parameter for group in groups.values() for parameter in group]
    gradients = torch.autograd.grad(list(losses.values()), owned)
    for parameter, gradient in zip(owned, gradients, strict=True):
        parameter.grad = gradient
    in_turn = iter(torch._foreach_norm(gradients))  # one a parameter
    sizes = [torch.stack(list(islice(in_turn, len(group)))).norm() for group in groups.values()]
    norms, values = torch.stack(sizes), torch.stack(list(losses.values())).detach()
    skipped = 1 - torch.cat((values, norms, inputs)).isfinite().all().float()
    if blocked is not None:
        skipped = torch.maximum(skipped, blocked)
    scales = ((norms + 1e-6) / (grad_clip_norm or math.inf)).clamp(min=1)
    for name, scale in zip(losses, scales, strict=True):
        _step(optimizers[name], scale, skipped)
    return Outcome(values, norms, skipped)


def _step(optimizer: Optimizer, scale: Tensor, skipped: Tensor) -> None:
    """Step on the gradient / scale, unless skipped: fused Adam decides it without the host."""
    optimizer.grad_scale, optimizer.found_inf = scale, skipped  # type: ignore[attr-defined]
    optimizer.step()


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
