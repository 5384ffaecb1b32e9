"""What is told, as a file of events has it."""

from __future__ import annotations

from typing import Any

from configs.events import Event


def written(event: Event) -> dict[str, Any]:
    """The line of an event, without its time."""
    return {"event": event.name, **event.facts()}
