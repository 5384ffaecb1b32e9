"""An arm that goes limp, for an operator who moves it."""

from __future__ import annotations

from hil_app.cli.arm.guide import Guide
from robots.feetech.bus import FeetechBus
from robots.feetech.handshake import ask_all
from robots.feetech.release import release
from robots.safety.undisturbed import Undisturbed

_PATIENCE_S = 1.0


def make_limp(guide: Guide, bus: FeetechBus) -> None:
    """Take torque off all motors; if they had any, once the operator says that the arm is held.

    Raises BusTimeout or NotConnected before that, and ServoFault that names the motors that may
    still have torque, though all were told.
    """
    if any(ask_all(bus, "Torque_Enable")["Torque_Enable"].values()):
        guide.ask("Hold the arm, it will go limp and fall: then press Enter.")
    with Undisturbed():
        release(bus, _PATIENCE_S, bus.reopen)
