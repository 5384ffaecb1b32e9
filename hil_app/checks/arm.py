"""The motors of an arm, looked at without a single write."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from configs.robot import FollowerConfig, SafetyConfig, ServoArmConfig
from configs.teleop import LeaderConfig
from configs.text.paths import typed
from hil_app.checks import calibrated
from hil_app.checks.finding import Finding, Findings, note, of_error, ok, problem
from hil_app.checks.machine import users_of
from robots.base import JOINTS, NotConnected, RobotError
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS, SUPPLY, odd_phases, odd_voltages, supply_fault
from robots.feetech.registers import FACTORY, MODEL, REGISTERS, error_names
from robots.feetech.settings import of_follower, of_leader
from robots.virtual.client import VirtualArm

Values = Mapping[str, int]  # of a register, by motor

_REGISTERS = (
    "Firmware_Major_Version",
    "Firmware_Minor_Version",
    "Model_Number",
    "Min_Position_Limit",
    "Max_Position_Limit",
    "Homing_Offset",
    "Torque_Enable",
    "Present_Position",
    "Present_Voltage",
    "Min_Voltage_Limit",
    "Max_Voltage_Limit",
    "Phase",
    "Present_Temperature",
    "Status",
)
_WARM = 10.0  # below the highest temperature, from which it is worth a word [deg C]
_DROP = 1.0  # of the supply along the chain of motors [V]
_ROUNDS, _ROUNDS_S = 100, 1.5  # reads that are timed, in no more than so many seconds
_SLOW = 0.008  # a read that takes longer waits for something else than motors [s]
_LOSSY = 0.02  # share of answers that may be lost
_REMEDIES = {
    "voltage": "check the supply",
    "angle sensor": "turn its power off and on; if it stays, replace the motor",
    "overheat": "let it cool down",
    "over-current": "free the joint, then turn its power off and on",
    "overload": "free the joint, then turn its power off and on",
}


@dataclass(frozen=True, slots=True)
class ArmSnapshot:
    """What the motors that answer say: a register's values by motor."""

    values: Mapping[str, Values]
    errors: Values  # error bits, by motor

    @property
    def motors(self) -> list[str]:
        """Those that answer."""
        return [name for name in JOINTS if name in self.errors]


def arm(cfg: FollowerConfig | LeaderConfig, period: float) -> Findings:
    """Everything about one arm whose motors are asked once in every ``period`` [s]."""
    yield from virtual(cfg)
    bus = FeetechBus(cfg.port, MOTORS, cfg.baud_rate)
    try:
        bus.open()
    except NotConnected as error:
        users = users_of(cfg.port)
        yield of_error(error, about=f"{', '.join(users)} uses the port. " if users else "")
        return
    with closing(bus):
        yield from motors(bus)
        wanted = of_leader(cfg) if cfg.leads else of_follower(cfg)
        kept = {name: values for name, values in wanted.items() if REGISTERS[name].eeprom}
        answers = bus.sync_read([*_REGISTERS, *kept])
        shot = ArmSnapshot(answers.values, answers.errors)
        if not shot.motors:
            return
        safety = SafetyConfig() if cfg.leads else cfg.safety
        yield from alike(shot)
        yield from supply(shot, safety)
        yield from temperatures(shot, safety)
        yield from faults(shot)
        yield from settings(shot, kept)
        try:
            yield from calibrated.calibration(cfg, shot.values, shot.motors)
        except RobotError as error:
            yield of_error(error)
        yield from torque(shot)
        yield from round_trips(bus, shot.motors, period)


def virtual(cfg: ServoArmConfig) -> Findings:
    """Whether the arm on the port is a virtual one, and then the right one."""
    world = VirtualArm.behind(cfg.port)
    if world is None:
        return
    with world:
        kind = str(cfg.model_dump()["type"]).removesuffix("_leader")
        if world.arm == kind:
            yield ok(f"the arm on {cfg.port} is a virtual {kind}")
        else:
            leader, robot = f"--teleop.type={world.arm}_leader", f"--robot.type={world.arm}"
            yield problem(
                f"the arm on {cfg.port} is a virtual {world.arm}, not an {kind}",
                f"say {leader if cfg.leads else robot}, or start it with --arm {kind}",
            )


