"""Torque off, and known to be off: how an arm is let go, by whoever does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count

from robots.errors import NotConnected, RobotError, ServoFault, WrongArm
from robots.feetech.bus import FeetechBus

SINKING_S = 1.0  # in which an arm that is not at rest gets weaker, before it is let go
RegisterValues = Mapping[str, Mapping[str, int]]  # values by register and motor
_TRIES = 3  # at least
_PAUSE = 0.05  # before a port that is gone is looked for again [s]
_SHARES = 20  # steps in which an arm gets weaker


def _nobody() -> None:
    """Nobody needs to hear that all goes on."""


def release(
    bus: FeetechBus,
    patience_s: float,
    reopen: Callable[[], None],
    alive: Callable[[], None] = _nobody,
) -> None:
    """Torque off: all motors are told at once, and again while one of them has not heard.

    A port that is gone is looked for with ``reopen`` as long as patience lasts. ``alive`` is called
    now and then, for whoever would think that nothing goes on. Raises ServoFault that names the
    motors that may still have torque.
    """
    failed, end = dict.fromkeys(bus.motors, ""), time.monotonic() + patience_s
    for tried in count():
        alive()
        try:
            bus.sync_write("Torque_Enable", dict.fromkeys(failed, 0))
            failed = _holding(bus, list(failed))
        except NotConnected as error:
            failed = dict.fromkeys(failed, str(error))
            time.sleep(_PAUSE)
            try:
                reopen()
            except NotConnected as gone:
                failed = dict.fromkeys(failed, str(gone))
        if not failed:
            return
        if tried >= _TRIES and time.monotonic() > end:
            break
    causes = "; ".join(dict.fromkeys(failed.values()))
    raise ServoFault(
        f"{', '.join(failed)} may still have torque: switch off the arm's power ({causes})."
    )


def weaken(bus: FeetechBus, seconds: float, alive: Callable[[], None] = _nobody) -> dict[str, int]:
    """Let every motor get weaker until it is limp, so that the arm sinks and does not fall.

    Returns the Torque_Limit that the motors had, to be given back; if they do not all say it, it is
    empty, and nothing is done. ``alive`` is called as in :func:`release`. Raises
    NotConnected only before anything is done.
    """
    answers = bus.sync_read(["Torque_Limit"])
    limits = {} if answers.missing else answers.values["Torque_Limit"]
    with suppress(NotConnected):  # the release says so
        for left in reversed(range(_SHARES if limits else 0)):
            weaker = {name: limit * left // _SHARES for name, limit in limits.items()}
            bus.sync_write("Torque_Limit", weaker)
            alive()
            time.sleep(seconds / _SHARES)
    return limits


def give_back(bus: FeetechBus, found: RegisterValues) -> None:
    """Leave limp motors with the speed and strength that they were found with, as far as it goes.

    They are safe, that is what counts: the first motor that does not answer ends it.
    """
    with suppress(RobotError):
        for register, values in found.items():
            held = bus.sync_read([register], list(values)).values[register]
            for motor, value in values.items():
                if held.get(motor) != value:
                    bus.write(register, motor, value)


def check_same(bus: FeetechBus, offsets: Mapping[str, int]) -> None:
    """Raise WrongArm, with the bus closed, if it has another arm than that of these ``offsets``.

    They are those of the motors' zeros, which tell arms apart. What does not answer says nothing.
    """
    held = bus.sync_read(["Homing_Offset"]).values["Homing_Offset"]
    if any(offset != offsets[name] for name, offset in held.items()):
        bus.close()
        raise WrongArm(
            f"{bus.port} is another arm's since it came back, so nothing is sent there: plug the "
            "arms in again, and name their ports as /dev/serial/by-id has them, which "
            "`hil-app find-port` shows."
        )


def _holding(bus: FeetechBus, motors: list[str]) -> dict[str, str]:
    """The motors that are not known to be without torque, and why."""
    answers = bus.sync_read(["Torque_Enable"], motors)
    on = [name for name, torque in answers.values["Torque_Enable"].items() if torque]
    return answers.missing | dict.fromkeys(on, "torque stays on")
