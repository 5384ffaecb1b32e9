"""A station as an actor of a Ray cluster: detached, with a name, started again where it dies."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path
from typing import Any

CALLS = 64  # at once: each robot has one or two, and some wait


class LearnerActor:
    """See :class:`hil_app.remote.station.Station`: what goes in and out is bytes."""

    def __init__(self, name: str, folder: str, cpus: int) -> None:
        import torch

        from hil_app.remote.standing import forget
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
