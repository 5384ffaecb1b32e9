"""Whether learning goes well: what is not finite is told once, and ends the run if it goes on."""

from __future__ import annotations

from configs.errors import HilAppError
from hil_app.events import UpdateSkipped, WeightsWithheld
from hil_app.learning.algorithm import RLAlgorithm
from hil_app.support.events import EventLog


class LearnerDied(HilAppError):
    """The learner can go on no longer; the message has the cause."""


class Health:
    """Looks at updates whose numbers are not finite; ``limit`` of them in a row are too many."""

    def __init__(self, events: EventLog, limit: int) -> None:
        self.told = False  # of an update that was skipped
        self._events, self._limit = events, limit
        self._withheld = 0  # times that weights or a snapshot were not handed out

    def withhold(self, cause: ValueError, updates: int) -> None:
        """Note that the policy and the checkpoints stay at the last good weights."""
        if not self._withheld:
            self._events.emit(WeightsWithheld(cause=str(cause), updates=updates))
        self._withheld += 1

    def figures(self) -> dict[str, float]:
        """What the metrics say of it, if there is something."""
        return {"weights_withheld": float(self._withheld)} if self._withheld else {}

    def check(self, algorithm: RLAlgorithm, skipped: float, unpublished: int) -> None:
        """Look at an update of an algorithm that has ``skipped`` so many.

        Raises :class:`LearnerDied` if too many in a row were skipped, or ``unpublished``.
        """
        if skipped and not self.told:
            self.told = True
            self._events.emit(UpdateSkipped(cause=algorithm.last_skip_cause or "not finite"))
        if unpublished >= self._limit:
            raise LearnerDied(
                f"the weights of {self._limit} updates in a row were not finite; lower the "
                "learning rates. learner.max_skipped_updates sets the limit"
            )
        if algorithm.consecutive_skips >= self._limit:
            raise LearnerDied(
                f"{self._limit} updates in a row were not finite (the last one: "
                f"{algorithm.last_skip_cause}); look for its source, or lower the learning rates. "
                "learner.max_skipped_updates sets the limit"
            )
