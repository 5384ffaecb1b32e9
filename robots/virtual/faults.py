"""What happens to an answer between the motor and the computer."""

from __future__ import annotations

from collections import Counter

import numpy as np

from robots.virtual.fault_settings import FaultSettings

_KINDS = ("drop", "delay", "corrupt", "truncate", "garbage")
_SHARES = {kind: "delay_share" if kind == "delay" else kind for kind in _KINDS}


class Faults:
    """Loses, delays and damages answers as the fault settings say, by a generator with a seed."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()  # by kind
        self.fault_settings = FaultSettings()
        self._left: Counter[str] = Counter()  # of the next answers, by kind
        self._shares = np.zeros(len(_KINDS))
        self._random = np.random.default_rng(0)

    def turn(self, fault_settings: FaultSettings, changed: set[str]) -> None:
        """Go by ``fault_settings`` from now on; ``changed`` names those that were set."""
        if "fault_seed" in changed:
            self._random = np.random.default_rng(fault_settings.fault_seed)
        for kind in _KINDS:
            if f"{kind}_next" in changed:
                self._left[kind] = getattr(fault_settings, f"{kind}_next")
        self._shares = np.array([getattr(fault_settings, _SHARES[kind]) for kind in _KINDS])
        self.fault_settings = fault_settings

    def left(self) -> dict[str, int]:
        """How many of the next answers will go wrong, by setting."""
        return {f"{kind}_next": self._left[kind] for kind in _KINDS}

    def befall(self, answer: bytes) -> tuple[bytes, float]:
        """What arrives of ``answer`` (nothing if it is lost) and after how long [s]."""
        kind, latency = self._choose(), self.fault_settings.latency_ms / 1000
        if kind is None:
            return answer, latency
        self.done[kind] += 1
        if kind == "drop":
            return b"", latency
        if kind == "delay":
            return answer, latency + self.fault_settings.delay_ms / 1000
        return self._damage(kind, answer), latency

    def _choose(self) -> str | None:
        for kind in _KINDS:
            if self._left[kind]:
                self._left[kind] -= 1
                return kind
        if self._shares.any():
            for kind, hit in zip(
                _KINDS, self._random.random(len(_KINDS)) < self._shares, strict=True
            ):
                if hit:
                    return kind
        return None

    def _damage(self, kind: str, answer: bytes) -> bytes:
        if kind == "truncate":
            return answer[: int(self._random.integers(1, len(answer)))]
        if kind == "garbage":
            return self._random.bytes(int(self._random.integers(1, 12))) + answer
        damaged = bytearray(answer)
        damaged[int(self._random.integers(len(answer)))] ^= 1 << int(self._random.integers(8))
        return bytes(damaged)
