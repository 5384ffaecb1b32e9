"""The policy asks the person to take over where its critics say that things go badly."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from configs.events import Tell
from configs.help import HelpConfig
from hil_app.events import HelpWanted
from hil_app.learning.sac.q_values import Judgement
from hil_app.recording.frames import Frame
from teleop.base import Attentive, Teleop

FRESH = 10  # ticks back that a judgement may be of


class HelpRequests:
    """A sink of the loop that decides when the policy asks for a take-over; it never waits.

    ::

        requests = HelpRequests(config, lambda: learner.judgement, hands, events.emit)
        loop.episode(seed, [learner.offer, requests])

    ``newest`` gives the newest judgement there is. A tick without one of itself or of one of the
    ticks just before neither counts nor ends a row. ``tell`` hears of every request, and the
    ``hands`` are asked, if they can be.

    ``asking``, which anyone may read, is true from a request until the person takes over, until
    the trouble has been over for as long as it took to ask, or until the episode ends or is
    paused.
    """

    def __init__(
        self,
        config: HelpConfig,
        newest: Callable[[], Judgement | None],
        hands: Teleop,
        tell: Tell,
    ) -> None:
        self.asking = False
        self.requests = 0  # in the episode under way, or else the last one
        self._config, self._newest, self._hands, self._tell = config, newest, hands, tell
        self._recent: deque[Frame] = deque(maxlen=FRESH)  # that a judgement may be of
        self._bad = self._good = 0  # ticks in a row
        self._tick = self._silent_until = 0

    @property
    def judgement(self) -> Judgement | None:
        """The newest judgement there is."""
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
        judgement = self._newest()
        if judgement is not None and self._counts(judgement):
            self._weigh(judgement)
        if frame.done:
            self._start_over()

    def _start_over(self) -> None:
        """What was seen so far says nothing about what comes."""
        self.asking = False
        self._bad = self._good = 0
        self._recent.clear()

    def _counts(self, judgement: Judgement) -> bool:
        """Whether it is of one of the last ticks, by critics that know something."""
        fresh = any(judgement.frame is frame for frame in self._recent)
        return fresh and judgement.updates >= self._config.after_updates

    def _weigh(self, judgement: Judgement) -> None:
        cause = self._trouble(judgement)
        self._bad, self._good = (self._bad + 1, 0) if cause else (0, self._good + 1)
        if cause and self._bad >= self._config.ticks and self._tick > self._silent_until:
            self._ask(judgement, cause)
        elif self._good >= self._config.ticks:
            self.asking = False

    def _trouble(self, judgement: Judgement) -> str | None:
        """What goes badly, in words; None if nothing does."""
        lowest, most = self._config.min_value, self._config.max_disagreement
        if lowest is not None and judgement.value < lowest:
            return (
                f"the critics' value is {judgement.value:.3g}, below ask_for_help.min_value "
                f"({lowest:g})"
            )
        if most is not None and judgement.disagreement > most:
            return (
                f"the critics disagree by {judgement.disagreement:.3g}, more than "
                f"ask_for_help.max_disagreement ({most:g})"
            )
        return None

    def _ask(self, judgement: Judgement, cause: str) -> None:
        self.asking = True
        self.requests += 1
        self._silent_until = self._tick + self._config.again_after
        self._tell(
            HelpWanted(
                cause=f"the policy asks for a take-over: {cause}",
                value=judgement.value,
                disagreement=judgement.disagreement,
            )
        )
        if isinstance(self._hands, Attentive):
            self._hands.ask()
