"""What a critic's last layer says: a value, or how likely it lies in each of some bins."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from configs.learning.networks import CriticNetworkConfig

SPREAD = 0.75  # of a target over the bins, as a share of a bin's width
RAREST = -8.0  # of the logits that a value of 0 begins with, so that others can be learned


class ValueForm(Protocol):
    """How `outputs` numbers are read as a value, and what they are to learn of a target."""

    outputs: int

    def begin(self, last: nn.Linear) -> None:
        """Have a last layer of n * `outputs` numbers begin with values of about 0."""

    def value(self, given: Tensor) -> Tensor:
        """Values (...) of what a last layer gives (..., outputs) [reward]."""

    def error(self, given: Tensor, target: Tensor) -> Tensor:
        """The loss (...) of what it gives (..., outputs), where the values should be (...)."""


class PlainValue(nn.Module):
    """The value itself, by squared errors."""

    outputs = 1

    def begin(self, last: nn.Linear) -> None:
        """They are near it as they are drawn."""

    def value(self, given: Tensor) -> Tensor:
        """See :class:`ValueForm`."""
        return given.squeeze(-1)

    def error(self, given: Tensor, target: Tensor) -> Tensor:
        """See :class:`ValueForm`."""
        return (given.squeeze(-1) - target).square()


class BinnedValue(nn.Module):
    """The logits of equal bins from `low` to `high`; the value is the mean of their middles.

    A target is a Gaussian of `SPREAD` bins, and the loss its cross-entropy (HL-Gauss: Imani and
    White 2018; Farebrother et al. 2024, "Stop regressing"). The loss is in units of the squared
    error, by which it grows where two such Gaussians part: what is weighed against it keeps its
    weight.
    """

    middles: Tensor  # (outputs,) [reward]
    edges: Tensor  # (outputs + 1,), in spreads, of a root of 2, from the lowest

    def __init__(self, low: float, high: float, bins: int) -> None:
        super().__init__()
        self.outputs, self._low, self._high = bins, low, high
        width = (high - low) / bins
        self._scale = SPREAD * width * math.sqrt(2)
        self._unit = 2 * (SPREAD**2 + 1 / 12) * width**2  # twice the variance, a bin's own included
        places = torch.arange(bins + 1) * width
        self.register_buffer("middles", low + (places[:-1] + width / 2), persistent=False)
        self.register_buffer("edges", places / self._scale, persistent=False)

    @torch.no_grad()
    def begin(self, last: nn.Linear) -> None:
        """Lay its biases around 0: a sparse reward's values come down slowly from the middle."""
        around = self.likely(torch.zeros(())).log().clamp(min=RAREST)
        last.bias.add_(around.repeat(last.out_features // self.outputs))

    def value(self, given: Tensor) -> Tensor:
        """See :class:`ValueForm`."""
        return given.softmax(dim=-1) @ self.middles

    def error(self, given: Tensor, target: Tensor) -> Tensor:
        """See :class:`ValueForm`."""
        likely = self.likely(target)
        return -self._unit * (likely * F.log_softmax(given, dim=-1)).sum(dim=-1)

    def likely(self, target: Tensor) -> Tensor:
        """How likely each bin (..., outputs) is to be for targets (...) [reward]."""
        place = (target.clamp(self._low, self._high) - self._low) / self._scale
        below = torch.erf(self.edges - place.unsqueeze(-1))  # (..., outputs + 1)
        return below.diff(dim=-1) / (below[..., -1:] - below[..., :1])


def value_form(config: CriticNetworkConfig) -> PlainValue | BinnedValue:
    """The form that the values of such a critic have."""
    if config.bins is None or config.bin_range is None:
        return PlainValue()
    return BinnedValue(*config.bin_range, config.bins)
