"""Copies of weights, out of a network and back into one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

Weights = Mapping[str, Mapping[str, Tensor]]
"""Group ("policy", "discrete_critic") -> parameter name -> CPU tensor."""


def cpu_copy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy every tensor to the CPU, sharing nothing with the original."""
    return {key: tensor.detach().to("cpu", copy=True) for key, tensor in tensors.items()}


def check_finite(tensors: Mapping[str, Tensor], source: object) -> None:
    """Raise ValueError, naming the tensor and its `source`, if an entry is not finite."""
    floats = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    if not floats:
        return
    # a sum is finite only if all of its terms are, and it is the fastest thing to ask for
    if torch.stack([tensor.sum() for tensor in floats.values()]).isfinite().all():
        return
    for name, tensor in floats.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{source}: {name} has numbers that are not finite")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. ValueError, naming both, if one is not finite."""
    tensors = load_file(path)
    check_finite(tensors, path)
    return tensors


def check_fit(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Raise KeyError if the two have different names, ValueError if a shape differs."""
    if target.keys() != source.keys():
        raise KeyError(f"the names differ in {sorted(target.keys() ^ source.keys())}")
    for key, tensor in target.items():
        if tensor.shape != source[key].shape:
            raise ValueError(
                f"{key} has shape {tuple(tensor.shape)}, not {tuple(source[key].shape)}"
            )


@torch.no_grad()
def copy_into(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Overwrite the target's tensors in place, all of them or, as `check_fit` raises, none."""
    check_fit(target, source)
    if target:
        torch._foreach_copy_(list(target.values()), [source[key] for key in target])
