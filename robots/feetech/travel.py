"""An arm's calibration, measured while an operator moves it and then written into its motors.

While it is measured nothing is changed in the motors: where a shaft is within its turn follows from
the position that its motor shows and the homing offset that it holds, and turns are counted here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from robots.base import GRIPPER, JOINTS, BusTimeout, NotConnected, RobotError, ServoFault
from robots.feetech.bus import FeetechBus
from robots.feetech.calibration import ENDLESS, Calibration, MotorCalibration, write_each
from robots.feetech.handshake import unlocked_all
from robots.feetech.registers import REGISTERS, STEPS, TOP

_HALF = 2047  # where lerobot has the middle [step]
_LARGEST_OFFSET = REGISTERS["Homing_Offset"].highest
_JUMP = STEPS // 4  # steps between two readings that no hand can do
_BLIND_S = 1.0  # between two readings, in which nobody knows how often a shaft has turned
_PATIENCE_S = 1.0  # how long a motor may be silent
_CLOSED = 0.25  # share of its range in which a gripper is closed
_STIR = 200  # how far a limp arm may move while it is written to [step]
_TRIES = 3  # to give a motor back what it held
_MULTI_TURN = 16  # bit of the register Phase


class Shafts:
    """Where the shafts of all motors are within their turn, 0 to 4095 [step].

    ``trouble`` says what is amiss: motors that have been silent for a second, or a port that is
    gone; it is looked for again with every look.
    """

    def __init__(self, bus: FeetechBus) -> None:
        self._bus = bus
        self.trouble: str | None = None
        self._gone = False
        self._offsets = {name: bus.read("Homing_Offset", name) for name in JOINTS}
        self._heard = dict.fromkeys(JOINTS, time.monotonic())

    def now(self) -> dict[str, int]:
        """Of the motors that answer now."""
        try:
            if self._gone:
                self._bus.reopen()
            answers = self._bus.sync_read(["Present_Position"])
        except NotConnected as error:
            self._gone, self.trouble = True, str(error)
            return {}
        self._gone = False
        found = answers.values["Present_Position"]
        self._heard |= dict.fromkeys(found, time.monotonic())
        self.trouble = self._silence(answers.missing)
        return {name: (found[name] + self._offsets[name]) % STEPS for name in found}

    def all(self) -> dict[str, int]:
        """Of every motor; raises BusTimeout if one is silent for a second, or the port is gone."""
        while len(shafts := self.now()) < len(JOINTS):
            if self.trouble is not None:
                raise BusTimeout(f"{self.trouble} Nothing was written.")
        return shafts

    def _silence(self, missing: Mapping[str, str]) -> str | None:
        """Which of the ``missing`` motors has been silent for too long, in words."""
        now = time.monotonic()
        for name, reason in missing.items():
            if now - self._heard[name] > _PATIENCE_S:
                return (
                    f"{name} (ID {self._bus.motors[name]}) has stopped to answer ({reason}): check "
                    "its cable and the arm's power."
                )
        return None


class Travel:
    """How far shafts have turned, counted on beyond the ends of a turn [step].

    It begins where the shafts stand in the middle of the joints' ranges.
    """

    def __init__(self, shafts: Mapping[str, int], now: float) -> None:
        self.middle = dict(shafts)
        self.now, self.low, self.high = dict(shafts), dict(shafts), dict(shafts)
        self.lost: set[str] = set()  # joints that could not be followed, and began again
        self._seen = dict.fromkeys(shafts, now)  # [s]

    def see(self, shafts: Mapping[str, int], now: float) -> None:
        """Take in where shafts are within their turn, at a time ``now`` [s]."""
        for name, shaft in shafts.items():
            moved = nearest(shaft - self.now[name])
            blind = now - self._seen[name] > _BLIND_S
            self.now[name] += moved
            self._seen[name] = now
            if blind or abs(moved) > _JUMP:
                self.lost.add(name)
                self.restart(name)
            self.low[name] = min(self.low[name], self.now[name])
            self.high[name] = max(self.high[name], self.now[name])

    def restart(self, name: str) -> None:
        """Forget how far a shaft has turned."""
        self.low[name] = self.high[name] = self.now[name]

    def span(self, name: str) -> int:
        """How far a shaft has turned."""
        return self.high[name] - self.low[name]

    def gripper_falls(self) -> bool | None:
        """Whether a gripper's steps fall as it opens, if it is closed now; None if it is not."""
        name = JOINTS[GRIPPER]
        share = (self.now[name] - self.low[name]) / max(1, self.span(name))
        return None if _CLOSED < share < 1 - _CLOSED else share > _CLOSED

    def calibration(
        self, ids: Mapping[str, int], *, gripper_falls: bool = False
    ) -> dict[str, MotorCalibration]:
        """The calibration with each range in the middle of the motor's turn.

        So a range never passes the end of a turn, and never needs an offset that a motor cannot
        hold, wherever its horn is screwed on and however well the middle was met.
        """
        found = {name: self._motor(name, ids[name]) for name in JOINTS}
        gripper = JOINTS[GRIPPER]
        return found | {gripper: replace(found[gripper], drive_mode=int(gripper_falls))}

    def _motor(self, name: str, number: int) -> MotorCalibration:
        if name == ENDLESS:
            offset, _, _ = centred(self.middle[name], self.middle[name])
            return MotorCalibration(number, 0, offset, 0, TOP)
        return MotorCalibration(number, 0, *centred(self.low[name], self.high[name]))


