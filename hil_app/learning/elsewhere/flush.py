"""What a run has left unsent, sent once the learner is within reach."""

from __future__ import annotations

from pathlib import Path

from configs.errors import HilAppError
from hil_app.learning.elsewhere.bridges import Bridges
from hil_app.learning.elsewhere.unsent import Unsent, about, left_in
from hil_app.support.events import EventLog


class NotSent(HilAppError):
    """Not all of it is with the learner; the message says why."""


def flush(module: str, home: Path, events: EventLog, address: str | None = None) -> int:
    """Send all that the run in ``home`` has left, and forget it; returns how many messages.

    ``module`` is the bridge's; ``address`` is where the cluster is now, if it was elsewhere.
    Raises NotSent, or LearnerDied if the learner cannot be reached.
    """
    return sum(_flush(module, folder, events, address) for folder in left_in(home))


def _flush(module: str, folder: Path, events: EventLog, address: str | None) -> int:
    try:
        setup = about(folder) | ({} if address is None else {"address": address})
        unsent = Unsent(folder)
    except (OSError, ValueError) as error:
        raise NotSent(f"{folder} cannot be read: {error}") from error
    count, bridges = unsent.last, Bridges(module, events, None)
    try:
        bridges.begin(setup | {"lockstep": False}, unsent)
        bridges.leave()
    finally:
        bridges.close()
        left = unsent.close(bridges.durable)
    if left:
        why = bridges.lost or "it is slow"
        raise NotSent(f"{left} of {count} messages in {folder} are not safe yet: {why}")
    return count
