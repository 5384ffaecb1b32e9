"""What is settled with the motors before anything moves: who they are, and their calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

from configs.events import Tell
from robots.base import JOINTS, BusTimeout, ServoFault, Uncalibrated
from robots.events import (
    CalibrationChanged,
    CalibrationRecognised,
    CalibrationRestored,
    GripperWayUnknown,
    OtherArm,
    UnusualMotors,
)
from robots.feetech import calibration, whose
from robots.feetech.bus import FeetechBus
from robots.feetech.calibration import Calibration
from robots.feetech.registers import FACTORY, MODEL

MOTORS = MappingProxyType({name: number for number, name in enumerate(JOINTS, 1)})
"""The ID of each motor."""

_MULTI_TURN = 16  # bit of the register Phase
_WAY_UNKNOWN = (
    "no calibration file says which way the gripper counts, so it is taken to count up as it opens "
    "(gripper_opens); if it reads 0 % when it is open, set that to down"
)
_PHASE = FACTORY["Phase"]
_HIGHEST_FLOOR = 60  # that such a motor comes with as Min_Voltage_Limit [0.1 V]
_HIGHEST_SUPPLY = 150  # that a motor of this family says that it takes [0.1 V]
SUPPLY = ("Present_Voltage", "Min_Voltage_Limit", "Max_Voltage_Limit")  # 0.1 V


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
    check_supply(bus)


def check_supply(bus: FeetechBus) -> None:
    """Raise ServoFault if motors get another voltage than they say that they can take."""
    found = ask_all(bus, *SUPPLY)
    unfit = {name: supply_fault(*(found[key][name] for key in SUPPLY)) for name in JOINTS}
    if faults := ", ".join(f"{name} {fault}" for name, fault in unfit.items() if fault):
        raise ServoFault(
            f"The supply does not fit the motors ({faults}): take the one that was made for them; "
            "there are STS3215 for 7.4 V and for 12 V."
        )


def supply_fault(present: int, lowest: int, highest: int) -> str | None:
    """What is wrong with a motor's supply, given its registers [0.1 V], if something is.

    A motor whose ``highest`` is 0 does not say what it can take.
    """
    if not highest or lowest <= present <= highest:
        return None
    fault = f"gets {present / 10:.1f} V and takes {lowest / 10:.1f} to {highest / 10:.1f} V"
    set_by_hand = ", as an earlier program has set it" if lowest > _HIGHEST_FLOOR else ""
    return fault + set_by_hand


def tell_unusual(bus: FeetechBus, tell: Tell) -> None:
    """Tell of what motors have that only their maker can set right, if it is not as usual."""
    found = ask_all(bus, "Phase", *SUPPLY)
    for odd in (odd_phases(found["Phase"]), odd_voltages(found["Max_Voltage_Limit"])):
        if odd:
            tell(UnusualMotors(cause=odd))


def count_one_turn(bus: FeetechBus) -> None:
    """Have positions count single steps of one turn, as calibrations do.

    The rest of Phase, which says how a motor is wired, stays.
    """
    found = ask_all(bus, "Phase", "Angular_Resolution")
    for name, phase in found["Phase"].items():
        changes = {"Phase": phase & ~_MULTI_TURN, "Angular_Resolution": 1}
        if any(found[register][name] != value for register, value in changes.items()):
            with unlocked(bus, name):
                for register, value in changes.items():
                    bus.write(register, name, value)


def odd_phases(phases: Mapping[str, int]) -> str | None:
    """Which motors say that they are wired in an unusual way, by the register Phase, if any do."""
    rest = {name: value & ~_MULTI_TURN for name, value in phases.items()}
    odd = [f"{name} {value}" for name, value in rest.items() if value != _PHASE]
    if not odd:
        return None
    return f"Phase is {', '.join(odd)}, usually {_PHASE}: such a motor may turn the other way"


def odd_voltages(highest: Mapping[str, int]) -> str | None:
    """Which motors do not guard themselves against too high a supply, or are of another kind."""
    loose = [f"{name} {value / 10:.1f} V" for name, value in highest.items() if _is_loose(value)]
    if loose:
        return (
            f"Max_Voltage_Limit is {', '.join(loose)}, usually 8.0 or 14.0 V: such a motor does "
            "not guard itself against a supply that is too high"
        )
    if len(set(highest.values())) > 1:
        every = ", ".join(f"{name} {value / 10:.1f} V" for name, value in highest.items())
        return f"Max_Voltage_Limit differs ({every}): these are motors of different kinds"
    return None


def _is_loose(limit: int) -> bool:
    return not 0 < limit <= _HIGHEST_SUPPLY


def calibrate(
    bus: FeetechBus,
    saved: Path | None,
    tell: Tell,
    known: Sequence[Path] = (),
    *,
    others: Sequence[Path] = (),
    gripper_known: bool = False,
) -> Calibration:
    """The arm's calibration: the ``saved`` one, which the motors are made to hold, or theirs.

    Motors cannot hold which way they count: one of the ``known`` files says it, if it is otherwise
    the same as what they hold. Where none does, the operator is told, unless it is
    ``gripper_known``. Motors that hold what one of the ``others`` has, the files of other arms,
    keep it. Raises Uncalibrated, with nothing written, if there is none, or it cannot be used.
    """
    held = calibration.of_motors(bus, MOTORS)
    if saved is None:
        calibration.check_motors(held)
        if other := whose.recognised(held, others):
            tell(OtherArm(note=": ".join(whose.another(other))))
        return _recognised(held, known, tell, gripper_known)
    wanted = calibration.load(saved)
    if wrong := whose.wrong_ids(wanted, MOTORS):
        raise Uncalibrated(f"The calibration {saved} is {wrong}: {whose.REMEDY}.")
    if changes := calibration.differences(wanted, held):
        _check_fit(bus, wanted, held, saved, others)
        with unlocked_all(bus, list(changes)):
            calibration.write_to(bus, {name: wanted[name] for name in changes})
        summary = "; ".join(f"{name}: {change}" for name, change in changes.items())
        tell(CalibrationRestored(note=f"from {saved}: {summary}"))
    return wanted


def _check_fit(
    bus: FeetechBus, wanted: Calibration, held: Calibration, saved: Path, others: Sequence[Path]
) -> None:
    """Raise Uncalibrated if what the file ``saved`` has is seen to be another arm's."""
    if other := whose.recognised(held, others):
        raise Uncalibrated(f"{': '.join(whose.another(other))}. Nothing was written.")
    positions = ask_all(bus, "Present_Position")["Present_Position"]
    if misfit := whose.misfit(wanted, held, positions):
        raise Uncalibrated(
            f"The calibration {saved} does not fit this arm, {misfit}: {whose.REMEDY}."
        )


