"""What happens to images on their way from a replay buffer into a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.learning.photometric import PhotometricConfig

GREY = 128  # the middle, about which contrast changes
BITS = 5  # behind the point of a factor; 16 then hold every product that the config allows


@dataclass(frozen=True)
class Augmentation:
    """Moves each uint8 image of a batch at random, and lights it at random.

    Every image is drawn for by itself: a row's state and next state differ, as in DrQ (Kostrikov et
    al. 2020), and so do its cameras.
    """

    pad: int | Mapping[str, int] = 0
    """How far images are moved, at most [px]: all of them, or by key."""
    photometric: PhotometricConfig | None = None
    """How differently they are lit; None leaves them as they are."""

    def pad_of(self, key: str) -> int:
        """How far the images at ``key`` are moved, at most [px]."""
        return self.pad if isinstance(self.pad, int) else self.pad.get(key, 0)

    def shifts(
        self, key: str, count: int, generator: torch.Generator | None
    ) -> list[list[int]] | None:
        """How far each of ``count`` images at ``key`` is moved (dy, dx) [px]; None for not."""
        pad = self.pad_of(key)
        if not pad:
            return None
        drawn = torch.randint(2 * pad + 1, (count, 2), generator=generator, device=_home(generator))
        shifts: list[list[int]] = (drawn - pad).tolist()
        return shifts

    def relight(self, images: Tensor, generator: torch.Generator | None) -> None:
        """Light uint8 images (B, C, H, W), which lie in memory as (B, H, W, C), in place."""
        if self.photometric is not None:
            count, channels, _, _ = images.shape
            relight(images, *drawn_light(self.photometric, count, channels, generator))


def drawn_light(
    how: PhotometricConfig, count: int, channels: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Gain and offset (count, channels): a level x becomes gain (x - GREY) + GREY + offset.

    Contrast changes first, then brightness and colour, as if the lamp were another.
    """
    shape = (count, channels + 2)
    drawn = torch.rand(shape, generator=generator, device=_home(generator)).cpu() * 2 - 1
    brightness = (1 + how.brightness) ** drawn[:, :1]
    contrast = (1 + how.contrast) ** drawn[:, 1:2]
    light = brightness * (1 + how.colour) ** drawn[:, 2:]
    return light * contrast, GREY * (light - 1)


def relight(images: Tensor, gain: Tensor, offset: Tensor) -> None:
    """Give uint8 images (B, C, H, W), in memory (B, H, W, C), these gains and offsets (B, C).

    In place and in whole numbers of 16 bits, within 3 levels of what floats come to. What gets too
    dark or too bright stays at the end of the range.
    """
    count, channels, height, width = images.shape
    levels = images.permute(0, 2, 3, 1).view(count, height, width * channels)
    factor, base = (
        (values * 2**BITS).round_().to(torch.int16).repeat(1, width).unsqueeze(1)
        for values in (gain, offset)
    )
    found = levels.to(torch.int16).sub_(GREY).mul_(factor).add_(base)
    levels.copy_(found.bitwise_right_shift_(BITS).add_(GREY).clamp_(0, 255))


def _home(generator: torch.Generator | None) -> torch.device:
    return torch.device("cpu") if generator is None else generator.device
