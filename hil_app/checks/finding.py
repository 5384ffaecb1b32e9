"""What a check finds, and how one is run that may crash or hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from robots.base import RobotError


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact, whether it is in order, and what to do if it is not."""

    mark: Literal["ok", "note", "problem"]
    fact: str
    remedy: str = ""


ok = partial(Finding, "ok")
note = partial(Finding, "note")  # worth knowing; a run works all the same
problem = partial(Finding, "problem")

Findings = Iterable[Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """A question to this computer; ``look`` yields the answers as they come."""

    topic: str
    look: Callable[[], Findings]
    patience_s: float = 10.0  # longest that it may take [s]


def examine(check: Check) -> list[Finding]:
    """What ``check`` finds; that it failed, or took too long, is a finding, too."""
    found: list[Finding] = []
    thread = threading.Thread(target=_collect, args=(check, found), daemon=True)
    thread.start()
    thread.join(check.patience_s)
    if not thread.is_alive():
        return found
    return [
        *found,
        problem(
            f"{check.topic}: no answer within {check.patience_s:g} s",
            "unplug what it looked at and plug it in again, or leave it out of the configuration",
        ),
    ]


def of_error(error: RobotError, about: str = "") -> Finding:
    """The problem that an error tells of; its message has the fact first, and then the remedy."""
    return of_message(str(error), about)


def of_message(message: str, about: str = "") -> Finding:
    """The problem that an error's message tells of."""
    fact, _, remedy = message.removesuffix(".").rpartition(": ")
    return problem(about + (fact or remedy), remedy if fact else "")


def _collect(check: Check, found: list[Finding]) -> None:
    try:
        found.extend(check.look())
    except RobotError as error:
        found.append(of_error(error))
    except BaseException as error:  # whatever it is, the other checks go on
        found.append(
            problem(
                f"{check.topic}: this check itself failed ({type(error).__name__}: {error})",
                "tell the makers of hil-app, with this line",
            )
        )
