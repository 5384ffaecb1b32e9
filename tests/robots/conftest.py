"""Servos on a pseudo-terminal whose every byte a test chooses, and a bus that asks them."""

from collections.abc import Iterator

import pytest
from pty_servos import MOTORS, PtyServos

from robots.feetech.bus import FeetechBus


@pytest.fixture
def servos() -> Iterator[PtyServos]:
    with PtyServos() as chain:
        yield chain


@pytest.fixture
def bus(servos: PtyServos) -> Iterator[FeetechBus]:
    with FeetechBus(servos.port, MOTORS, timeout_s=0.2, retries=1) as opened:
        yield opened
