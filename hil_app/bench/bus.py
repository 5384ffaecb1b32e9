"""What our servo bus costs over the bare SDK: both on one port, in turns."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from scservo_sdk import COMM_SUCCESS, GroupSyncRead, GroupSyncWrite, PacketHandler, PortHandler

from hil_app.bench import Result
from hil_app.control.rate import milliseconds
from robots.base import BusTimeout
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS
from robots.feetech.registers import REGISTERS
from robots.feetech.servos import SENSED

Cycle = Callable[[], None]
TICK_MS = 1000 / 30
WARM_UP = 20  # rounds that do not count
PATIENCE_S = 5.0  # for an answer: other programs may have the machine
PLACES = [REGISTERS[name] for name in SENSED]
START = PLACES[0].address
SIZE = PLACES[-1].address + PLACES[-1].size - START  # 15 bytes
GOAL = REGISTERS["Goal_Position"]


class _PatientPort(PortHandler):  # type: ignore[misc]  # the SDK has no types
    """A port of the SDK that waits longer for an answer than its 34 ms."""

    def setPacketTimeout(self, packet_length: int) -> None:  # noqa: N802  # the SDK's name
        super().setPacketTimeout(packet_length)
        self.packet_timeout = 1000 * PATIENCE_S


def bus(port: str, rounds: int) -> Result:
    """Time [ms] of reading six motors' state and writing their goals, by the SDK and by us.

    The goals are where the motors are, so nothing moves. Raises RobotError.
    """
    sdk_port = _PatientPort(port)
    with FeetechBus(port, MOTORS, timeout_s=PATIENCE_S) as ours:
        sdk_port.openPort()  # after ours, which says what is wrong with a port
        try:
            goals = _positions(ours)
            times = _measure({"sdk": _sdk(sdk_port, goals), "ours": _ours(ours, goals)}, rounds)
        finally:
            sdk_port.closePort()
    figures = {name: milliseconds(seconds) or {} for name, seconds in times.items()}
    return {
        "ms": figures,
        "ratio": {
            key: round(figures["ours"][key] / figures["sdk"][key], 3) for key in ("p50", "p99")
        },
        "share_of_tick": {
            name: round(values["p50"] / TICK_MS, 4) for name, values in figures.items()
        },
        "rounds": rounds,
    }


def _measure(cycles: dict[str, Cycle], rounds: int) -> dict[str, list[float]]:
    """Durations [s] of each cycle, in turns, so that all see the same machine."""
    times: dict[str, list[float]] = {name: [] for name in cycles}
    for turn in range(WARM_UP + rounds):
        for name, cycle in cycles.items():
            started = perf_counter()
            cycle()
            if turn >= WARM_UP:
                times[name].append(perf_counter() - started)
    return times


def _sdk(port: PortHandler, goals: dict[str, int]) -> Cycle:
    """The bare SDK, used as its makers mean it."""
    handler = PacketHandler(0)
    reader = GroupSyncRead(port, handler, START, SIZE)
    writer = GroupSyncWrite(port, handler, GOAL.address, GOAL.size)
    for number in MOTORS.values():
        reader.addParam(number)

    def cycle() -> None:
        if reader.txRxPacket() != COMM_SUCCESS:
            raise BusTimeout(f"The SDK's sync read failed on {port.port_name}: is it all there?")
        for number in MOTORS.values():
            for place in PLACES:
                reader.getData(number, place.address, place.size)
        for name, goal in goals.items():
            writer.addParam(MOTORS[name], list(GOAL.encode(goal)))
        writer.txPacket()
        writer.clearParam()

    return cycle


def _ours(bus: FeetechBus, goals: dict[str, int]) -> Cycle:
    def cycle() -> None:
        bus.sync_read(SENSED)
        bus.sync_write(GOAL.name, goals)

    return cycle


def _positions(bus: FeetechBus) -> dict[str, int]:
    answers = bus.sync_read(SENSED)
    if answers.missing:
        raise BusTimeout(
            f"No answer on {bus.port} of {', '.join(answers.missing)}: "
            "the bench needs motors 1 to 6, see `hil-app doctor`."
        )
    return answers.values[SENSED[0]]
