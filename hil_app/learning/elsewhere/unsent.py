"""What a run has for a learner on another machine, on disk until that has it safe."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from configs.text.reading import read_json
from configs.text.writing import write_whole
from hil_app.support.files import remove_folder
from hil_app.support.spool import SpoolWriter

UNSENT = "unsent"  # the folder in a run's
STREAM = "stream.json"  # in a stream's folder: whose it is, and what is learned from it
_SYNC_S = 1.0  # from one time that all is on the disk to the next


class Unsent:
    """The stream of one start of a run, in a ``folder`` of its own; one thread writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spool = SpoolWriter(folder)
        self.facts: dict[str, Any] = {"stream": folder.name, "spool": str(folder)}
        self._wake, self._ring = os.pipe()
        os.set_blocking(self._ring, False)
        self._synced = 0.0

    @classmethod
    def begin(cls, home: Path, about: Mapping[str, Any]) -> Unsent:
        """A new one of the run in ``home``; ``about`` says where it goes, and what is learned."""
        stream = f"{home.name[:40]}.{secrets.token_hex(4)}"
        made = cls(home / UNSENT / stream)
        write_whole(home / UNSENT / stream / STREAM, f"{json.dumps(about, indent=2)}\n".encode())
        return made

    @property
    def last(self) -> int:
        """How many messages it has had."""
        return self._spool.last

    @property
    def wake(self) -> int:
        """A file that can be read once something has been appended."""
        return self._wake

    def append(self, message: bytes) -> None:
        """Add a message, and wake who waits for one. Raises OSError if the disk refuses."""
        self._spool.append(message)
        with suppress(BlockingIOError):  # it has been woken often enough
            os.write(self._ring, b"\0")

    def sync(self) -> None:
        """Have it all reach the disk, now and then."""
        now = time.monotonic()
        if now - self._synced > _SYNC_S:
            self._synced = now
            self._spool.sync()

    def forget(self, number: int) -> None:
        """The learner has messages safe up to this one."""
        self._spool.forget(number)

    def close(self, durable: int) -> int:
        """Remove it if the learner has all of it; returns how many messages it does not have."""
        left = self._spool.last - durable
        self._spool.close()
        os.close(self._wake)
        os.close(self._ring)
        if left <= 0:
            remove_folder(self._folder)
            with suppress(OSError):  # other streams are there
                self._folder.parent.rmdir()
        return max(left, 0)


def left_in(home: Path) -> list[Path]:
    """The folders of streams that a run has left unsent, the oldest first."""
    found = (home / UNSENT).glob(f"*/{STREAM}")
    return [path.parent for path in sorted(found, key=lambda path: path.stat().st_mtime)]


def about(folder: Path) -> dict[str, Any]:
    """Where a stream goes, and what is learned from it. Raises OSError or ValueError."""
    found: dict[str, Any] = read_json(folder / STREAM)
    return found
