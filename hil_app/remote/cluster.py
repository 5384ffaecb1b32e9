"""A Ray cluster as a program of ours joins it: tokens, connections, and why there is none.

Ray itself is loaded only once a cluster is joined.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from configs.base import ConfigError
from configs.errors import HilAppError
from configs.text.paths import typed
from hil_app.remote.encryption import check_encryption
from hil_app.support.extras import check_installed

NAMESPACE = "hil-app"  # of the learners' names
LOCAL = "local"  # a cluster of this computer alone, for as long as the program runs
MODE, TOKEN = "RAY_AUTH_MODE", "token"
TOKEN_FILE = Path.home() / ".ray" / "auth_token"  # where Ray looks for it
_STORE = 200 * 2**20  # bytes for what tasks hand each other
_HUSH = {
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",  # tells nobody of itself
}


class ClusterError(HilAppError):
    """The cluster cannot be used; the message says why and what to do."""


def insist_on_a_token() -> None:
    """Have Ray of this program and its children ask for the cluster's token.

    Raises ConfigError where the environment turns that off: whoever reaches a cluster without a
    token runs what they like on all of its computers.
    """
    mode = os.environ.get(MODE, TOKEN)
    if mode.lower() != TOKEN:
        raise ConfigError(
            f"{MODE}={mode} would let anybody who reaches this cluster run code in it: unset {MODE}"
        )
    os.environ[MODE] = TOKEN
    for name, value in _HUSH.items():
        os.environ.setdefault(name, value)


def has_token() -> bool:
    """Whether this computer has a token for clusters."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    with suppress(OSError):
        said = os.environ.get("RAY_AUTH_TOKEN")
        return bool(said or (Path(named) if named else TOKEN_FILE).read_text().strip())
    return False


def connect(address: str) -> Any:
    """Ray, connected to the cluster at HOST:PORT through this computer's node.

    Raises ConfigError, or ClusterError that says what is wrong.
    """
    check_installed("ray", "a cluster")
    insist_on_a_token()
    if not has_token():
        raise ConfigError(
            "this computer has no token for the cluster: copy the file ~/.ray/auth_token of the "
            "cluster's first computer here, readable by you alone"
        )
    return _init(address)


@contextmanager
def joined(address: str) -> Iterator[int]:
    """Be in the cluster at HOST:PORT, or a local one; gives how many CPUs it has.

    Raises ConfigError or ClusterError.
    """
    check_installed("ray", "--ray")
    insist_on_a_token()
    ending = signal.getsignal(signal.SIGTERM)
    alone = {
        "include_dashboard": False,
        "object_store_memory": _STORE,
        "_node_ip_address": "127.0.0.1",
    }
    ray = _init(address, **(alone if address == LOCAL else {}))
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ending)  # Ray has put one of its own there
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def own_version() -> str:
    """The version of hil-app, which all computers of a cluster must have."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("hil-app")
    return "unknown"


def _init(address: str, **more: Any) -> Any:
    if ":" in address:
        check_encryption(address)
    import ray

    with warnings.catch_warnings(), _hushed():
        warnings.simplefilter("ignore")
        try:
            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                configure_logging=False,
                logging_level="CRITICAL",
                **more,
            )
        except Exception as error:  # of a dozen kinds
            raise _refusal(address, error) from error
    return ray


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep from the standard error what Ray's own code writes there while it starts."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _refusal(address: str, error: Exception) -> HilAppError:
    """Why there is no connection, and what to do; a ConfigError where waiting mends nothing."""
    said = " ".join(str(error).split())
    if "ersion mismatch" in said:
        return ConfigError(
            f"another version of Ray or Python than the cluster's at {address}: {said[:200]}"
        )
    if "uthenticat" in said or "InvalidAuthToken" in said:
        return ConfigError(
            f"the cluster at {address} refuses this computer's token: copy ~/.ray/auth_token from "
            "the computer on which `hil-app cluster up` was called first"
        )
    if "raylet" in said or ("node" in said.lower() and "not found" in said):
        return ClusterError(
            f"this computer is no part of the cluster at {address}: `hil-app cluster up "
            f"--join={typed(address)}` joins it"
        )
    return ClusterError(
        f"no cluster answers at {address}, or it refuses this computer's token ({said[:200]}): is "
        "it up (`hil-app cluster up` there), does a firewall let it through, and is "
        "~/.ray/auth_token the same file as there?"
    )
