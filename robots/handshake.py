"""What is settled with the motors before anything moves: who they are, and their calibration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from robots import calibration
from robots.base import JOINTS, BusTimeout, ServoFault, Tell, Uncalibrated
from robots.calibration import Calibration
from robots.feetech import FeetechBus
from robots.registers import MODEL

MOTORS = MappingProxyType({name: number for number, name in enumerate(JOINTS, 1)})
"""The ID of each motor."""

_MULTI_TURN = 16  # bit of the register Phase


def check_motors(bus: FeetechBus) -> None:
    """Raise BusTimeout or ServoFault unless the six motors are there and alike."""
    silent = []
    for name in JOINTS:
        try:
            model = bus.ping(name)
        except BusTimeout:
            if MOTORS[name] in bus.duplicates:
                raise ServoFault(
                    f"Two motors have the ID {MOTORS[name]}, which is that of {name}: give one of "
                    "them its own with `hil-app setup-motors`."
                ) from None
            silent.append(name)
            continue
        if model != MODEL:
            raise ServoFault(
                f"{name} (ID {MOTORS[name]}) is of model {model}, not {MODEL} (STS3215): is this "
                "the right port, and the right motor?"
            )
    if len(silent) == len(MOTORS):
        raise BusTimeout(
            f"No motor answers on {bus.port}: is the arm's power on, is this its port "
            "(`hil-app find-port`), and have its motors been set up (`hil-app setup-motors`)?"
        )
    if silent:
        raise BusTimeout(
            f"No answer of {', '.join(f'{name} (ID {MOTORS[name]})' for name in silent)}; the "
            f"other {len(MOTORS) - len(silent)} motors answer: check the cable before it, or give "
            "it its ID with `hil-app setup-motors`."
        )
    _check_firmware(bus)


def count_one_turn(bus: FeetechBus) -> None:
    """Take motors out of the mode in which positions count over many turns."""
    for name, phase in ask_all(bus, "Phase").items():
        if phase & _MULTI_TURN:
            with unlocked(bus, name):
                bus.write("Phase", name, phase & ~_MULTI_TURN)


def calibrate(bus: FeetechBus, saved: Path | None, tell: Tell) -> Calibration:
    """The arm's calibration: the ``saved`` one, which the motors are made to hold, or theirs.

    Raises Uncalibrated if there is none, or it cannot be used.
    """
    held = calibration.of_motors(bus, MOTORS)
    if saved is None:
        calibration.check_motors(held)
        return held
    wanted = calibration.load(saved)
    if wrong := [name for name in JOINTS if wanted[name].id != MOTORS[name]]:
        raise Uncalibrated(
            f"The calibration {saved} is of an arm with other IDs ({', '.join(wrong)})."
        )
    changes = calibration.differences(wanted, held)
    for name in changes:
        with unlocked(bus, name):
            calibration.write_to(bus, name, wanted[name])
    if changes:
        told = "; ".join(f"{name}: {change}" for name, change in changes.items())
        tell("calibration_restored", note=f"from {saved}: {told}")
    return wanted


@contextmanager
def unlocked(bus: FeetechBus, motor: str) -> Iterator[None]:
    """Meanwhile the motor is limp and what is written to its EEPROM persists."""
    bus.write("Torque_Enable", motor, 0)
    bus.write("Lock", motor, 0)
    try:
        yield
    finally:
        bus.write("Lock", motor, 1)


def ask_all(bus: FeetechBus, register: str) -> dict[str, int]:
    """A register of every motor; raises BusTimeout if one does not answer."""
    answers = bus.sync_read([register])
    for motor, reason in answers.missing.items():
        raise no_good_answer(bus, motor, reason)
    return answers.values[register]


def no_good_answer(bus: FeetechBus, motor: str, reason: str) -> BusTimeout:
    """What to raise of a motor that has not answered, for that ``reason``."""
    return BusTimeout(
        f"{motor} (ID {MOTORS[motor]}) gives no good answer ({reason}): check the cables and the "
        f"power of the arm on {bus.port}."
    )


def _check_firmware(bus: FeetechBus) -> None:
    major = ask_all(bus, "Firmware_Major_Version")
    minor = ask_all(bus, "Firmware_Minor_Version")
    versions = {name: f"{major[name]}.{minor[name]}" for name in JOINTS}
    if len(set(versions.values())) > 1:
        shown = ", ".join(f"{name} {version}" for name, version in versions.items())
        raise ServoFault(
            f"The motors have different firmware ({shown}): bring all to the newest with "
            "Feetech's own software."
        )
