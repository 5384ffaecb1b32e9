"""What torture of one kind came to."""

from __future__ import annotations

from dataclasses import dataclass, field

TOO_MUCH = 512.0  # memory that reading one small input may take [MiB]
_MOST = 20  # faults that are kept


@dataclass
class TortureRow:
    """Counts of one kind; all but ``tries`` and ``memory_mb`` should be 0."""

    kind: str
    tries: int = 0
    tracebacks: int = 0  # and messages that are not one clear line
    hangs: int = 0
    memory_mb: float = 0.0  # most that one input took
    memory: int = 0  # inputs that took too much
    accepted: int = 0  # silently, though they were wrong
    frames_lost: int = 0
    torque_left: int = 0  # tries after which torque was still on, or went off too late
    slowest_s: float | None = None  # until torque was off
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all went as it should."""
        return not (
            self.tracebacks
            or self.hangs
            or self.memory
            or self.accepted
            or self.frames_lost
            or self.torque_left
        )

    def count(self, outcome: str, done: str, message: str, grown_mb: float = 0.0) -> None:
        """A try in which ``done`` was done to an input, and its ``outcome``."""
        self.tries += 1
        self.memory_mb = max(self.memory_mb, round(grown_mb, 1))
        if outcome in ("good", "refused") and grown_mb > TOO_MUCH:
            outcome, message = "memory", f"{grown_mb:.0f} MiB"
        self.tracebacks += outcome in ("traceback", "unclear")
        self.hangs += outcome == "hang"
        self.memory += outcome == "memory"
        self.accepted += outcome == "accepted"
        if outcome not in ("good", "refused"):
            self.fault(f"{done}: {outcome}: {message}")

    def add(self, other: TortureRow) -> None:
        """Add the counts of ``other``."""
        for name in ("tries", "tracebacks", "hangs", "memory", "accepted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.frames_lost += other.frames_lost
        self.torque_left += other.torque_left
        self.memory_mb = max(self.memory_mb, other.memory_mb)
        times = [row.slowest_s for row in (self, other) if row.slowest_s is not None]
        self.slowest_s = max(times, default=None)
        for what in other.faults:
            self.fault(f"try {self.tries}: {what}")

    def fault(self, what: str) -> None:
        """Keep a fault to be shown."""
        if len(self.faults) < _MOST:
            self.faults.append(what)
