"""When the policy asks the operator to take over."""

from __future__ import annotations

from pydantic import Field

from configs.base import Config


class HelpConfig(Config):
    """When the policy asks the operator to take over, by what its critics make of its actions.

    The live view shows both figures as they change: watch them in good and in bad moments, then
    set one threshold between, or both.
    """

    min_value: float | None = None
    """Ask when the critics' mean value of what the policy wants to do is below this; null for not
    by value. In units of reward: with a reward of 1 at success, it is about
    algorithm.discount ** (ticks to success)."""
    max_disagreement: float | None = Field(None, ge=0)
    """Ask when the critics' standard deviation is above this, in the same units; null for not by
    that."""
    ticks: int = Field(10, ge=1)
    """For how long in a row it must be so before the policy asks, and must not be so before it no
    longer does [ticks]."""
    again_after: int = Field(50, ge=1)
    """How long it does not ask again after it has asked, or after an intervention [ticks]."""
    after_updates: int = Field(1000, ge=0)
    """Updates before it asks at all: new critics know nothing."""
