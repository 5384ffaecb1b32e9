"""Servos whose every byte a test chooses, and a bus that asks them."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from pty_servos import MOTORS, Line, TimedServos

from robots.feetech import exchange, wire
from robots.feetech.bus import FeetechBus

OnLine = Callable[[TimedServos], TimedServos]


@pytest.fixture
def on_line(monkeypatch: pytest.MonkeyPatch) -> OnLine:
    """Puts servos on the line on which every bus is that is opened from then on."""

    def put(servos: TimedServos) -> TimedServos:
        monkeypatch.setattr(exchange, "Wire", partial(Line, servos))
        for module in (exchange, wire):
            monkeypatch.setattr(module, "monotonic", lambda: servos.now)
        return servos

    return put


@pytest.fixture
def servos(on_line: OnLine) -> TimedServos:
    return on_line(TimedServos())


@pytest.fixture
def bus(servos: TimedServos) -> Iterator[FeetechBus]:
    with FeetechBus(servos.port, MOTORS, timeout_s=0.2, retries=1) as opened:
        yield opened
