"""A station as an actor of a Ray cluster: detached, with a name, started again where it dies."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hil_app.remote.standing import forget

CALLS = 64  # at once: each robot has one or two, and some wait
_FORGETS_S = 30.0  # that a computer may take, which starts a process for it


class LearnerActor:
    """See :class:`hil_app.remote.station.Station`: what goes in and out is bytes."""

    def __init__(self, name: str, folder: str, cpus: int) -> None:
        import torch

        from hil_app.remote.station import Station

        torch.set_num_threads(cpus)
        facts: dict[str, Any] = {
            "name": name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "gpus": torch.cuda.device_count(),
        }
        self._station = Station(Path(folder), facts, partial(forget, name))

    def call(self, data: bytes) -> bytes:
        """What the station makes of a message."""
        return self._station.call(data)


def start(ray: Any, name: str, folder: Path, *, cpus: int, gpus: float) -> Any:
    """A new one on this very computer, also where its node is another by then; returns its
    handle, at once."""
    here = f"node:{ray.util.get_node_ip_address()}"
    options = {
        "name": name,
        "lifetime": "detached",
        "max_restarts": -1,
        "max_task_retries": 0,
        "max_concurrency": CALLS,
        "num_cpus": cpus,
        "num_gpus": gpus,
        "resources": {here: 0.001},
    }
    return ray.remote(LearnerActor).options(**options).remote(name, str(folder), cpus)


def forget_everywhere(ray: Any, name: str) -> list[str]:
    """Have no computer of the cluster bring a learner back; returns those that do not answer.

    The learner itself is not asked: it may hang.
    """
    task = ray.remote(forget)
    asked = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = {f"node:{node['NodeManagerAddress']}": 0.001}
            done = task.options(num_cpus=0, resources=there, max_retries=0).remote(name)
            asked[done] = node["NodeManagerHostname"]
    ready, _ = ray.wait([*asked], num_returns=len(asked), timeout=_FORGETS_S)
    return [host for done, host in asked.items() if done not in ready or not _went_well(ray, done)]


def _went_well(ray: Any, done: Any) -> bool:
    with suppress(Exception):  # whatever was wrong there
        ray.get(done)
        return True
    return False
