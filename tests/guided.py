"""A guided command as an operator runs it, in a process of its own, with a pipe or a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from typing import Protocol

from terminals import TAKE
from waiting import PATIENCE_S


class Conversation(Protocol):
    """With a guided command, in a terminal or at the page."""

    def until(self, text: str) -> str:
        """Wait until it says ``text``."""

    def enter(self, answer: str = "") -> None:
        """Answer what it asks."""

    def listen(self, seconds: float) -> None:
        """Let it go on for a while."""


class Guided:
    """A running command: wait for what it says, then press Enter."""

    def __init__(self, process: subprocess.Popen[bytes], reads: int, writes: int) -> None:
        self.process = process
        self.raw = b""  # all that it wrote
        self._reads, self.writes, self._seen = reads, writes, 0

    @property
    def text(self) -> str:
        """All that it said, without colours and moves of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", self.raw.decode(errors="ignore"))

    def until(self, text: str) -> str:
        """Wait until it says ``text`` (after what was waited for before); lines may break it."""
        pattern = re.compile(r"\s+".join(map(re.escape, text.split())))
        deadline = time.monotonic() + PATIENCE_S
        while not (found := pattern.search(self.text, self._seen)):
            left = deadline - time.monotonic()
            assert self._more(left), f"never said {text!r}, but:\n{self.text[self._seen :]}"
        before, self._seen = self._seen, found.end()
        return self.text[before : self._seen]

    def listen(self, seconds: float) -> None:
        """Take in what it says for a while."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self.process.poll() is None:
            self._more(left)

    def enter(self, answer: str = "") -> None:
        """Type ``answer`` and press Enter."""
        os.write(self.writes, answer.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def hang_up(self) -> None:
        """End its input."""
        os.close(self.writes)
        self.writes = -1

    def end(self) -> int:
        """Wait for its end; returns the exit status."""
        while self._more(PATIENCE_S):
            pass
        return self.process.wait(PATIENCE_S)

    @property
    def unheard(self) -> str:
        """What it said after what was waited for."""
        return self.text[self._seen :]

    @property
    def words(self) -> str:
        """All that it said, on one line, without the lines of tables."""
        return words(self.text)

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        for fd in {self._reads, self.writes} - {-1}:
            os.close(fd)

    def _more(self, patience_s: float) -> bool:
        """Whether it has written more, in time."""
        if not select([self._reads], [], [], max(0.0, patience_s))[0]:
            return False
        chunk = b""
        with suppress(OSError):  # a terminal whose program has ended
            chunk = os.read(self._reads, 65536)
        self.raw += chunk
        return bool(chunk)


def words(text: str) -> str:
    """The text on one line, without the lines of tables."""
    return " ".join(re.sub(r"[─-╿]", " ", text).split())


@contextmanager
def guided(
    *arguments: str,
    terminal: bool = False,
    cwd: Path | None = None,
    size: tuple[int, int] = (100, 40),
) -> Iterator[Guided]:
    """``hil-app`` with ``arguments``; what it prints goes into one stream.

    A ``terminal`` it has to itself; ``size`` is its columns and lines.
    """
    if terminal:
        reads, keys = pty.openpty()
        writes, output = reads, keys
    else:
        reads, output = os.pipe()
        keys, writes = os.pipe()
    command = [sys.executable, "-m", "hil_app", *arguments]
    if terminal:
        command = [sys.executable, "-c", TAKE, *command]
    columns, lines = map(str, size)
    environment = os.environ | {"TERM": "xterm", "COLUMNS": columns, "LINES": lines}
    process = subprocess.Popen(
        command,
        stdin=keys,
        stdout=output,
        stderr=output,
        cwd=cwd,
        env=environment,
        start_new_session=terminal,
    )
    for fd in {keys, output}:
        os.close(fd)
    running = Guided(process, reads, writes)
    try:
        yield running
    finally:
        running.close()
