"""One operation on a whole group of tensors: their Python time is what an update waits for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hil_app.learning.fast import plain

_norm = getattr(torch, "_foreach_norm", None)
_copy = getattr(torch, "_foreach_copy_", None)
_lerp = getattr(torch, "_foreach_lerp_", None)
_adam = getattr(torch, "_fused_adam_", None)


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm, a scalar, of all entries of all of them."""
    return plain.norm(tensors) if _norm is None else torch.stack(_norm(tensors)).norm()


def largest_entries(tensors: Sequence[Tensor]) -> Tensor:
    """The largest absolute entry (k,) of each of k tensors; not finite where an entry is not."""
    if _norm is None:
        return plain.largest_entries(tensors)
    return torch.stack(_norm(tensors, math.inf))


@torch.no_grad()
def copy(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    """Overwrite each target by its source of the same shape, in place."""
    if _copy is None:
        plain.copy(targets, sources)
    else:
        _copy(targets, sources)


@torch.no_grad()
def interpolate(targets: Sequence[Tensor], ends: Sequence[Tensor], share: Tensor) -> None:
    """Move each target by `share`, a scalar in [0, 1], of the way to its end, in place."""
    if _lerp is None:
        plain.interpolate(targets, ends, share)
    else:
        _lerp(targets, ends, [share] * len(targets))


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
    """One step of Adam (Kingma and Ba 2015) on gradient / scale, unless `skipped` is 1, in place.

    `means` and `squares` are the moments, `step` a scalar that counts this step already. The
    operation itself decides about `skipped`: nothing is read from the device.
    """
    if _adam is None:
        plain.adam(
            parameters, gradients, means, squares, step,
            lr=lr, betas=betas, eps=eps, scale=scale, skipped=skipped,
        )  # fmt: skip
        return
    beta1, beta2 = betas
    _adam(
        parameters, gradients, means, squares, [], [step] * len(parameters),
        lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=0.0,
        amsgrad=False, maximize=False, grad_scale=scale, found_inf=skipped,
    )  # fmt: skip
