"""How success is told from what the robot senses, by a classifier that was trained on it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from configs.base import Config


class SuccessClassifierConfig(Config):
    """Success as a trained classifier sees it; the person's verdict goes before it.

    In a simulated world it takes the place of the world's own verdict, so that the policy learns
    from the classifier alone. Evaluations there are still judged by the world.
    """

    checkpoint: Path
    """The folder that `hil-app train-classifier` wrote."""
    threshold: float | None = Field(None, gt=0, lt=1)
    """The least probability of success that counts as positive; null is what its training chose."""
    ticks: int = Field(2, ge=1)
    """How many ticks in a row must be positive to be a success."""
