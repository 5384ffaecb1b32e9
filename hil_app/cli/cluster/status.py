"""``hil-app cluster status``: who is in the cluster, and what is free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from configs.errors import ConfigError
from configs.options.parser import Parser
from hil_app.remote.cluster import joined
from hil_app.remote.machine import Listener, listeners
from hil_app.remote.membership import here

DESCRIPTION = """\
Say which computers are in the cluster that this one is in, what they lend, and what is free.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    Parser("hil-app cluster status", DESCRIPTION).parse_args(list(argv))
    found = here()
    if found is None:
        raise ConfigError(
            "no cluster is up on this computer: `hil-app cluster up` begins one, and `hil-app "
            "cluster up --join=HOST:PORT` joins one"
        )
    with joined(found.address):
        import ray

        free = ray.available_resources()
        print("\n".join(_said(found.address, ray.nodes(), free, listeners(found.pid))))
    return 0


def _said(
    address: str,
    nodes: Sequence[Mapping[str, Any]],
    free: Mapping[str, float],
    known: Sequence[Listener],
) -> Iterator[str]:
    yield f"cluster of {address}"
    for node in nodes:
        has = node["Resources"]
        cpus, gpus = (int(has.get(name, 0)) for name in ("CPU", "GPU"))
        state = f"{cpus} CPUs, {gpus} GPUs" if node["Alive"] else "is gone"
        yield f"  {node['NodeManagerAddress']:<16} {node['NodeManagerHostname']:<20} {state}"
    yield "listening here:"
    yield from (f"  {one.port:<6} {one.interface:<16} {one.program}" for one in known)
    yield f"free: {free.get('CPU', 0):g} CPUs, {free.get('GPU', 0):g} GPUs"
