"""What a run tells of as it goes: a class an event, beside whoever tells it.

:mod:`robots.events`, :mod:`teleop.events` and :mod:`hil_app.events` have them all, and who brings a
robot or a teleoperator may bring events, too. The fields are JSON values, in the units beside them.
``events.jsonl`` has a line an event: its fields, under the name of its class in snake case (a few
have an older name). People are shown the ``note`` of a :class:`Notice` and the ``cause`` of a
:class:`Problem`; other events are for programs.

::

    class PortGone(Problem): ...

    tell(PortGone(cause="/dev/ttyACM0 is gone"))  # shown as "! port_gone: /dev/ttyACM0 is gone"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _EventClass:
    """Makes every class below it a frozen dataclass that knows the name it is written under."""

    known_as: ClassVar[str]

    def __init_subclass__(cls, name: str = "") -> None:
        cls.known_as = name or re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        dataclass(frozen=True, kw_only=True)(cls)


class Event(_EventClass):
    """Something that happened; :attr:`whose` tells a second arm's from the robot's."""

    whose: str = ""  # "leader" if it happened to that arm

    @property
    def name(self) -> str:
        """What it is called, such as ``port_gone`` or ``leader_port_gone``."""
        return f"{self.whose}_{self.known_as}".lstrip("_")

    @property
    def message(self) -> str:
        """What people are shown of it, if anything."""
        return ""

    def facts(self) -> dict[str, Any]:
        """Its own fields by name, without those that are not given."""
        given = ((field, getattr(self, field.name)) for field in fields(self))
        return {
            field.name: value
            for field, value in given
            if field.name != "whose" and value != field.default
        }


class Notice(Event):
    """Something that people should know."""

    note: str

    @property
    def message(self) -> str:
        """The note."""
        return self.note


class Problem(Event):
    """Something that people must know."""

    cause: str

    @property
    def message(self) -> str:
        """The cause."""
        return self.cause


Tell = Callable[[Event], None]  # called from any thread, it neither waits nor raises


def tell_nobody(event: Event) -> None:
    """A ``Tell`` where nobody listens."""
