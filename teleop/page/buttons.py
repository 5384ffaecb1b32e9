"""The buttons that the page has beside any teleoperator: stops, verdicts, pause, ready."""

from __future__ import annotations

from collections import deque

PRESSES = ("success", "failure", "rerecord", "pause", "stop", "ready", "emergency_stop")
"""What can be pressed, in the words of TeleopSample."""


class PageButtons:
    """Presses on the page, latched until the loop looks; any thread may press."""

    def __init__(self) -> None:
        self._waiting = deque[str]()

    def press(self, what: str) -> None:
        """Press one of PRESSES. Raises ValueError for another."""
        if what not in PRESSES:
            raise ValueError(f"nothing is called '{what[:40]}'; there are: {', '.join(PRESSES)}")
        self._waiting.append(what)

    def pressed(self) -> frozenset[str]:
        """What was pressed since the last call; a second press of the same waits for the next."""
        found = set[str]()
        while self._waiting and self._waiting[0] not in found:
            found.add(self._waiting.popleft())
        return frozenset(found)
