"""The one transform that lerobot's datasets name, for images that are kept as images."""

from typing import Any

import numpy as np
import torch


class ToTensor:
    """PIL image (H, W, 3) to float (3, H, W) in [0, 1]."""

    def __call__(self, image: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
