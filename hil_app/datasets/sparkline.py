"""A row of bars in a line of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60  # bars in a line, at most


def sparkline(values: Sequence[float], top: float, width: int = WIDTH) -> str:
    """A bar for each of the ``values`` from 0 to ``top``; means of several, where there are many.

    Nothing at all is a dot, so that it differs from a little.
    """
    shares = np.clip(np.asarray(values, float) / max(top, 1e-9), 0, 1)
    parts = np.array_split(shares, min(len(shares), width)) if len(shares) else []
    return "".join(_bar(float(part.mean())) for part in parts)


def _bar(share: float) -> str:
    if share <= 0:
        return "·"
    return BARS[min(int(share * len(BARS)), len(BARS) - 1)]
