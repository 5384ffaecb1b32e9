"""What a run sees of its learner, wherever that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Protocol, Self

from hil_app.learning.buffer.returns import Row
from hil_app.learning.checkpoint import Tensors
from hil_app.learning.experience import Experience
from hil_app.learning.learner import Progress, pause
from hil_app.learning.mailbox import Mailbox
from hil_app.learning.sac.q_values import QValues


class AnyLearner(Protocol):
    """`Learner`, which is a thread, and what stands for one that runs elsewhere.

    Nothing that is called in a tick waits, unless in lockstep. What each does, and raises, is
    written at `Learner`.
    """

    @property
    def mailbox(self) -> Mailbox:
        """Where the policy looks for newer weights."""

    @property
    def progress(self) -> Progress:
        """How far it is."""

    @property
    def q_values(self) -> QValues | None:
        """The newest there are; their frame is one that was offered."""

    @property
    def warmed(self) -> int:
        """Updates from the demonstrations alone."""

    @property
    def lost(self) -> str | None:
        """Why it is out of reach, if it is on another machine; the run goes on meanwhile."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Learn from what has been offered, and end."""

    def offer(self, frame: Experience) -> None:
        """Learn from a frame of the policy's own episodes."""

    def demonstrate(self, frame: Experience) -> None:
        """Keep a frame of a demonstration."""

    def warm_start(
        self, updates: int, stop: Callable[[], bool], meanwhile: Callable[[], None] = pause
    ) -> None:
        """Learn from the demonstrations alone; returns once it has, or ``stop`` says so."""

    def rest(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Stop running free."""

    def go_on(self) -> None:
        """Run free again."""

    def tell(self, verdict: Mapping[str, int]) -> None:
        """Have it know of an evaluation, if it serves other robots, too."""

    def snapshot(self, keep: Callable[[Tensors], None]) -> None:
        """Have ``keep`` called with all that going on takes."""

    def restore(self, tensors: Tensors) -> None:
        """Go on from a snapshot; before entering."""

    def begin_with(self, rows: Iterable[Row], weight: float) -> int:
        """Fill the offline buffer; before entering."""

    def warm_up(self) -> str | None:
        """Do what would make the first update slow; before entering."""

    def check(self) -> None:
        """Raise LearnerDied if it has."""

    def close(self) -> None:
        """End what was begun before entering."""
