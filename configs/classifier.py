"""How success is recognised in what the robot senses, by a classifier that was trained on it."""

from __future__ import annotations

from pydantic import Field

from configs.base import Config
from configs.text.paths import UserPath


class SuccessClassifierConfig(Config):
    """Success as a trained classifier sees it; the operator's verdict goes before it.

    In a simulated world it takes the place of the world's own verdict, so that the policy learns
    from the classifier alone. Success in evaluations still comes from the world.
    """

    checkpoint: UserPath
    """The folder that `hil-app train-classifier` wrote."""
    threshold: float | None = Field(None, gt=0, lt=1)
    """The least probability of success that counts as positive; null is what its training chose."""
    ticks: int = Field(2, ge=1)
    """How many ticks in a row must be positive to be a success."""


class LearningConfig(Config):
    """How `hil-app train-classifier` teaches a classifier."""

    steps: int = Field(600, ge=1)
    """Steps of gradient descent."""
    batch_size: int = Field(64, ge=2, le=10_000)
    """Frames a step."""
    learning_rate: float = Field(1e-3, gt=0)
    """Of Adam; it falls to 0 along half a cosine."""
    random_shift: float = Field(0.125, ge=0, lt=1)
    """How far an image is moved at random, as a share of its side."""
    brightness: float = Field(0.1, ge=0, lt=1)
    """How much brighter or darker it gets at random, as a share of full brightness."""
    contrast: float = Field(0.1, ge=0, lt=1)
    """How much its contrast is changed at random, as a share."""
    held_out: float = Field(0.2, gt=0, lt=1)
    """Share of the episodes that are held out to evaluate the result."""
    seed: int = Field(0, ge=0)
    """Of the weights, the batches and which episodes are held out."""
