"""A Ray cluster as a program of ours joins it: a local one, or one that is there."""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata, util
from pathlib import Path

from configs.base import ConfigError
from configs.errors import HilAppError
from hil_app.support.extras import how_to_install

LOCAL = "local"  # a cluster of this computer alone, for as long as the program runs
MODE, TOKEN = "RAY_AUTH_MODE", "token"
TOKEN_FILE = Path.home() / ".ray" / "auth_token"  # where Ray looks for it
_STORE = 200 * 2**20  # bytes for what tasks hand each other


class ClusterError(HilAppError):
    """A cluster cannot be joined or started; the message says what to do."""


def check_ray(why: str) -> None:
    """Raise ConfigError unless Ray is installed; ``why`` is the option or command that asks."""
    if util.find_spec("ray") is None:
        raise ConfigError(f"{why} needs Ray, which is not installed: {how_to_install('ray')}")


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
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # tells nobody of itself


@contextmanager
def joined(address: str) -> Iterator[int]:
    """Be in the cluster at HOST:PORT, or a local one; gives how many CPUs it has.

    Raises ConfigError or ClusterError.
    """
    check_ray("--ray")
    insist_on_a_token()
    import ray

    local, ending = address == LOCAL, signal.getsignal(signal.SIGTERM)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if local:
                ray.init(
                    address=LOCAL,
                    include_dashboard=False,
                    object_store_memory=_STORE,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _node_ip_address="127.0.0.1",
                )
            else:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # of a dozen kinds
            raise ClusterError(_refusal(address, error)) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ending)  # Ray has put one of its own there
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _refusal(address: str, error: Exception) -> str:
    """Why a cluster cannot be joined, and what to do."""
    said = " ".join(str(error).split())
    if "uthenticat" in said or "token" in said:
        return (
            f"the cluster at {address} refuses the token of this computer: copy ~/.ray/auth_token "
            "from the computer on which `hil-app cluster up` was called first"
        )
    return (
        f"cannot join the Ray cluster at {address}: is it up (`hil-app cluster status`), and has "
        f"this computer joined it (`hil-app cluster up --join={address}`)? {said[:200]}"
    )


def own_version() -> str:
    """The version of hil-app, which all computers of a cluster must have."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("hil-app")
    return "unknown"
