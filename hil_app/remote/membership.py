"""This computer's part of a Ray cluster: brought up, looked at, brought down."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from configs.base import ConfigError
from configs.text.reading import read_json
from configs.text.writing import write_whole
from hil_app.remote.cluster import TOKEN_FILE, ClusterError, has_token, insist_on_a_token
from hil_app.remote.encryption import check_encryption
from hil_app.remote.keeper import ENDED, SAYS_READY
from hil_app.remote.standing import forget_all, state_folder
from hil_app.support.extras import check_installed
from robots import isolated

PORT = 6379
PORTS = 50  # that a computer of the cluster listens at, from its first on
_WORKERS = 10  # the first of those for workers
_READY_S = 240.0
_SLOW = "timed out during startup"  # of a busy computer, which the keeper tries once more
_STATE, _LOG = "cluster.json", "cluster.log"


@dataclass(frozen=True)
class Settings:
    """What `hil-app cluster up` is told."""

    host: str | None  # this computer's own address in the cluster's network; None: Ray finds one
    port: int  # the first of those that are listened at
    join: str | None  # HOST:PORT of the computer that came first; None: this one is it
    cpus: int | None  # None: all
    gpus: int | None


@dataclass(frozen=True)
class Up:
    """What is up here."""

    pid: int  # of the keeper
    address: str  # HOST:PORT of the computer that came first
    first: bool  # whether that is this one
    port: int


def up(settings: Settings) -> Up:
    """Start this computer's part; returns once it answers. Raises ConfigError or ClusterError."""
    check_installed("ray", "hil-app cluster")
    insist_on_a_token()
    if (found := here()) is not None:
        raise ConfigError(
            f"this computer is in the cluster of {found.address} already: `hil-app cluster down` "
            "takes it out"
        )
    if settings.join is None:
        _make_token()
    elif not has_token():
        raise ConfigError(
            f"there is no token in {TOKEN_FILE}: copy that file from the computer that came first, "
            f"as in `scp {settings.join.partition(':')[0]}:.ray/auth_token ~/.ray/auth_token`"
        )
    _check_ports(settings)
    folder = state_folder()
    forget_all()
    log = folder / _LOG
    log.unlink(missing_ok=True)
    with log.open("ab") as words:
        keeper = subprocess.Popen(
            isolated.command("hil_app.remote.keeper", str(log), *_options(settings)),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=isolated.environment(),
            start_new_session=True,
        )
    try:
        _await_ready(keeper, log, settings)
        first = settings.join is None
        address = settings.join or f"{_address_in(log, settings)}:{settings.port}"
        found = Up(keeper.pid, address, first, settings.port)
        write_whole(folder / _STATE, f"{json.dumps(asdict(found))}\n".encode())
    except BaseException:
        keeper.terminate()
        keeper.wait()
        raise
    return found


def here() -> Up | None:
    """What is up on this computer by `up`; None if nothing is."""
    try:
        found = Up(**read_json(state_folder() / _STATE))
        words = Path(f"/proc/{found.pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, TypeError, ValueError):
        return None
    return found if b"hil_app.remote.keeper" in words else None


def down() -> Up:
    """Take this computer out of the cluster; raises ConfigError if it is in none."""
    found = here()
    if found is None:
        raise ConfigError("no cluster of `hil-app cluster up` is up on this computer")
    os.kill(found.pid, signal.SIGTERM)
    end = time.monotonic() + 40
    while here() is not None and time.monotonic() < end:
        time.sleep(0.1)
    if here() is not None:
        raise ClusterError(
            f"it does not end: see {state_folder() / _LOG}, then `kill -9 {found.pid}`"
        )
    (state_folder() / _STATE).unlink(missing_ok=True)
    forget_all()
    return found


def _options(settings: Settings) -> Iterator[str]:
    """Those of `ray start`: every port is one of a range, so that a firewall can know them."""
    first = settings.port
    if settings.join is None:
        yield from ("--head", f"--port={first}", "--include-dashboard=false")
    else:
        yield f"--address={settings.join}"
    if settings.host is not None:
        yield f"--node-ip-address={settings.host}"
    names = (
        "node-manager",
        "object-manager",
        "dashboard-agent-listen",
        "dashboard-agent-grpc",
        "runtime-env-agent",
        "metrics-export",
    )
    yield from (f"--{name}-port={first + number}" for number, name in enumerate(names, 1))
    yield f"--min-worker-port={first + _WORKERS}"
    yield f"--max-worker-port={first + PORTS - 1}"
    if settings.cpus is not None:
        yield f"--num-cpus={settings.cpus}"
    if settings.gpus is not None:
        yield f"--num-gpus={settings.gpus}"
    yield "--disable-usage-stats"


def _check_ports(settings: Settings) -> None:
    """Raise ConfigError if another program has one of the first ports."""
    if settings.join is not None:
        host, _, at = settings.join.rpartition(":")
        try:
            socket.create_connection((host, int(at)), 5).close()
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(
                f"--join: nobody answers at {settings.join} ({error}): is it HOST:PORT as `hil-app "
                "cluster up` printed it there, and does its firewall let this computer in?"
            ) from None
        check_encryption(settings.join)
    for port in range(settings.port, settings.port + _WORKERS):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((settings.host or "", port))
            except OSError as error:
                raise ConfigError(
                    f"cannot listen at {settings.host or ''}:{port}: {error.strerror}: choose "
                    "another --host or --port"
                ) from None


def _make_token() -> None:
    """Have a token, which nobody but this user can read."""
    if has_token():
        return
    TOKEN_FILE.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(TOKEN_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))


def _await_ready(keeper: subprocess.Popen[bytes], log: Path, settings: Settings) -> None:
    end = time.monotonic() + _READY_S
    while SAYS_READY not in (said := log.read_text(errors="replace")):
        failed = said.count(ENDED) > said.count(_SLOW)
        if failed or keeper.poll() is not None or time.monotonic() > end:
            raise ClusterError(_failure(said, log, settings))
        time.sleep(0.1)


def _failure(said: str, log: Path, settings: Settings) -> str:
    if "uthenticat" in said or "token" in said:
        return (
            f"{settings.join} refuses the token in {TOKEN_FILE}: copy that file from the computer "
            "that came first"
        )
    if "Version mismatch" in said:
        at = said.index("Version mismatch")
        return (
            f"{' '.join(said[at : at + 300].split())}: have the same Python and Ray on all "
            "computers of the cluster"
        )
    last = " ".join(line.strip() for line in said.strip().splitlines()[-4:])
    return f"Ray does not start: {last} (see {log})"


def _address_in(log: Path, settings: Settings) -> str:
    """This computer's own address, as Ray has found it."""
    for line in log.read_text(errors="replace").splitlines():
        if "Local node IP:" in line:
            return line.rpartition(":")[2].strip()
    return settings.host or "127.0.0.1"
