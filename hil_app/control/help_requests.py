"""The policy asks the operator to take over where its critics say that things go badly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from configs.events import Tell
from configs.options.help import HelpConfig
from hil_app.events import HelpWanted
from hil_app.recording.frames import Frame
from teleop.base import Attentive, Teleop

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.sac.q_values import QValues

FRESH = 10  # ticks back that the newest Q-values may be of


class HelpRequests:
    """A sink of the loop that decides when the policy asks for a take-over; it never waits.

    ::

        requests = HelpRequests(config, lambda: learner.q_values, teleop, events.emit)
        loop.episode(seed, [learner.offer, requests])

    ``newest`` gives the newest Q-values there are. A tick without any of itself or of one of the
    ticks just before neither counts nor ends a row. ``tell`` hears of every request, and the
    ``teleop`` is asked, if it can be.

    ``asking``, which anyone may read, is true from a request until the operator takes over, until
    the trouble has been over for as long as it took to ask, or until the episode ends or is
    paused.
    """

    def __init__(
        self,
        config: HelpConfig,
        newest: Callable[[], QValues | None],
        teleop: Teleop,
        tell: Tell,
    ) -> None:
        self.asking = False
        self.requests = 0  # in the episode under way, or else the last one
        self._config, self._newest, self._teleop, self._tell = config, newest, teleop, tell
        self._recent: deque[Frame] = deque(maxlen=FRESH)  # that the newest Q-values may be of
        self._bad = self._good = 0  # ticks in a row
        self._tick = self._silent_until = 0

    @property
    def q_values(self) -> QValues | None:
        """The newest Q-values there are."""
        return self._newest()

    def __call__(self, frame: Frame) -> None:
        """Look at a tick."""
        self._tick += 1
        if frame.tick == 1:
            self.requests = 0
        if frame.is_intervention or frame.after_pause:
            self._start_over()
        if frame.is_intervention:
            self._silent_until = self._tick + self._config.again_after
            return
        self._recent.append(frame)
        q_values = self._newest()
        if q_values is not None and self._counts(q_values):
            self._weigh(q_values)
        if frame.done:
            self._start_over()

    def _start_over(self) -> None:
        """What was seen so far says nothing about what comes."""
        self.asking = False
        self._bad = self._good = 0
        self._recent.clear()

    def _counts(self, q_values: QValues) -> bool:
        """Whether it is of one of the last ticks, by critics that know something."""
        fresh = any(q_values.frame is frame for frame in self._recent)
        return fresh and q_values.updates >= self._config.after_updates

    def _weigh(self, q_values: QValues) -> None:
        cause = self._trouble(q_values)
        self._bad, self._good = (self._bad + 1, 0) if cause else (0, self._good + 1)
        if cause and self._bad >= self._config.ticks and self._tick > self._silent_until:
            self._ask(q_values, cause)
        elif self._good >= self._config.ticks:
            self.asking = False

    def _trouble(self, q_values: QValues) -> str | None:
        """What goes badly, in words; None if nothing does."""
        lowest, most = self._config.min_value, self._config.max_disagreement
        if lowest is not None and q_values.value < lowest:
            return (
                f"the critics' value is {q_values.value:.3g}, below ask_for_help.min_value "
                f"({lowest:g})"
            )
        if most is not None and q_values.disagreement > most:
            return (
                f"the critics disagree by {q_values.disagreement:.3g}, more than "
                f"ask_for_help.max_disagreement ({most:g})"
            )
        return None

    def _ask(self, q_values: QValues, cause: str) -> None:
        self.asking = True
        self.requests += 1
        self._silent_until = self._tick + self._config.again_after
        self._tell(
            HelpWanted(
                cause=f"the policy asks for a take-over: {cause}",
                value=q_values.value,
                disagreement=q_values.disagreement,
            )
        )
        if isinstance(self._teleop, Attentive):
            self._teleop.ask()
