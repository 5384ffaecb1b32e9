"""Six servos on one wire: which of them hear a packet, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from robots.base import JOINTS
from robots.feetech.registers import BAUD_RATES, BROADCAST
from robots.virtual.fault_settings import FaultSettings
from robots.virtual.servos import packets
from robots.virtual.servos.packets import Packet, status
from robots.virtual.servos.servo import AMBIENT, Servo
from robots.virtual.servos.table import SIZE, Table
from robots.virtual.servos.violation_log import ViolationLog


class Chain:
    """The servos by name, in the order of JOINTS; ``handle`` is the wire.

    ``dirty`` says that an EEPROM has changed since it was last set to False.
    """

    def __init__(self, eeproms: Mapping[str, Mapping[str, int]], positions: list[float]) -> None:
        self.dirty = False
        self.servos = {
            name: Servo(name, Table(eeproms[name], self._soil), position)
            for name, position in zip(JOINTS, positions, strict=True)
        }
        self.violations = ViolationLog(self.servos)
        self._fault_settings = FaultSettings()
        self._instructions: Mapping[int, Callable[[Servo, bytes], bytes | None]] = {
            packets.PING: self._ping,
            packets.READ: self._read,
            packets.WRITE: self._write,
            packets.REG_WRITE: self._keep,
            packets.ACTION: self._act,
            packets.RESET: self._reset,
        }

    def turn(self, fault_settings: FaultSettings) -> None:
        """Go by ``fault_settings`` from now on."""
        for name, servo in self.servos.items():
            replugged = (name in fault_settings.connected) != (
                name in self._fault_settings.connected
            )
            if replugged or fault_settings.power_cycle:
                servo.boot()
            servo.injected = fault_settings.errors.get(name, 0)
            servo.voltage = fault_settings.voltage
            if name in self._fault_settings.temperature and name not in fault_settings.temperature:
                servo.temperature = AMBIENT
            servo.disguise(fault_settings.model.get(name), fault_settings.firmware.get(name))
        self._fault_settings = fault_settings
        self.violations.max_jump = fault_settings.max_jump

    def eeproms(self) -> dict[str, dict[str, int]]:
        """What outlives a power cycle, by motor."""
        return {name: servo.table.eeprom() for name, servo in self.servos.items()}

    def handle(self, packet: Packet, speed: int) -> list[bytes]:
        """The answers to ``packet``, sent at ``speed`` [bit/s], in the order they come."""
        self.violations.packets += 1
        audience = list(self._audience(speed))
        if packet.instruction == packets.SYNC_READ:
            return list(self._sync_read(packet, audience))
        if packet.instruction == packets.SYNC_WRITE:
            self._sync_write(packet, audience)
            return []
        return [answer for servo in audience for answer in self._answers(servo, packet)]

    def _audience(self, speed: int) -> Iterator[Servo]:
        """Those that hear what is sent at ``speed`` [bit/s], by ID."""
        fault_settings = self._fault_settings
        for servo in sorted(self.servos.values(), key=lambda servo: servo.table["ID"]):
            reachable = (
                servo.name in fault_settings.connected and servo.name not in fault_settings.missing
            )
            code = servo.table["Baud_Rate"]
            if reachable and code < len(BAUD_RATES) and BAUD_RATES[code] == speed:
                yield servo

    def _answers(self, servo: Servo, packet: Packet) -> list[bytes]:
        number = servo.table["ID"]  # a new ID answers from the next packet on
        broadcast = packet.id == BROADCAST
        execute = self._instructions.get(packet.instruction)
        if execute is None or not (broadcast or packet.id == number):
            return []
        content = execute(servo, packet.parameters)
        quiet = servo.table["Response_Status_Level"] == 0
        always = packet.instruction in (packets.PING, packets.READ)
        if content is None or (quiet and not always):
            return []
        if broadcast and packet.instruction != packets.PING:
            return []
        return self._status(servo, number, content)

    def _status(self, servo: Servo, number: int, content: bytes) -> list[bytes]:
        times = 2 if servo.name in self._fault_settings.duplicate else 1
        return [status(number, servo.errors, content)] * times

    def _sync_read(self, packet: Packet, audience: list[Servo]) -> Iterator[bytes]:
        if packet.id != BROADCAST or len(packet.parameters) < 3:
            return
        for number in packet.parameters[2:]:
            for servo in audience:
                if servo.table["ID"] == number:
                    content = self._read(servo, packet.parameters[:2])
                    if content is not None:
                        yield from self._status(servo, number, content)

    def _sync_write(self, packet: Packet, audience: list[Servo]) -> None:
        if packet.id != BROADCAST or len(packet.parameters) < 2:
            return
        (address, size), rest = packet.parameters[:2], packet.parameters[2:]
        for start in range(0, len(rest) - size, size + 1):
            number, content = rest[start], rest[start + 1 : start + 1 + size]
            for servo in audience:
                if servo.table["ID"] == number:
                    self._store(servo, address, content)

    def _ping(self, servo: Servo, parameters: bytes) -> bytes:  # noqa: ARG002 - as handle calls it
        return b""

    def _read(self, servo: Servo, parameters: bytes) -> bytes | None:
        if len(parameters) != 2 or sum(parameters) > SIZE or parameters[1] > 244:
            return None
        return servo.read(*parameters)

    def _write(self, servo: Servo, parameters: bytes) -> bytes | None:
        return self._store(servo, parameters[0], parameters[1:]) if parameters else None

    def _keep(self, servo: Servo, parameters: bytes) -> bytes | None:
        if len(parameters) < 2:
            return None
        servo.register(parameters[0], parameters[1:])
        return b""

    def _act(self, servo: Servo, parameters: bytes) -> bytes:  # noqa: ARG002 - as handle calls it
        if kept := servo.act():
            self._store(servo, *kept)
        return b""

    def _reset(self, servo: Servo, parameters: bytes) -> bytes:  # noqa: ARG002 - as handle calls it
        servo.reset()
        return b""

    def _store(self, servo: Servo, address: int, content: bytes) -> bytes | None:
        """Every write comes through here."""
        if not content or address + len(content) > SIZE:
            return None
        before = self.violations.look(servo)
        servo.write(address, content)
        self.violations.check(servo, before, range(address, address + len(content)))
        return b""

    def _soil(self) -> None:
        self.dirty = True
