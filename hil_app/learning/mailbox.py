"""How weights reach the acting policy: one slot, the latest wins, nobody waits."""

from __future__ import annotations

from typing import NamedTuple

from hil_app.learning.weights import Weights


class Parcel(NamedTuple):
    """One version of the weights; nobody changes it once it is published."""

    version: int
    weights: Weights


class Mailbox:
    """One slot that a learner fills and a policy looks into; both are a single reference."""

    def __init__(self) -> None:
        self._parcel: Parcel | None = None

    def publish(self, version: int, weights: Weights) -> None:
        """Replace what lies in the slot; ``weights`` must be copies of the learner's own."""
        self._parcel = Parcel(version, weights)

    def newer_than(self, version: int) -> Parcel | None:
        """What lies in the slot if it is newer than ``version``."""
        parcel = self._parcel
        return parcel if parcel is not None and parcel.version > version else None
