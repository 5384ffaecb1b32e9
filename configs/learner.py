"""How frames become better weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from configs.base import Config


class LearnerConfig(Config):
    """How frames become better weights."""

    mode: Literal["background", "lockstep"] = "background"
    """background: learn as fast as the machine allows; lockstep: exactly updates_per_tick updates a
    tick while the loop waits, so that a seed gives the same run bit for bit (simulated worlds)."""
    updates_per_tick: int = Field(1, ge=1)
    """Updates a tick in lockstep."""
    batch_size: int = Field(256, ge=2)
    """Transitions a batch."""
    online_ratio: float = Field(0.5, ge=0, le=1)
    """Share of a batch that comes from the online buffer; the rest are demonstrations and
    interventions."""
    online_capacity: int = Field(100_000, ge=1)
    """Transitions the online buffer holds."""
    offline_capacity: int = Field(100_000, ge=1)
    """Transitions the offline buffer holds."""
    learning_starts: int = Field(100, ge=1)
    """Online transitions before the first update."""
    n_steps: int = Field(1, ge=1, le=50)
    """Rewards summed before the bootstrap (n-step return) [ticks]."""
    queue_size: int = Field(1024, ge=1)
    """Frames that may wait for the learner; more end the run safely."""