def nearest(steps: int) -> int:
    """The shortest way to turn by ``steps``."""
    return (steps + STEPS // 2) % STEPS - STEPS // 2


def centred(low: int, high: int) -> tuple[int, int, int]:
    """The homing offset that brings a range into the middle of a turn, and the range then."""
    middle = (low + high) // 2
    # The offset of a middle at 4095 would be one more than a motor holds.
    offset = min(middle % STEPS - _HALF, _LARGEST_OFFSET)
    shift = middle // STEPS * STEPS + offset
    return offset, low - shift, high - shift


@contextmanager
def installed(bus: FeetechBus, wanted: Calibration) -> Iterator[None]:
    """The limp motors hold ``wanted`` from now on; if the block fails, or this, what they held.

    They count one turn and hold positions, too. Raises BusTimeout, NotConnected or ServoFault.
    """
    shafts = Shafts(bus).all()
    contents = {name: _registers(bus, name, wanted[name]) for name in JOINTS}
    before = {
        name: {register: bus.read(register, name) for register in registers}
        for name, registers in contents.items()
    }
    try:
        _write(bus, contents)
        for name in JOINTS:
            _check_position(bus, name, (shafts[name] - wanted[name].homing_offset) % STEPS)
        yield
    except BaseException as error:
        if failed := _not_restored(bus, before):
            raise ServoFault(
                f"{', '.join(failed)} may hold a part of the new calibration: check the cables and "
                f"run `hil-app calibrate` again. {error}"
            ) from error
        raise


def _registers(bus: FeetechBus, name: str, motor: MotorCalibration) -> dict[str, int]:
    return {
        "Phase": bus.read("Phase", name) & ~_MULTI_TURN,
        "Angular_Resolution": 1,
        "Operating_Mode": 0,
        "Homing_Offset": motor.homing_offset,
        "Min_Position_Limit": motor.range_min,
        "Max_Position_Limit": motor.range_max,
    }


def _write(bus: FeetechBus, contents: Mapping[str, Mapping[str, int]]) -> None:
    """Have the motors' EEPROM hold registers, by motor, and see that they do."""
    with unlocked_all(bus, list(contents)):
        write_each(bus, contents)
    for name, registers in contents.items():
        for register, value in registers.items():
            if (found := bus.read(register, name)) != value:
                raise ServoFault(
                    f"{name} holds {found} as {register} after {value} was written: turn the arm's "
                    "power off and on, and try again."
                )


def _not_restored(bus: FeetechBus, before: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The motors that could not be given back what they held ``before``."""
    with suppress(RobotError):
        _write(bus, before)  # all at once, so that it shows if this is cut off, too
        return []
    failed = list(before)
    for _ in range(_TRIES):
        for name in list(failed):
            with suppress(RobotError):
                if any(bus.read(register, name) != old for register, old in before[name].items()):
                    _write(bus, {name: before[name]})
                failed.remove(name)
                bus.write("Lock", name, 1)
    return failed


def _check_position(bus: FeetechBus, name: str, expected: int) -> None:
    """Raise ServoFault unless a motor shows ``expected`` with its new offset."""
    shown = bus.read("Present_Position", name)
    if not 0 <= shown <= TOP or abs(nearest(shown - expected)) > _STIR:
        raise ServoFault(
            f"With its new homing offset {name} reads {shown} instead of {expected}: hold the arm "
            "still, turn its power off and on and calibrate again; if that does not help, screw "
            "the motor's horn on half a turn further round."
        )
