"""One virtual STS3215: its registers, its electronics, and what it asks of its motor."""

from __future__ import annotations

import math
import struct

from robots.feetech.registers import FACTORY, REGISTERS, STEPS
from robots.virtual.servos.drive import TOP_SPEED, Drive
from robots.virtual.servos.table import Table

VOLTAGE, ANGLE, OVERHEAT, OVERCURRENT, OVERLOAD = 1, 2, 4, 8, 32  # error bits
POSITION, VELOCITY, PWM, STEP = 0, 1, 2, 3  # operating modes
CENTRE = 128  # written to Torque_Enable: the present position becomes 2048
MULTI_TURN = 16  # bit of Phase

# Estimates, not measured: the supply that the top speed is for, the current at stall, how hot a
# motor gets under full load, and how fast.
_NOMINAL, _STALL_CURRENT = 12.0, 2700.0  # [V], [mA]
AMBIENT, _HEATING, _WARMING_S = 25.0, 75.0, 300.0  # [deg C], [K], [s]
_MILLIAMPERES = 6.5  # a unit of the current's registers
_ACCELERATION = 100.0  # [step/s^2], a unit of Acceleration
_STILL = 5.0  # [step/s]

# Present position, velocity, load, voltage, temperature; status, moving; current: 56 to 70.
_SHOWN = struct.Struct("<HHHBBxBBxxH")
_PRESENT = REGISTERS["Present_Position"].address
_GOAL = REGISTERS["Goal_Position"].address
_TORQUE = REGISTERS["Torque_Enable"].address


