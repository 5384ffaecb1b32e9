"""What the processes of this computer are, and where they listen; of Linux, elsewhere nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Listener:
    """A port that is listened at."""

    port: int
    interface: str  # an address, or all
    program: str


def listeners(pid: int) -> list[Listener]:
    """The ports that a process and all below it listen at."""
    ours, sockets = process_tree(pid), _listening()
    known = []
    for pid in ours:
        with suppress(OSError):
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            for each in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if (place := sockets.get(os.readlink(each))) is not None:
                        known.append(Listener(place[1], place[0], name))
    return sorted(set(known), key=lambda one: one.port)


def process_tree(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found, rest = [], [pid]
    while rest:
        found.append(rest.pop())
        rest += children.get(found[-1], [])
    return found


def _listening() -> Mapping[str, tuple[str, int]]:
    """Address and port of each TCP socket that listens, by what a process's files call it."""
    found = {}
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A":
                    host, _, port = words[1].partition(":")
                    found[f"socket:[{words[9]}]"] = (_shown(host), int(port, 16))
    return found


def _shown(host: str) -> str:
    if not host.strip("0"):
        return "all"
    parts = bytes.fromhex(host)
    if len(parts) == 4:
        return socket.inet_ntop(socket.AF_INET, parts[::-1])
    words = b"".join(parts[at : at + 4][::-1] for at in range(0, 16, 4))
    return socket.inet_ntop(socket.AF_INET6, words).removeprefix("::ffff:")
