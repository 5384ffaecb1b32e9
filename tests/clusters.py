"""A Ray cluster of this computer for tests, and learners in it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from hil_app.bench.remote.link import TUN

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
needs_two_computers = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None or not Path(TUN).exists(),
    reason="two computers that are one need root, ip and TUN devices",
)
_STORE = 100_000_000  # bytes


class Cluster:
    """One node at :attr:`address`; commands and runs in ``environment`` reach it."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder

    def learner(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """What `hil-app learner` does."""
        address = ["--address", self.address] if command != "flush" else []
        return subprocess.run(
            [sys.executable, "-m", "hil_app", "learner", command, *address, *options],
            capture_output=True,
            text=True,
            timeout=280,
        )

    def start(self, name: str) -> None:
        """Start a learner."""
        folder = self.folder / name
        done = self.learner("start", "--name", name, "--folder", str(folder), "--cpus", "1")
        assert done.returncode == 0, done.stderr

    def status(self, name: str) -> dict[str, Any]:
        """What a learner says of itself."""
        done = self.learner("status", "--name", name, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def options(self, name: str, **more: Any) -> dict[str, Any]:
        """Of a run, to learn there."""
        return {"where": "ray", "address": self.address, "name": name, **more}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """One while entered, which asks for a token; this process's environment has that."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # sockets have short names
    with pytest.MonkeyPatch.context() as patch, socket.socket() as free:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        options = ["--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1"]
        options += ["--num-cpus=8", "--include-dashboard=false", "--disable-usage-stats"]
        options += [f"--object-store-memory={_STORE}", f"--temp-dir={folder}"]
        with (folder / "log").open("wb") as log:
            node = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", "start", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            said = folder / "log"
            until(lambda: b"Ray runtime started" in said.read_bytes(), why="Ray does not start")
            yield Cluster(f"127.0.0.1:{port}", folder)
        finally:
            ours = _below(node.pid)
            for one in [node.pid, *ours]:
                with suppress(OSError):
                    os.kill(one, signal.SIGKILL)
            node.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _below(pid: int) -> list[int]:
    """All processes that a process has started, and those have."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found, rest = [], [pid]
    while rest:
        found.append(rest.pop())
        rest += children.get(found[-1], [])
    return found[::-1]
