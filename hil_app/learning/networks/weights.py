"""Copies of weights, out of a network and back into one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hil_app.learning.fast import foreach

Weights = Mapping[str, Mapping[str, Tensor]]
"""Group ("policy", "discrete_critic") -> parameter name -> CPU tensor."""


def cpu_copy(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy every tensor to the CPU, sharing nothing with the original."""
    return {key: tensor.detach().to("cpu", copy=True) for key, tensor in tensors.items()}


def check_finite(tensors: Mapping[str, Tensor], source: object) -> None:
    """Raise ValueError, naming tensor and `source`, if an entry is not finite in float32."""
    floats = {
        name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()
    }
    if not floats:
        return
    # a sum is finite only if all of its terms are, and it is the fastest thing to ask for
    if torch.stack([tensor.sum() for tensor in floats.values()]).isfinite().all():
        return
    for name, tensor in floats.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{source}: {name} has numbers that are not finite")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. ValueError that names it if it is none, or not finite."""
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file ({error})") from error
    check_finite(tensors, path)
    return tensors


def check_fit(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Raise KeyError if the two have different names, ValueError if a shape or a kind differs.

    One number may have any shape of one.
    """
    if target.keys() != source.keys():
        raise KeyError(f"the names differ in {sorted(target.keys() ^ source.keys())}")
    for key, tensor in target.items():
        if tensor.shape != source[key].shape and not tensor.numel() == 1 == source[key].numel():
            raise ValueError(
                f"{key} has shape {tuple(tensor.shape)}, not {tuple(source[key].shape)}"
            )
    check_kinds(target, source)


def check_kinds(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Raise ValueError if one has whole numbers where the other, of that name, has real ones."""
    for key in sorted(target.keys() & source.keys()):
        wanted, found = target[key].dtype, source[key].dtype
        if wanted.is_floating_point != found.is_floating_point:
            raise ValueError(f"{key} is {found}, not {wanted}")


def copy_into(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Overwrite the target's tensors in place, all of them or, as `check_fit` raises, none."""
    check_fit(target, source)
    if target:
        values = [source[key].reshape(tensor.shape) for key, tensor in target.items()]
        foreach.copy(list(target.values()), values)
