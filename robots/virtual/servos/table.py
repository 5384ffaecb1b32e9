"""The memory of a servo: its control table, and the part of it that outlives a power cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from robots.feetech.registers import FACTORY, REGISTERS

SIZE = 256  # bytes
EEPROM_END = 40

_WRITABLE = bytearray(SIZE)  # 1 where a client's write has an effect
for _register in REGISTERS.values():
    if _register.writable:
        _span = slice(_register.address, _register.address + _register.size)
        _WRITABLE[_span] = bytes([1]) * _register.size


class Table:
    """Registers by name, and as bytes by address.

    Writes below address 40 outlive a power cycle only while Lock is 0; ``persisted`` is called
    after each that does.
    """

    def __init__(self, eeprom: Mapping[str, int], persisted: Callable[[], None]) -> None:
        self._bytes = bytearray(SIZE)
        self._persisted = persisted
        self._eeprom = bytearray(EEPROM_END)
        self.replace_eeprom(eeprom)

    def __getitem__(self, name: str) -> int:
        register = REGISTERS[name]
        address = register.address
        if register.size == 1:  # most are, and this is often
            return self._bytes[address]
        return register.decode(bytes(self._bytes[address : address + 2]))

    def __setitem__(self, name: str, value: int) -> None:
        register = REGISTERS[name]
        span = slice(register.address, register.address + register.size)
        self._bytes[span] = register.encode(value)

    def replace_eeprom(self, values: Mapping[str, int]) -> None:
        """Make the EEPROM hold the factory's values, and ``values`` over them; then boot."""
        for name, value in {**FACTORY, **values}.items():
            register = REGISTERS[name]
            span = slice(register.address, register.address + register.size)
            self._eeprom[span] = register.encode(value)
        self.boot()

    def boot(self) -> None:
        """What a power cycle does: RAM is as in the EEPROM, else at its defaults."""
        self._bytes[:] = self._eeprom + bytes(SIZE - EEPROM_END)
        self["Lock"] = 1
        self["Torque_Limit"] = self["Max_Torque_Limit"]

    def eeprom(self) -> dict[str, int]:
        """What outlives a power cycle, by name."""
        return {
            name: register.decode(
                bytes(self._eeprom[register.address : register.address + register.size])
            )
            for name, register in REGISTERS.items()
            if register.eeprom and register.writable
        }

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``."""
        return bytes(self._bytes[address : address + size])

    def show(self, address: int, content: bytes) -> None:
        """What the servo itself writes, from ``address`` on."""
        self._bytes[address : address + len(content)] = content

    def write(self, address: int, content: bytes) -> None:
        """What a client writes; bytes that are read-only, or mean nothing, stay as they are."""
        kept = not self["Lock"]
        for place, value in enumerate(content, start=address):
            if _WRITABLE[place]:
                self._bytes[place] = value
                if kept and place < EEPROM_END:
                    self._eeprom[place] = value
        if kept and address < EEPROM_END:
            self._persisted()

    def persist(self, name: str, value: int) -> None:
        """What the servo itself stores in its EEPROM, locked or not."""
        register = REGISTERS[name]
        self[name] = value
        span = slice(register.address, register.address + register.size)
        self._eeprom[span] = register.encode(value)
        self._persisted()
