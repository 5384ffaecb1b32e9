"""The tanh-squashed Gaussian in closed form (Haarnoja et al. 2018, appendix C)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_LOG_2 = math.log(2)


def log_prob(noise: Tensor, log_std: Tensor, raw: Tensor) -> Tensor:
    """Log density (...,) [nat] of tanh(raw), raw = mean + exp(log_std) * noise, each (..., c).

    log(1 - tanh(u)^2) is written as 2 (log 2 - u - softplus(-2u)), which stays finite where
    tanh(u) rounds to 1.
    """
    gaussian = -0.5 * noise.square() - log_std - _HALF_LOG_2PI
    squash = 2 * (_LOG_2 - raw - F.softplus(-2 * raw))
    return (gaussian - squash).sum(dim=-1)


def gaussian(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """The same of a Gaussian that is not squashed: actions of any size."""
    density = -0.5 * noise.square() - log_std - _HALF_LOG_2PI
    return mean + log_std.exp() * noise, density.sum(dim=-1)


def squash(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Actions (..., c) in (-1, 1) of standard normal noise, and their log density (...,) [nat]."""
    raw = mean + log_std.exp() * noise
    return raw.tanh(), log_prob(noise, log_std, raw)


def sample(mean: Tensor, log_std: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Reparameterised actions (..., c) and their log density (...,) [nat]; see `squash`."""
    return squash(mean, log_std, torch.empty_like(mean).normal_(generator=generator))