class Servo:
    """A servo whose shaft stands at ``position`` [step]; someone else moves it.

    Every period: ``drive`` says what the motor is to do, ``feel`` tells what it did. Positions of
    the shaft are steps of the encoder that go on counting beyond a turn; those in registers are
    what a client sees.
    """

    def __init__(self, name: str, table: Table, position: float) -> None:
        self.name, self.table = name, table
        self.position, self.velocity, self.effort = position, 0.0, 0.0  # effort: share of stall
        self.temperature, self.voltage = AMBIENT, _NOMINAL  # [deg C], [V]
        self.injected = 0  # error bits of a fault that is played
        self._setpoint = Drive(position)
        self.boot()

    def boot(self) -> None:
        """A power cycle: the RAM is new, the torque off, and turns are no longer counted."""
        self.table.boot()
        self._lost = self.position // STEPS * STEPS  # whole turns [step]
        self._relieve()
        self._end = self.position  # of a turn in step mode [step]
        self._registered: tuple[int, bytes] | None = None
        self.table["Goal_Position"] = self.present
        self._setpoint.hold(self.position)

    @property
    def torque(self) -> bool:
        """Whether torque is on."""
        return self.table["Torque_Enable"] == 1

    @property
    def present(self) -> int:
        """What the register Present_Position shows [step]."""
        return max(-0x7FFF, min(0x7FFF, math.floor(self._counted + 0.5)))

    @property
    def _counted(self) -> float:
        """The present position, not rounded [step]."""
        counted = self.position - self._lost - self.table["Homing_Offset"]
        return counted if self.table["Phase"] & MULTI_TURN else (counted + 0.5) % STEPS - 0.5

    def _relieve(self) -> None:
        """Forget what tripped, and what was about to."""
        self._tripped, self._loaded_s, self._current_s = 0, 0.0, 0.0

    @property
    def errors(self) -> int:
        """The error bits of its answers."""
        volts, table = self.voltage * 10, self.table
        bits = self._tripped | self.injected
        if not table["Min_Voltage_Limit"] <= volts <= table["Max_Voltage_Limit"]:
            bits |= VOLTAGE
        if self.temperature > table["Max_Temperature_Limit"]:
            bits |= OVERHEAT
        return bits

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the control table as they are now."""
        if address + size > _PRESENT:
            self._measure()
        return self.table.read(address, size)

    def write(self, address: int, content: bytes) -> None:
        """Have a client's write take effect."""
        table, was_on = self.table, self.torque
        before = table["Torque_Enable"]
        table.write(address, content)
        if address <= _TORQUE < address + len(content):
            if table["Torque_Enable"] == CENTRE:
                table["Torque_Enable"] = before
                self._centre()
            if self.torque and not was_on:
                self._setpoint.hold(self.position)
            if not (self.torque and was_on):
                self._relieve()
        if address < _GOAL + 2 and address + len(content) > _GOAL:
            self._new_goal()

    def register(self, address: int, content: bytes) -> None:
        """Keep a write until ``act``."""
        self._registered = (address, content)

    def act(self) -> tuple[int, bytes] | None:
        """The write that was kept, once."""
        kept, self._registered = self._registered, None
        return kept

    def reset(self) -> None:
        """Back to the factory's EEPROM, but for the ID."""
        self.table.replace_eeprom({"ID": self.table["ID"]})
        self.table.persist("ID", self.table["ID"])
        self.boot()

    def disguise(self, model: int | None, firmware: tuple[int, int] | None) -> None:
        """Be another model, or have another firmware; None is what it came with."""
        major, minor = firmware or (
            FACTORY["Firmware_Major_Version"],
            FACTORY["Firmware_Minor_Version"],
        )
        self.table["Model_Number"] = FACTORY["Model_Number"] if model is None else model
        self.table["Firmware_Major_Version"] = major
        self.table["Firmware_Minor_Version"] = minor

    def drive(self, period: float) -> tuple[float, float]:
        """Where the motor is to hold the shaft [step] and the most torque it may use (share of
        stall torque, 0 is limp) for the next ``period`` [s]."""
        if not self.torque:
            self._setpoint.hold(self.position)
            self._end = self.position
            return self.position, 0.0
        table = self.table
        share = min(table["Torque_Limit"] / 1000, 1.0)
        if self._tripped & OVERLOAD:
            share = min(share, table["Protective_Torque"] / 100)
        return self._advance(period, share)

    def feel(self, position: float, velocity: float, effort: float, period: float) -> None:
        """The shaft came to ``position`` [step] at ``velocity`` [step/s], the motor exerting
        ``effort`` (signed share of stall torque), during ``period`` [s]."""
        self.position, self.velocity, self.effort = position, velocity, effort
        warmth = AMBIENT + _HEATING * effort * effort
        self.temperature += (warmth - self.temperature) * period / _WARMING_S
        self._protect(period)

    @property
    def top_speed(self) -> float:
        """Fastest that it can turn [step/s]."""
        return TOP_SPEED * self.voltage / _NOMINAL

    @property
    def _goal(self) -> float:
        """Where the shaft is to be [step]."""
        goal, table = self.table["Goal_Position"], self.table
        low, high = table["Min_Position_Limit"], table["Max_Position_Limit"]
        if low < high:  # both 0: no limits, for many turns
            goal = max(low, min(high, goal))
        return self.position - self._counted + goal

    def _advance(self, period: float, share: float) -> tuple[float, float]:
        """``drive`` in the operating mode, with torque on."""
        table, setpoint = self.table, self._setpoint
        rate, top = table["Acceleration"] * _ACCELERATION, self.top_speed
        wanted, mode = table["Goal_Velocity"], table["Operating_Mode"]
        if mode == VELOCITY:
            setpoint.turn(max(-top, min(top, wanted)), rate, period)
        elif mode == PWM:
            duty = max(-1.0, min(1.0, _signed(table["Goal_Time"], 10) / 1000))
            setpoint.hold(self.position + duty * top * period)
            share = min(share, abs(duty))
        else:
            self._end = self._end if mode == STEP else self._goal
            top = min(top, abs(wanted)) if wanted else top
            setpoint.towards(self._end, top, rate, period)
        return setpoint.setpoint, share

    def _new_goal(self) -> None:
        """A goal was written: in step mode go that far, and see whether it takes the load off."""
        if self.table["Operating_Mode"] == STEP:
            self._end = self._setpoint.setpoint + self.table["Goal_Position"]
        elif self._tripped & OVERLOAD and (self._goal - self.position) * self.effort <= 0:
            self._tripped &= ~OVERLOAD
            self._loaded_s = 0.0

    def _centre(self) -> None:
        """Make the present position 2048, as far as the offset can."""
        offset = round(self.position) % STEPS - 2048
        register = REGISTERS["Homing_Offset"]
        self.table.persist("Homing_Offset", max(register.lowest, min(register.highest, offset)))

    def _protect(self, period: float) -> None:
        """Trip on overload, over-current and heat as the limits in the EEPROM say."""
        table, mask = self.table, self.table["Unloading_Condition"]
        loaded = abs(self.effort) * 100 > table["Overload_Torque"]
        self._loaded_s = self._loaded_s + period if loaded else 0.0
        if self._loaded_s > table["Protection_Time"] / 100 and mask & OVERLOAD:
            self._tripped |= OVERLOAD
        drawn = abs(self.effort) * _STALL_CURRENT > table["Protection_Current"] * _MILLIAMPERES
        self._current_s = self._current_s + period if drawn else 0.0
        if self._current_s > table["Over_Current_Protection_Time"] / 100 and mask & OVERCURRENT:
            self._tripped |= OVERCURRENT
        if self._tripped & OVERCURRENT or self.errors & mask & OVERHEAT:
            table["Torque_Enable"] = 0

    def _measure(self) -> None:
        """Bring the registers that show the present up to date, in one piece: this is often."""
        moving = abs(self.velocity) >= _STILL or (self.torque and self._setpoint.speed != 0)
        current = self.effort * _STALL_CURRENT / _MILLIAMPERES
        shown = _SHOWN.pack(
            _sign_magnitude(self.present, 15),
            _sign_magnitude(round(self.velocity), 15),
            _sign_magnitude(round(self.effort * 1000), 10),
            max(0, min(255, round(self.voltage * 10))),
            max(0, min(255, round(self.temperature))),
            self.errors,
            moving,
            _sign_magnitude(round(current), 15),
        )
        self.table.show(_PRESENT, shown)


def _sign_magnitude(value: int, bit: int) -> int:
    """``value`` as far as ``bit`` bits hold it, with that bit as its sign."""
    magnitude = min(abs(value), (1 << bit) - 1)
    return magnitude | 1 << bit if value < 0 else magnitude


def _signed(value: int, bit: int) -> int:
    """What sign and magnitude mean."""
    return -(value & ~(1 << bit)) if value >> bit & 1 else value
