"""What `foreach` does, in public calls of torch and as it reads in a book."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """See `foreach.norm`."""
    whole: Tensor = torch.linalg.vector_norm(torch.cat([tensor.flatten() for tensor in tensors]))
    return whole


def largest_entries(tensors: Sequence[Tensor]) -> Tensor:
    """See `foreach.largest_entries`."""
    return torch.stack([tensor.abs().amax() for tensor in tensors])


@torch.no_grad()
def copy(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    """See `foreach.copy`."""
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)


@torch.no_grad()
def interpolate(targets: Sequence[Tensor], ends: Sequence[Tensor], share: Tensor) -> None:
    """See `foreach.interpolate`."""
    for target, end in zip(targets, ends, strict=True):
        target.lerp_(end, share)


@torch.no_grad()
def adam(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    step: Tensor,
    *,
    lr: float | Tensor,
    betas: tuple[float, float],
    eps: float,
    scale: Tensor,
    skipped: Tensor,
) -> None:
    """See `foreach.adam`; this one reads `skipped` and `step` from the device."""
    if skipped.item():
        return
    beta1, beta2 = betas
    rate = float(lr) / (1 - beta1 ** step.item())
    correction = (1 - beta2 ** step.item()) ** 0.5
    for parameter, gradient, mean, square in zip(
        parameters, gradients, means, squares, strict=True
    ):
        scaled = gradient / scale
        mean.lerp_(scaled, 1 - beta1)
        square.mul_(beta2).addcmul_(scaled, scaled, value=1 - beta2)
        parameter.addcdiv_(mean, (square.sqrt() / correction).add_(eps), value=-rate)
