"""Who goes first where programs keep the computer busy: what moves an arm, before it what stops it.

A loop at the usual priority waits, at each of its deadlines, for what else is at work to be paused:
on a busy computer for several milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

USUAL, LOOP, GUARD = 0, 1, 2


@contextmanager
def urgent(level: int) -> Iterator[bool]:
    """Meanwhile this thread goes ahead of all that is below its level; USUAL changes nothing.

    Threads and processes that it starts are usual ones. Gives whether the system lets it go ahead:
    Linux lets root, and whoever has a limit ``rtprio``. Elsewhere it stays a usual one, as one that
    somebody gave a real-time priority keeps that.
    """
    if sys.platform != "linux" or level == USUAL:
        yield False
        return
    before = os.sched_getscheduler(0)
    if before & ~os.SCHED_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR):
        yield True
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(level))
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        try:
            os.sched_setscheduler(0, before, os.sched_param(0))
        except PermissionError:  # only root may have what a thread starts be like it again
            os.sched_setscheduler(0, before | os.SCHED_RESET_ON_FORK, os.sched_param(0))
