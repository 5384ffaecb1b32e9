"""``hil-app cluster up``: bring up a Ray cluster, or have this computer join one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from configs.options.parser import Parser, count
from configs.text.paths import typed
from hil_app.remote.machine import Listener, listeners
from hil_app.remote.membership import PORT, PORTS, Settings, Up, up

DESCRIPTION = """\
Bring up a cluster of one computer with Ray, which others then join:

  hil-app cluster up --host=10.0.0.1
  hil-app cluster up --host=10.0.0.2 --join=10.0.0.1:6379

Who has its token runs what they like on all of its computers; without it nobody is let in. It is
made the first time, in ~/.ray/auth_token, and the other computers need a copy. All computers need
the same Python, Ray and hil-app. What of it dies is started anew, until `hil-app cluster down`.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app cluster up", DESCRIPTION)
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="this computer's address in the network of the cluster (default: that of its way out)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=PORT,
        help=f"the first of the {PORTS} ports that it listens at (default: {PORT})",
    )
    parser.add_argument("--join", metavar="HOST:PORT", help="the computer that came first")
    parser.add_argument("--cpus", type=count, help="cores that it lends (default: all)")
    parser.add_argument("--gpus", type=count, help="GPUs that it lends (default: all)")
    options = parser.parse_args(list(argv))
    settings = Settings(options.host, options.port, options.join, options.cpus, options.gpus)
    found = up(settings)
    print("\n".join(_said(found, listeners(found.pid))))
    return 0


def _port(text: str) -> int:
    port = int(text)
    if not 1024 <= port <= 65536 - PORTS:
        raise argparse.ArgumentTypeError(f"must be from 1024 to {65536 - PORTS}, got {text}")
    return port


def _said(found: Up, known: Sequence[Listener]) -> Iterator[str]:
    last = found.port + PORTS - 1
    host = found.address.rpartition(":")[0]
    yield f"{'the cluster is up at' if found.first else 'in the cluster of'} {found.address}"
    yield "listening here, whoever connects must have the token:"
    yield from (f"  {one.port:<6} {one.interface:<16} {one.program}" for one in known)
    yield f"and at {found.port}-{last} on all interfaces once there is work."
    yield "Ray listens on all interfaces and does not encrypt. Let in none but the cluster's own:"
    yield f"  firewall   ufw allow from ROBOT to any port {found.port}:{last} proto tcp"
    yield "  WireGuard  give --host an address of the tunnel, and let in nothing at the others"
    yield "  one wire   a cable or switch of its own that leads nowhere else"
    if found.first:
        yield "On another computer, with a copy of ~/.ray/auth_token from here:"
        yield f"  scp {host}:.ray/auth_token ~/.ray/auth_token"
        yield f"  hil-app cluster up --join={typed(found.address)}"
