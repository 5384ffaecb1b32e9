"""The values of one transition, as a replay buffer stores them, and where."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hil_app.learning.buffer.images import MAP_SUFFIX

Value: TypeAlias = "Tensor | NDArray[np.generic] | float | bool"
GROUPS = ("state", "next_state")  # an observation's values are named <group>.<key>
_CHANNELS = 4  # no camera has more


def stored(name: str, value: Value) -> NDArray[Any]:
    """What is stored of a value: images stay uint8, all else becomes float32.

    A dimension for a batch of one is taken away. Raises ValueError if it is neither, or an
    observation of another kind than (n,) or (C, H, W).
    """
    found = _array(name, value)
    if found.ndim in (2, 4) and len(found) == 1:
        found = found[0]
    if name.partition(".")[0] in GROUPS and not name.endswith(MAP_SUFFIX):
        _check_observation(name, found)
    if found.dtype == np.uint8 and found.ndim >= 3:
        return found
    return found.astype(np.float32, copy=False)


def number(name: str, value: Value) -> NDArray[Any]:
    """The one number of a value, which may be an array of it. ValueError if it has more."""
    found = _array(name, value)
    if found.size != 1:
        raise ValueError(f"{name} is one number for each transition, got shape {found.shape}")
    return found.reshape(()).astype(np.float32)


def flag(name: str, value: Value) -> NDArray[Any]:
    """The same, of what is true or false."""
    found = number(name, value)
    if found not in (0, 1):
        raise ValueError(f"{name} is true or false, 1 or 0, got {found}")
    return found


def usable(device: str | torch.device) -> torch.device:
    """The device, with its number. ValueError if torch cannot compute there."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        cause = str(error).partition("\n")[0]
        raise ValueError(f"cannot compute on {str(device)!r}: {cause}") from error


def _array(name: str, value: Value) -> NDArray[Any]:
    if isinstance(value, Tensor):
        own = value.detach().cpu()
        # numpy has no bfloat16
        found = (own.float() if own.dtype == torch.bfloat16 else own).numpy()
    else:
        found = np.asarray(value)
    if found.dtype.kind not in "buif":
        raise ValueError(f"{name} is {value!r:.40}, which is no number and no array of numbers")
    return found


def _check_observation(name: str, value: NDArray[Any]) -> None:
    if value.ndim not in (1, 3):
        raise ValueError(
            f"{name} has shape {value.shape}: an observation has numbers (n,) or an image "
            "(C, H, W), of one transition at a time"
        )
    if value.ndim == 1:
        return
    if value.dtype != np.uint8:
        raise ValueError(
            f"{name} is an image of {value.dtype}, shape {value.shape}: store images as "
            "uint8, a quarter of the memory; the encoder makes numbers of them"
        )
    if value.shape[0] > _CHANNELS >= value.shape[2]:
        raise ValueError(
            f"{name} is an image of shape {value.shape}, whose channels seem to be last: put them "
            "first, (C, H, W), as by np.moveaxis(image, -1, 0)"
        )
