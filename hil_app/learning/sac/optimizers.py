"""Optimisers: one step of several on their own losses, and their state as tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import unwrap
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from hil_app.learning.fast import foreach
from hil_app.learning.networks.weights import copy_into
from hil_app.support.caches import for_torch


class _Adam(Adam):
    """Adam that loads no compiler: torch loads all of it to say that this one method has none."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        unwrap(Adam.add_param_group)(self, param_group)


def adam(parameters: Iterable[nn.Parameter], lr: float) -> Adam:
    """Fused Adam (Kingma and Ba 2015) whose moments exist before its first step.

    On a GPU its learning rate is a tensor and its steps can be captured in a graph.
    """
    for_torch()
    owned = list(parameters)
    device = owned[0].device
    on_gpu = device.type == "cuda"
    rate = torch.tensor(lr, device=device) if on_gpu else lr
    optimizer = _Adam(owned, rate, fused=True, capturable=on_gpu)
    step = torch.zeros((), device=device)
    for parameter in owned:
        optimizer.state[parameter] = {
            "step": step,
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


class Gradients(NamedTuple):
    """The losses of n optimisers and their gradients, as functions of tensors alone."""

    losses: dict[str, Tensor]  # a scalar each
    gradients: dict[str, list[Tensor]]  # one a parameter
    norms: Tensor  # (n,) of the gradients


class StepOutcome(NamedTuple):
    """What a step of n optimisers came to; all of it stays on the device."""

    losses: Tensor  # (n,)
    norms: Tensor  # (n,) of the gradients before clipping
    skipped: Tensor  # 1.0 if no optimiser moved, else 0.0


def gradients_of(
    losses: dict[str, Tensor], parameters: Mapping[str, Sequence[Tensor]]
) -> Gradients:
    """Differentiate each loss by the parameters under its name, and by no others.

    One backward pass serves them all, so no loss may depend on the parameters of another.
    """
    owned = [parameter for name in losses for parameter in parameters[name]]
    in_turn = iter(torch.autograd.grad(list(losses.values()), owned))
    gradients = {name: list(islice(in_turn, len(parameters[name]))) for name in losses}
    norms = [foreach.norm(group) for group in gradients.values()]
    return Gradients({k: v.detach() for k, v in losses.items()}, gradients, torch.stack(norms))


def optimizer_step(
    optimizers: Mapping[str, Optimizer],
    found: Gradients,
    inputs: Tensor,
    grad_clip_norm: float | None,
    blocked: Tensor | None = None,
) -> StepOutcome:
    """Step every optimiser that has a loss, or none if anything is not finite.

    `inputs` (k,) are numbers that have to be finite besides losses and gradients; `blocked`, a
    scalar, skips the step where it is 1.
    """
    losses = torch.stack(list(found.losses.values()))
    skipped = 1 - torch.cat((losses, found.norms, inputs)).isfinite().all().float()
    if blocked is not None:
        skipped = torch.maximum(skipped, blocked)
    scales = ((found.norms + 1e-6) / (grad_clip_norm or math.inf)).clamp(min=1)
    for (name, gradients), scale in zip(found.gradients.items(), scales, strict=True):
        _step(optimizers[name], gradients, scale, skipped)
    return StepOutcome(losses, found.norms, skipped)


@torch.no_grad()
def _step(optimizer: Optimizer, gradients: list[Tensor], scale: Tensor, skipped: Tensor) -> None:
    """Adam on gradient / scale, unless skipped: the operation decides that without the host."""
    (group,) = optimizer.param_groups
    parameters = group["params"]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    states = [optimizer.state[parameter] for parameter in parameters]
    steps = states[0]["step"]  # all have this one
    steps += 1 - skipped
    foreach.adam(
        parameters,
        gradients,
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        steps,
        lr=group["lr"],
        betas=group["betas"],
        eps=group["eps"],
        scale=scale,
        skipped=skipped,
    )


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
