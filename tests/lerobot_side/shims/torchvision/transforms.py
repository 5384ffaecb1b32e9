"""The one transform that lerobot's datasets name, for pictures that are kept as pictures."""

from typing import Any

import numpy as np
import torch


class ToTensor:
    """PIL picture (H, W, 3) to float (3, H, W) in [0, 1]."""

    def __call__(self, picture: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
