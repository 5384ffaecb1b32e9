"""``hil-app setup-motors``: give new motors their IDs and their speed, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from configs.options.parser import Parser
from configs.text.paths import expanded_text, option
from hil_app.cli.arm.guide import Guide, InputEnded, uninterrupted
from hil_app.cli.arm.page_guide import new_guide
from robots.base import JOINTS, BusTimeout, RobotError, ServoFault, SpeedRefused
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import MOTORS, SUPPLY, check_supply, supply_fault
from robots.feetech.registers import BAUD_RATES, FACTORY_ID, MODEL, TOP

DESCRIPTION = """\
Give the six motors of an arm their IDs, before or after it is assembled. New motors all have ID 1,
so you connect them one at a time, from the gripper (6) down to shoulder_pan (1):

  1. Plug the controller board into USB and into its power supply.
  2. Connect only the motor that is asked for to the board, and press Enter.
  3. At the end, connect all six as a chain; they are looked for once more.

A motor is found whatever its ID and speed are. Ctrl-C is safe at any time: a motor is written to
as a whole, and to begin again skips those that are done.
"""
SPEED = BAUD_RATES[0]  # that all motors are given [bit/s]
_FORGOTTEN = {"Homing_Offset": 0, "Min_Position_Limit": 0, "Max_Position_Limit": TOP}
_NAMES = {number: name for name, number in MOTORS.items()}


@dataclass(frozen=True)
class _Found:
    """The one motor that is connected."""

    id: int
    speed: int  # [bit/s]
    volts: float


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app setup-motors", DESCRIPTION)
    parser.add_place(
        "port",
        "--port",
        "--robot.port",
        type=expanded_text,
        metavar="PORT",
        help="serial port of the board; `hil-app find-port` finds it",
    )
    parser.add_argument(
        "--motor",
        choices=JOINTS,
        metavar="NAME",
        help=f"set up only this one, such as a replacement: {', '.join(reversed(JOINTS))}",
    )
    options = parser.parse_args(list(argv))
    if options.port is None:
        parser.error("the following arguments are required: PORT")
    guide = new_guide()
    if options.motor is None:
        if set_up_all(guide, options.port):
            guide.say("Next, once the arm is assembled:")
            named = option("robot.port", options.port)
            guide.line(f"  hil-app calibrate --robot.type=so101 {named} --robot.id=my_arm")
    else:
        _one(guide, options.port, options.motor)
    return 0


def set_up_all(guide: Guide, port: str) -> bool:
    """Set up every motor, and see that the chain is whole; whether there was anything to do."""
    if guide.reach(lambda: amiss(port)) is None:
        guide.say("All six motors answer and are set up: nothing is to be done.")
        return False
    for name in reversed(JOINTS):
        _one(guide, port, name)
    question = "Connect all six motors as a chain, and press Enter."
    while True:
        guide.ask(question)
        try:
            problem = amiss(port)
        except RobotError as error:
            problem = str(error)
        if problem is None:
            guide.say("All six motors answer.")
            return True
        guide.problem(problem)
        question = "Fix that, and press Enter."


def amiss(port: str) -> str | None:
    """What is amiss with the motors as they are connected; None if all are there, and only they.

    Raises RobotError, too, if the port is gone or the supply is not for these motors.
    """
    with FeetechBus(port, MOTORS, SPEED) as bus:
        here = bus.scan()
        silent = []
        for name, number in MOTORS.items():
            if number in bus.duplicates:
                continue
            try:
                if number not in here:
                    bus.ping(name)
            except BusTimeout:
                silent.append(f"{name} (ID {number})")
        if bus.duplicates:
            return f"Two motors have one ID: {_ids(bus.duplicates)}. Set them up one by one."
        if silent:
            return f"No answer of {', '.join(silent)}: check the cable before it, and its power."
        check_supply(bus)
    return None


def _one(guide: Guide, port: str, name: str) -> None:
    """Set up one motor; asks until that is done."""
    question = f"Connect only the {name} motor to the board, and press Enter."
    while True:
        guide.ask(question)
        try:
            guide.say(_set_up(guide, port, name))
        except InputEnded:
            raise
        except RobotError as error:
            guide.problem(str(error))
            question = f"Connect only the {name} motor, and press Enter to look again."
        else:
            return


def _set_up(guide: Guide, port: str, name: str) -> str:
    """Set up the motor that is connected; returns what was done, raises RobotError if nothing."""
    with guide.busy("looking for the motor ..."):
        found = _only_motor(port)
    number = MOTORS[name]
    was = f"ID {found.id}, {found.speed} bit/s, {found.volts:.1f} V"
    if (found.id, found.speed) == (number, SPEED):
        return f"  {name} is right already: {was}."
    if found.id not in (number, FACTORY_ID) and found.id in _NAMES:
        other = _NAMES[found.id]
        question = f"This motor has been set up as {other} ({was}). Make it the {name}?"
        if not guide.agrees(question, default=False):
            raise ServoFault(f"It is still the {other}.")
    with uninterrupted():
        _write(port, found, number)
    return f"  {name} had {was}; now ID {number}, {SPEED} bit/s."


def _only_motor(port: str) -> _Found:
    """The one motor that is connected, whatever its ID and speed; raises RobotError."""
    refused = []
    for speed in BAUD_RATES:
        try:
            with FeetechBus(port, {}, speed) as bus:
                ids = {*bus.scan(), *bus.duplicates}
                if len(ids) > 1 or bus.duplicates:
                    twice = " twice" if len(ids) == 1 else ""
                    found = f"{_ids(ids)} answer{twice}"
                    raise ServoFault(f"More than one motor is connected: {found}.")
                if ids:
                    return _checked(bus, ids.pop())
        except SpeedRefused:
            refused.append(speed)
    untried = (
        f" This system cannot try {' and '.join(map(str, refused))} bit/s: if it may have one of "
        "these, set it up on another computer."
    )
    raise BusTimeout(
        f"No motor answers on {port}, at any speed{' that can be tried' * bool(refused)}: check "
        "its cable and that the board's power is on. Two motors with the same ID are not "
        f"understood, either.{untried * bool(refused)}"
    )


def _checked(bus: FeetechBus, number: int) -> _Found:
    """What there is to know of the motor that answered; raises RobotError if it is no STS3215."""
    model = bus.ping(number)
    if bus.duplicates:
        raise ServoFault(f"More than one motor is connected: {_ids(bus.duplicates)} answers twice.")
    if model != MODEL:
        raise ServoFault(
            f"This motor (ID {number}) is of model {model}, not {MODEL}: the arm takes STS3215."
        )
    volts = [bus.read(register, number) for register in SUPPLY]
    if fault := supply_fault(*volts):
        raise ServoFault(
            f"This motor (ID {number}) {fault}: take a supply that it can take, or a motor for "
            "this one; there are STS3215 for 7.4 V and for 12 V."
        )
    return _Found(number, bus.baud_rate, volts[0] / 10)


def _write(port: str, found: _Found, number: int) -> None:
    """Give a motor its ID, then its speed; it forgets the calibration of another joint.

    It can be found by ID and speed after each of these writes, so even where power is lost in
    between the next try goes on from there.
    """
    with FeetechBus(port, {}, found.speed) as bus:
        bus.write("Torque_Enable", found.id, 0)
        bus.write("Lock", found.id, 0)
        for register, value in _FORGOTTEN.items():
            if found.id != number:
                bus.write(register, found.id, value)
        bus.write("ID", found.id, number)
        bus.write("Baud_Rate", number, BAUD_RATES.index(SPEED))
    with FeetechBus(port, {}, SPEED) as bus:
        bus.write("Lock", number, 1)
        held = bus.read("ID", number), bus.read("Baud_Rate", number), bus.ping(number)
        if held != (number, BAUD_RATES.index(SPEED), MODEL):
            raise ServoFault("The motor does not hold what was written: switch its power off, on.")


def _ids(numbers: set[int] | frozenset[int]) -> str:
    return ", ".join(f"ID {number}" for number in sorted(numbers))
