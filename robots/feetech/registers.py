"""The control table of the STS3215 servo, in the names that users of these arms know."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

STEPS = 4096  # of the encoder, a turn
TOP = STEPS - 1  # highest position within one turn
MODEL = 777  # model number of the STS3215
FACTORY_ID = 1
BROADCAST = 0xFE
MAX_ID = 0xFD

# Bits of a status packet's error byte, and of the register Status.
ERRORS = MappingProxyType(
    {1: "voltage", 2: "angle sensor", 4: "overheat", 8: "over-current", 32: "overload"}
)

# By the register's value [bit/s].
BAUD_RATES = (1_000_000, 500_000, 250_000, 128_000, 115_200, 57_600, 38_400, 19_200)


@dataclass(frozen=True, slots=True)
class Register:
    """A place in the control table; two bytes stand low byte first."""

    name: str
    address: int
    size: int = 1  # bytes
    sign: int | None = None  # the bit that makes a value negative (sign and magnitude)
    writable: bool = True

    @property
    def eeprom(self) -> bool:
        """Whether it outlives a power cycle, if it is written while Lock is 0."""
        return self.address < 40

    @property
    def lowest(self) -> int:
        """Least value it can hold."""
        return 0 if self.sign is None else -self.highest

    @property
    def highest(self) -> int:
        """Greatest value it can hold."""
        return (1 << (8 * self.size if self.sign is None else self.sign)) - 1

    def encode(self, value: int) -> bytes:
        """The bytes that mean ``value``; raises ValueError if it does not fit."""
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"{self.name} holds {self.lowest} to {self.highest}, not {value}")
        raw = value if value >= 0 or self.sign is None else -value | 1 << self.sign
        return raw.to_bytes(self.size, "little")

    def decode(self, content: bytes) -> int:
        """What ``content``, of this register's size, means."""
        raw = int.from_bytes(content, "little")
        if self.sign is None or not raw >> self.sign & 1:
            return raw
        return -(raw & ~(1 << self.sign))


_ALL = (
    Register("Firmware_Major_Version", 0, writable=False),
    Register("Firmware_Minor_Version", 1, writable=False),
    Register("Model_Number", 3, 2, writable=False),
    Register("ID", 5),
    Register("Baud_Rate", 6),
    Register("Return_Delay_Time", 7),  # 2 us
    Register("Response_Status_Level", 8),  # 0 answers only READ and PING
    Register("Min_Position_Limit", 9, 2),
    Register("Max_Position_Limit", 11, 2),
    Register("Max_Temperature_Limit", 13),  # deg C
    Register("Max_Voltage_Limit", 14),  # 0.1 V
    Register("Min_Voltage_Limit", 15),  # 0.1 V
    Register("Max_Torque_Limit", 16, 2),  # 0.1 % of stall torque
    Register("Phase", 18),  # bit 4: position counts over many turns
    Register("Unloading_Condition", 19),
    Register("LED_Alarm_Condition", 20),
    Register("P_Coefficient", 21),
    Register("D_Coefficient", 22),
    Register("I_Coefficient", 23),
    Register("Minimum_Startup_Force", 24, 2),
    Register("CW_Dead_Zone", 26),
    Register("CCW_Dead_Zone", 27),
    Register("Protection_Current", 28, 2),  # 6.5 mA
    Register("Angular_Resolution", 30),
    Register("Homing_Offset", 31, 2, sign=11),  # present = actual - offset
    Register("Operating_Mode", 33),  # 0 position, 1 velocity, 2 PWM, 3 step
    Register("Protective_Torque", 34),  # % after an overload
    Register("Protection_Time", 35),  # 10 ms
    Register("Overload_Torque", 36),  # %
    Register("Over_Current_Protection_Time", 38),  # 10 ms
    Register("Torque_Enable", 40),  # 128 makes the present position 2048
    Register("Acceleration", 41),  # 100 step/s^2; 0 is the most there is
    Register("Goal_Position", 42, 2, sign=15),
    Register("Goal_Time", 44, 2),
    Register("Goal_Velocity", 46, 2, sign=15),
    Register("Torque_Limit", 48, 2),  # 0.1 % of stall torque
    Register("Lock", 55),  # 0 lets EEPROM writes persist
    Register("Present_Position", 56, 2, sign=15, writable=False),  # step
    Register("Present_Velocity", 58, 2, sign=15, writable=False),  # step/s
    Register("Present_Load", 60, 2, sign=10, writable=False),  # 0.1 % of stall torque
    Register("Present_Voltage", 62, writable=False),  # 0.1 V
    Register("Present_Temperature", 63, writable=False),  # deg C
    Register("Status", 65, writable=False),  # the error bits
    Register("Moving", 66, writable=False),
    Register("Present_Current", 69, 2, sign=15, writable=False),  # 6.5 mA
    Register("Maximum_Acceleration", 85),
)

REGISTERS = MappingProxyType({register.name: register for register in _ALL})
"""Every register by name."""


FACTORY = MappingProxyType(
    {
        "Firmware_Major_Version": 3,
        "Firmware_Minor_Version": 10,
        "Model_Number": MODEL,
        "ID": FACTORY_ID,
        "Return_Delay_Time": 250,
        "Response_Status_Level": 1,
        "Max_Position_Limit": TOP,
        "Max_Temperature_Limit": 70,
        "Max_Voltage_Limit": 140,
        "Min_Voltage_Limit": 40,
        "Max_Torque_Limit": 1000,
        "Phase": 12,
        "Unloading_Condition": 44,
        "LED_Alarm_Condition": 44,
        "P_Coefficient": 32,
        "D_Coefficient": 32,
        "Minimum_Startup_Force": 16,
        "CW_Dead_Zone": 1,
        "CCW_Dead_Zone": 1,
        "Protection_Current": 511,
        "Angular_Resolution": 1,
        "Protective_Torque": 20,
        "Protection_Time": 200,
        "Overload_Torque": 80,
        "Over_Current_Protection_Time": 200,
    }
)
"""The EEPROM of a motor out of the box; what is not named is 0."""


def error_names(bits: int) -> list[str]:
    """The names of the error bits that are set."""
    return [name for bit, name in ERRORS.items() if bits & bit]
