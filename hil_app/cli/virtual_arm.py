"""``hil-app virtual-arm``: an arm that is not there, on a serial port that is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from robots.arm import ARMS

DESCRIPTION = """\
Put an SO100 or SO101 that is not there on a serial port that is: six servos which speak the wire
protocol byte for byte, moved by the simulated world, for use as --robot.port of any command.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(list(argv))
    arm = ARMS[options.arm]
    import numpy as np

    from hil_app.signals import StopRequest
    from robots.virtual.chain import Chain
    from robots.virtual.motors import FreeMotors
    from robots.virtual.mount import REST_POSE, Mount, factory
    from robots.virtual.port import Port
    from robots.virtual.server import PERIOD, Server

    mount = Mount(arm)
    pose = np.array(REST_POSE, np.float32)
    eeproms = factory() if options.factory else mount.calibrated()
    chain = Chain(eeproms, mount.shaft(pose).tolist())
    motors = FreeMotors(arm, mount, pose, PERIOD)
    port = Port(options.link)
    with StopRequest() as stop:
        server = Server(chain, motors, port, lambda: None)
        try:
            print(f"virtual {arm.name} on {port.name}, link {options.link}", flush=True)
            server.run(stop)
        finally:
            server.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hil-app virtual-arm", description=DESCRIPTION)
    parser.add_argument("--link", type=Path, help="where to put a link to the device")
    parser.add_argument("--world", default="sim_pick_lift_pixels", help="none or PRESET|FILE")
    parser.add_argument("--arm", choices=list(ARMS), default="so101")
    parser.add_argument("--factory", action="store_true")
    return parser
