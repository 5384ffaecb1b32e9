"""How differently the images of a batch are lit and coloured."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from configs.base import Config

Share = Annotated[float, Field(ge=0, le=0.75)]  # within what the arithmetic of 16 bits holds


class PhotometricConfig(Config):
    """How differently the images of a batch are lit and coloured, each at random and by itself.

    Each value is the most that something grows by, or shrinks by the same factor: 0.5 is from 1/1.5
    to 1.5 times.
    """

    brightness: Share = 0.6
    """Of all that it shows."""
    contrast: Share = 0.5
    """Of its distance from a middle grey."""
    colour: Share = 0.6
    """Of red, green and blue, each by itself."""
