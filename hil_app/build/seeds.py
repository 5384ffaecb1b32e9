"""Seeds for all that is random in a run."""

from __future__ import annotations

import numpy as np

from configs.run import RunConfig


def seed_of(config: RunConfig, name: str, index: int = 0) -> int:
    """A seed of its own for each random source of a run."""
    words = [config.seed, index, *name.encode()]
    return int(np.random.SeedSequence(words).generate_state(1)[0])
