"""What a sweep goes over: ``NAME=64,128,256``, ``NAME=0.1..0.9`` or ``NAME=log:1e-4..1e-3``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from configs.errors import ConfigError
from configs.text.paths import option, typed

Drawn = tuple[str, ...]  # a value for each of what a sweep goes over
_OPEN, _CLOSE = "[{(", "]})"
_LOG = "log:"
_DIGITS = 4  # of a number that is drawn
_MOST = 1000  # trials


@dataclass(frozen=True)
class Over:
    """An option, and the values that it may have: some in a list, or all in a range."""

    name: str
    values: tuple[str, ...] = ()  # none: a range
    low: float = 0.0
    high: float = 0.0
    log: bool = False  # evenly in the logarithm
    whole: bool = False  # integers

    def draw(self, rng: np.random.Generator) -> str:
        """One of the values."""
        if self.values:
            return self.values[rng.integers(len(self.values))]
        low, high = self.low, self.high
        if self.whole and not self.log:
            return str(rng.integers(int(low), int(high), endpoint=True))
        at = math.exp(rng.uniform(math.log(low), math.log(high))) if self.log else None
        value = rng.uniform(low, high) if at is None else at
        return str(round(value)) if self.whole else f"{value:.{_DIGITS}g}"


def parse(text: str) -> Over:
    """What ``--over`` is given. Raises ArgumentTypeError."""
    name, equals, spec = text.removeprefix("--").partition("=")
    if not (equals and name and spec):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUES, got {text!r}")
    if ".." in spec:
        return _range(name, spec)
    values = tuple(dict.fromkeys(_listed(spec)))
    if len(values) < 2:
        raise argparse.ArgumentTypeError(
            f"{name}: one value is nothing to vary: name more, as in {name}={spec},…, or give it "
            f"to all trials by {option(name, spec)}"
        )
    return Over(name, values)


def _range(name: str, spec: str) -> Over:
    log = spec.startswith(_LOG)
    texts = spec.removeprefix(_LOG).split("..")
    try:
        low, high = map(float, texts)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{name}: a range is LOW..HIGH or {_LOG}LOW..HIGH, got {spec!r}"
        ) from None
    if not -math.inf < low < high < math.inf:
        raise argparse.ArgumentTypeError(f"{name}: a range goes up, got {spec!r}")
    if log and low <= 0:
        raise argparse.ArgumentTypeError(f"{name}: with {_LOG} a range is above 0, got {spec!r}")
    whole = all(text.lstrip("-").isdigit() for text in texts)
    return Over(name, low=low, high=high, log=log, whole=whole)


def _listed(spec: str) -> Iterator[str]:
    """The values between commas that stand in no bracket."""
    depth, start = 0, 0
    for at, sign in enumerate(spec):
        depth += (sign in _OPEN) - (sign in _CLOSE)
        if sign == "," and depth == 0:
            yield spec[start:at]
            start = at + 1
    yield spec[start:]


def draws(over: Sequence[Over], samples: int | None, seed: int) -> list[Drawn]:
    """The values of each trial: all that the lists come to, or ``samples`` of them by a seed.

    Raises ConfigError.
    """
    combined = math.prod(len(one.values) for one in over)  # 0 with a range
    if samples is None or (combined and samples >= combined):
        if not combined:
            ranges = ", ".join(f"--over {typed(one.name)}" for one in over if not one.values)
            raise ConfigError(f"{ranges}: a range has no end of values: say how many by --samples")
        if combined > _MOST:
            raise ConfigError(f"the lists come to {combined:,} trials: try some by --samples")
        return [*product(*(one.values for one in over))]
    rng = np.random.default_rng(seed)
    if not combined:
        return [tuple(one.draw(rng) for one in over) for _ in range(samples)]
    picked = rng.choice(combined, samples, replace=False)
    shape = [len(one.values) for one in over]
    places = zip(*np.unravel_index(picked, shape), strict=True)
    return [tuple(one.values[at] for one, at in zip(over, each, strict=True)) for each in places]
