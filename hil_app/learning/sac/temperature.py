"""The entropy coefficient alpha of SAC."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from configs.learning.algorithm import EntropyMode


class Temperature(nn.Module):
    """Alpha as a function of one parameter: its logarithm, or itself.

    Learned in log space alpha stays positive and moves by a factor a step (Haarnoja et al. 2018b);
    learned directly it moves by a difference and is kept at 0 or above. A fixed one has no
    gradient.
    """

    def __init__(self, mode: EntropyMode, initial: float, device: torch.device) -> None:
        super().__init__()
        self.mode = mode
        value = initial if mode == "direct" else math.log(initial)
        self.parameter = nn.Parameter(torch.tensor(value, device=device), mode != "fixed")

    @property
    def name(self) -> str:
        """What the parameter is: `alpha` or `log_alpha`."""
        return "alpha" if self.mode == "direct" else "log_alpha"

    @property
    def learned(self) -> bool:
        """Whether it has a loss and an optimiser."""
        return self.mode != "fixed"

    def forward(self) -> Tensor:
        """Alpha, a scalar."""
        return self.parameter if self.mode == "direct" else self.parameter.exp()

    @torch.no_grad()
    def keep_valid(self) -> None:
        """Bring alpha back to 0 where a step has taken it below."""
        if self.mode == "direct":
            self.parameter.clamp_(min=0)
