"""Keeps an encoder from taking the processor away from the control loop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def usual_priority() -> Iterator[None]:
    """Threads that become real-time ones meanwhile, new ones too, are made usual ones again.

    Where it may (as root, say), SVT-AV1 gives its own threads and the one that opens it real-time
    priority, which processes that are started later inherit. Linux only; elsewhere it does not.
    """
    before = _real_time()
    try:
        yield
    finally:
        for thread in _real_time() - before:
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _real_time() -> set[int]:
    """The threads of this process that have real-time priority, and hand it on.

    Those that have it from :func:`robots.safety.urgent.urgent` keep it to themselves, and keep it.
    """
    if not _THREADS.is_dir():
        return set()
    found = set()
    for thread in map(int, os.listdir(_THREADS)):
        with suppress(OSError):
            if os.sched_getscheduler(thread) in (os.SCHED_FIFO, os.SCHED_RR):
                found.add(thread)
    return found
