"""How weights reach the acting policy: one slot, the latest wins, nobody waits."""

from __future__ import annotations

import time
from typing import NamedTuple

from hil_app.learning.networks.weights import Weights, check_finite


class Parcel(NamedTuple):
    """One version of the weights; nobody changes it once it is published."""

    version: int
    weights: Weights
    published: float = 0.0  # monotonic, of this computer [s]


class Mailbox:
    """One slot that a learner fills and a policy looks into; both are a single reference."""

    def __init__(self) -> None:
        self._parcel: Parcel | None = None

    @property
    def version(self) -> int:
        """The newest version that has been published; 0 before the first."""
        parcel = self._parcel
        return 0 if parcel is None else parcel.version

    def publish(self, version: int, weights: Weights) -> None:
        """Replace what lies in the slot; ``weights`` must be copies of the learner's own.

        Raises ValueError, and keeps what lies there, if one of them is not finite: whoever takes
        them may rely on it, and has no time to look.
        """
        for group, tensors in weights.items():
            check_finite(tensors, group)
        self._parcel = Parcel(version, weights, time.monotonic())

    def newer_than(self, version: int) -> Parcel | None:
        """What lies in the slot if it is newer than ``version``."""
        parcel = self._parcel
        return parcel if parcel is not None and parcel.version > version else None