def motors(bus: FeetechBus) -> Findings:
    """Which motors answer."""
    there = {*bus.scan(), *bus.duplicates}
    missing = bus.sync_read(["ID"]).missing
    if len(missing) == len(MOTORS):
        others = ", ".join(map(str, sorted(there)))
        yield problem(
            f"no motor of an arm answers on {bus.port}" + (f", only ID {others}" * bool(there)),
            "is the arm's power on, is this its port (`hil-app find-port`), and have its motors "
            "been set up (`hil-app setup-motors`)?",
        )
        return
    for number in sorted(bus.duplicates):
        yield problem(
            f"several motors have ID {number}",
            "give each its own: hil-app setup-motors, with one motor connected at a time",
        )
    for name, reason in missing.items():
        if MOTORS[name] not in bus.duplicates:
            yield problem(
                f"{name} (ID {MOTORS[name]}) does not answer ({reason})",
                "check the cable before it, or give it its ID with `hil-app setup-motors`",
            )
    for number in sorted(there - set(MOTORS.values())):
        yield note(f"a motor with ID {number} is on the bus, which an arm does not have")
    if not missing and not bus.duplicates:
        yield ok(f"all six motors answer on {bus.port}")


def alike(shot: ArmSnapshot) -> Findings:
    """Models and firmware."""
    models = shot.values["Model_Number"]
    wrong = {name: model for name, model in models.items() if model != MODEL}
    for name, model in wrong.items():
        yield problem(
            f"{name} is of model {model}, not {MODEL} (STS3215)",
            "is this the right port, and the right motor?",
        )
    major, minor = shot.values["Firmware_Major_Version"], shot.values["Firmware_Minor_Version"]
    versions = {name: f"{major[name]}.{minor[name]}" for name in shot.motors}
    if len(set(versions.values())) > 1:
        yield problem(
            f"the motors have different firmware: {_by_value(versions)}",
            "bring all to the newest with Feetech's own software",
        )
    elif not wrong:
        yield ok(f"STS3215, firmware {versions[shot.motors[0]]}")


def supply(shot: ArmSnapshot, safety: SafetyConfig) -> Findings:
    """The voltage at every motor."""
    volts = {name: value / 10 for name, value in shot.values["Present_Voltage"].items()}
    low, high = safety.voltage
    shown = _by_value({name: f"{value:.1f} V" for name, value in volts.items()})
    if unfit := dict(_unfit(shot)):
        yield problem(
            f"the supply does not fit the motors: {_by_value(unfit)}",
            "unplug it now, and take one that does: there are STS3215 for 7.4 V and for 12 V",
        )
    elif min(volts.values()) < low:
        yield problem(
            f"the supply is below {low:g} V: {shown}",
            "plug in the supply that came with the arm, and check its plug and the cables",
        )
    elif max(volts.values()) > high:
        yield problem(
            f"the supply is above {high:g} V: {shown}",
            "unplug it now, and take the one that came with the arm",
        )
    elif max(volts.values()) - min(volts.values()) > _DROP:
        yield note(f"the supply drops along the cables: {shown}", "see that every plug sits")
    else:
        yield ok(f"supply {shown}")


def _unfit(shot: ArmSnapshot) -> Iterator[tuple[str, str]]:
    """Motors that get another voltage than they take, and what they do."""
    for name in shot.motors:
        if fault := supply_fault(*(shot.values[register][name] for register in SUPPLY)):
            yield name, fault


def temperatures(shot: ArmSnapshot, safety: SafetyConfig) -> Findings:
    """How hot the motors are."""
    found = shot.values["Present_Temperature"]
    hot = {
        name: f"{value} deg C" for name, value in found.items() if value >= safety.max_temperature
    }
    warm = max(found, key=lambda name: found[name])
    if hot:
        yield problem(
            f"too hot, from {safety.max_temperature:g} deg C: {_by_value(hot)}",
            "switch the arm off and let it cool; see what it has to hold or to push against",
        )
    elif found[warm] >= safety.max_temperature - _WARM:
        yield note(f"{warm} is warm, {found[warm]} deg C", "give the arm a break")
    else:
        yield ok(f"hottest is {warm}, {found[warm]} deg C")


