"""Waiting for what must come, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_S = 100.0
"""Only what never comes takes as long [s]."""


def until(
    condition: Callable[[], T], running: Popen[Any] | None = None, why: str = "waited in vain"
) -> T:
    """Wait for ``condition`` to hold and return its value; the program ``running`` may not end."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert running is None or running.poll() is None, running.communicate()
        assert time.monotonic() < end, why
        time.sleep(0.02)
    return value