def _recognised(
    held: Calibration, known: Sequence[Path], tell: Tell, gripper_known: bool
) -> Calibration:
    """What the motors hold, and which way they count as far as that is known."""
    path = whose.recognised(held, known)
    if path is None:
        if change := whose.changed(held, known):
            tell(CalibrationChanged(note=": ".join(change)))
        if not gripper_known:
            tell(GripperWayUnknown(note=_WAY_UNKNOWN))
        return held
    found = calibration.load(path)
    if any(motor.drive_mode for motor in found.values()):
        tell(CalibrationRecognised(note=f"it is that of {path}, which says how motors count"))
    return found


@contextmanager
def unlocked_all(bus: FeetechBus, motors: Sequence[str]) -> Iterator[None]:
    """``unlocked`` for several motors."""
    with ExitStack() as stack:
        for name in motors:
            stack.enter_context(unlocked(bus, name))
        yield


@contextmanager
def unlocked(bus: FeetechBus, motor: str) -> Iterator[None]:
    """Meanwhile the motor is limp and what is written to its EEPROM persists."""
    bus.write("Torque_Enable", motor, 0)
    bus.write("Lock", motor, 0)
    try:
        yield
    finally:
        bus.write("Lock", motor, 1)


def ask_all(bus: FeetechBus, *registers: str) -> dict[str, dict[str, int]]:
    """Registers of every motor, by name; raises BusTimeout if one does not answer."""
    answers = bus.sync_read(registers)
    for motor, reason in answers.missing.items():
        raise no_good_answer(bus, motor, reason)
    return answers.values


def no_good_answer(bus: FeetechBus, motor: str, reason: str) -> BusTimeout:
    """What to raise of a motor that has not answered, for that ``reason``."""
    return BusTimeout(
        f"{motor} (ID {MOTORS[motor]}) gives no good answer ({reason}): check the cables and the "
        f"power of the arm on {bus.port}."
    )


def _check_firmware(bus: FeetechBus) -> None:
    major, minor = ask_all(bus, "Firmware_Major_Version", "Firmware_Minor_Version").values()
    versions = {name: f"{major[name]}.{minor[name]}" for name in JOINTS}
    if len(set(versions.values())) > 1:
        shown = ", ".join(f"{name} {version}" for name, version in versions.items())
        raise ServoFault(
            f"The motors have different firmware ({shown}): bring all to the newest with "
            "Feetech's own software."
        )