def faults(shot: ArmSnapshot) -> Findings:
    """What the motors themselves complain of."""
    for name in shot.motors:
        for fault in error_names(shot.errors[name] | shot.values["Status"][name]):
            yield problem(f"{name} reports {fault}", _REMEDIES[fault])


def settings(shot: ArmSnapshot, wanted: Mapping[str, Values]) -> Findings:
    """What an earlier program has left in the motors: neither as they come nor as a run has it."""
    odd = [
        f"{register} {value} at {name}"
        for register, values in wanted.items()
        for name, value in shot.values[register].items()
        if value not in (values[name], FACTORY.get(register, 0))
    ]
    if odd:
        yield note(f"an earlier program has left {', '.join(odd)}", "a run sets it right")
    if phase := odd_phases(shot.values["Phase"]):
        yield note(phase, "hold the arm when a run begins, and be ready to switch it off")
    if volts := odd_voltages(shot.values["Max_Voltage_Limit"]):
        yield note(volts, "see that the supply is the one that every motor was made for")


def torque(shot: ArmSnapshot) -> Findings:
    """Motors that hold, though nobody uses them."""
    on = [name for name, value in shot.values["Torque_Enable"].items() if value]
    if on:
        who = "all motors" if len(on) == len(JOINTS) else ", ".join(on)
        yield note(
            f"torque is on: {who}",
            "an earlier program left it; a run takes over, and switching the arm off lets it fall",
        )


def round_trips(bus: FeetechBus, names: list[str], period: float) -> Findings:
    """How long it takes to ask all motors, and how many answers get lost."""
    before, times = bus.glitches, list[float]()
    end = time.perf_counter() + _ROUNDS_S
    while len(times) < _ROUNDS and time.perf_counter() < end:
        began = time.perf_counter()
        bus.sync_read(["Present_Position"], names)
        times.append(time.perf_counter() - began)
    lost = (bus.glitches - before) / (len(times) * len(names))
    p50, p99 = np.percentile(times, [50, 99])
    fact = f"a read of all motors takes {1000 * p50:.1f} ms (p99 {1000 * p99:.1f} ms)"
    yield response_times(fact, p50, p99, bus.port, period)
    if lost > 0:
        mark = problem if lost > _LOSSY else note
        yield mark(
            f"{100 * lost:.1f} % of the answers were lost or damaged",
            "check the cables between the motors and the USB cable",
        )


def response_times(fact: str, p50: float, p99: float, port: str, period: float) -> Finding:
    """What round trips of ``p50`` and ``p99`` [s] mean for a tick of ``period`` [s]."""
    latency = latency_timer(port)
    if p50 < _SLOW and p99 < period / 2:
        return ok(fact)
    if p50 < _SLOW:
        return note(fact, "at times it is slow: see what else is busy")
    mark = problem if p50 > period / 2 else note
    if latency is not None:
        path, milliseconds = latency
        return mark(
            f"{fact}; its USB adapter waits up to {milliseconds} ms",
            f"echo 1 | sudo tee {typed(path)}",
        )
    return mark(fact, "plug it into another USB port, without a hub; see what else is busy")


def latency_timer(
    port: str, root: Path = Path("/sys/bus/usb-serial/devices")
) -> tuple[Path, int] | None:
    """How long the adapter behind ``port`` keeps bytes back [ms], and the file that says it."""
    path = root / os.path.basename(os.path.realpath(port)) / "latency_timer"
    try:
        milliseconds = int(path.read_text())
    except (OSError, ValueError):
        return None
    return (path, milliseconds) if milliseconds > 1 else None


def _by_value(values: Mapping[str, str]) -> str:
    """``12.0 V``, or ``12.0 V at a, b; 4.1 V at c``."""
    return "; ".join(_groups(values))


def _groups(values: Mapping[str, str]) -> Iterator[str]:
    distinct = list(dict.fromkeys(values.values()))
    for value in distinct:
        names = ", ".join(name for name, own in values.items() if own == value)
        yield value if len(distinct) == 1 and len(values) == len(JOINTS) else f"{value} at {names}"
