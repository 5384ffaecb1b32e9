"""Copies of weights, out of a network and back into one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Weights = Mapping[str, Mapping[str, Tensor]]
"""Group ("policy", "discrete_critic") -> parameter name -> CPU tensor."""


def cpu_copy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy every tensor to the CPU, sharing nothing with the original."""
    return {key: tensor.detach().to("cpu", copy=True) for key, tensor in tensors.items()}


@torch.no_grad()
def copy_into(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Overwrite the target's tensors in place, all of them or, on an error, none.

    Raises:
        KeyError: the two have different names.
        ValueError: a shape differs.
    """
    if target.keys() != source.keys():
        raise KeyError(f"the names differ in {sorted(target.keys() ^ source.keys())}")
    for key, tensor in target.items():
        if tensor.shape != source[key].shape:
            raise ValueError(
                f"{key} has shape {tuple(tensor.shape)}, not {tuple(source[key].shape)}"
            )
    if target:
        torch._foreach_copy_(list(target.values()), [source[key] for key in target])
