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

from configs.text.writing import write_whole
from hil_app.support.files import remove_folder
from hil_app.support.spool import SpoolWriter

UNSENT = "unsent"  # the folder in a run's
STREAM = "stream.json"  # in a stream's folder: whose it is, and what is learned from it
_SYNC_S = 1.0  # from one time that all is on the disk to the next


class Unsent:
    """The stream of one start of a run: a folder of its own in ``home``.

    ``about`` says where it goes, and what a learner is to be made of it. One thread writes.
    """

    def __init__(self, home: Path, about: Mapping[str, Any]) -> None:
        stream = f"{home.name[:40]}.{secrets.token_hex(4)}"
        self._folder = home / UNSENT / stream
        self._spool = SpoolWriter(self._folder)
        self.facts: dict[str, Any] = {"stream": stream, "spool": str(self._folder)}
        content = json.dumps({**about, "stream": stream}, indent=2) + "\n"
        write_whole(self._folder / STREAM, content.encode())
        self._wake, self._ring = os.pipe()
        os.set_blocking(self._ring, False)
        self._synced = 0.0

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
