"""The way to a Ray cluster: the only module that has it, beside the bridge and the actor."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from configs.errors import HilAppError
from hil_app.support.extras import how_to_install

NAMESPACE = "hil-app"  # of the learners' names
TOKEN = Path("~/.ray/auth_token")
_HUSH = {"RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class ClusterError(HilAppError):
    """The cluster cannot be used; the message says why and what to do."""


def load() -> Any:
    """Ray, with nothing to say of itself. Raises ClusterError where it is not installed, or where
    it is not to ask for a token."""
    if os.environ.get("RAY_AUTH_MODE", "token") != "token":
        raise ClusterError(
            f"RAY_AUTH_MODE is {os.environ['RAY_AUTH_MODE']}: whoever reaches the cluster could "
            "run any code on it; unset it"
        )
    for name, value in _HUSH.items():
        os.environ.setdefault(name, value)
    os.environ["RAY_AUTH_MODE"] = "token"
    try:
        import ray
    except ImportError as error:
        raise ClusterError(f"Ray is not installed ({error}): {how_to_install('ray')}") from error
    return ray


def has_token() -> bool:
    """Whether this computer has a token for clusters."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else TOKEN.expanduser()
    with suppress(OSError):
        return bool(os.environ.get("RAY_AUTH_TOKEN")) or bool(path.read_text().strip())
    return False


def connect(address: str) -> Any:
    """Ray, connected to the cluster at ``address`` through this computer's node.

    Raises ClusterError that says what is wrong.
    """
    ray = load()
    if not has_token():
        raise ClusterError(
            "this computer has no token for the cluster: copy the file ~/.ray/auth_token of the "
            "cluster's first machine here, readable by you alone"
        )
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
            logging_level="CRITICAL",
        )
    except Exception as error:
        raise ClusterError(why(address, error)) from error
    return ray


def why(address: str, error: Exception) -> str:
    """Why there is no connection, in a line."""
    said = " ".join(str(error).split())
    if "ersion mismatch" in said:
        return f"another version of Ray or Python than the cluster's at {address}: {said[:200]}"
    if "uthenticat" in said or "InvalidAuthToken" in said:
        return (
            f"the cluster at {address} refuses this computer's token: copy ~/.ray/auth_token of "
            "its first machine here"
        )
    if "raylet" in said or ("node" in said.lower() and "not found" in said):
        return (
            f"this computer is no part of the cluster at {address}: `hil-app cluster up "
            f"--join={address}` joins it"
        )
    return (
        f"no cluster answers at {address}, or it refuses this computer's token ({said[:200]}): is "
        "it up (`hil-app cluster up` there), does a firewall let it through, and is "
        "~/.ray/auth_token the same file as there?"
    )
