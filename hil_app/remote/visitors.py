"""The robots at a station: how far each is, and what it has not been told yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_NEWS = 500  # that a robot may have missed


@dataclass
class Visitor:
    """A robot's stream, as it is connected."""

    stream: str
    robot: str
    received: int  # number of the last record that was handed over
    done: int  # number of the last one that is dealt with
    resting: bool = False
    gone: bool = False
    seen: float = 0.0  # when it called last, monotonic [s]
    refused: int = 0  # frames
    refusing: bool = False  # the rest of this episode
    verdict: dict[str, Any] | None = None  # of its last evaluation
    news: deque[tuple[int, str, dict[str, Any]]] = field(
        default_factory=lambda: deque(maxlen=_NEWS)
    )
    lock: threading.Lock = field(default_factory=threading.Lock)


class Visitors:
    """All streams by name; any thread may look, add and tell."""

    def __init__(self) -> None:
        self.by_stream: dict[str, Visitor] = {}
        self.told = 0  # news so far
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Visitor]:
        return iter([*self.by_stream.values()])

    @property
    def here(self) -> list[Visitor]:
        """Those that are connected."""
        return [one for one in self if not one.gone]

    def tell(self, visitor: Visitor, kind: str, facts: dict[str, Any]) -> None:
        """Have one of them know something."""
        with self._lock:
            self.told += 1
            visitor.news.append((self.told, kind, facts))

    def tell_all(self, kind: str, facts: dict[str, Any], but: Visitor | None = None) -> None:
        """Have all that are here know something, ``but`` one."""
        for visitor in self.here:
            if visitor is not but:
                self.tell(visitor, kind, facts)

    def verdicts(self) -> dict[str, Any]:
        """Each robot's last evaluation."""
        return {one.robot: one.verdict for one in self if one.verdict}
