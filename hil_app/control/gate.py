"""Nothing begins on a real arm before the operator is ready."""

from __future__ import annotations

from typing import Literal

from configs.events import Tell
from hil_app.control.loop import Ask
from hil_app.events import AwaitsOperator

When = Literal["never", "first", "always"]


class Gate:
    """Says before each episode of a stage whether it waits for the operator, and how to ask.

        run_episodes(stage, seeds, sinks, gate=Gate("first", "Enter", events.emit))

    ``press`` is what the operator presses when ready; without anything it never waits.
    """

    def __init__(self, when: When, press: str, tell: Tell) -> None:
        self._when, self._press, self._tell = when, press, tell
        self._wait = when != "never"

    @property
    def attended(self) -> bool:
        """Whether somebody can answer."""
        return bool(self._press)

    def close(self) -> None:
        """Have the next episode wait, whatever is configured."""
        self._wait = True

    def __call__(self) -> Ask | None:
        """How to ask whether the next episode may begin; None if it just does."""
        wait, self._wait = self._wait and self.attended, self._when == "always"
        return self._ask if wait else None

    def _ask(self) -> None:
        self._tell(AwaitsOperator(note=f"press {self._press} when the scene is set"))
