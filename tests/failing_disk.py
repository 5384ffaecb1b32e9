"""A disk on which one operation, whichever, is the last: what a power cut or a full disk leaves.

Everything that changes a file or a folder goes by here while :meth:`FailingDisk.watch` is on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CALLS = ("fsync", "rename", "replace", "unlink", "mkdir", "rmdir")


class FailingDisk:
    """Counts operations and does ``fail`` at the ``last``-th, after half of it if it is a write."""

    def __init__(self, last: int, fail: Callable[[], None]) -> None:
        self.count, self._last, self._fail = 0, last, fail
        self.log: list[tuple[str, Any]] = []
        self.synced: dict[int, int] = {}  # size on the disk by file number

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in CALLS:
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))
        opened = Path.open

        def watched(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
            file = opened(path, mode, *args, **more)
            return WatchedFile(file, self) if {"w", "x"} & set(mode) else file

        monkeypatch.setattr(Path, "open", watched)

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **more: Any) -> Any:
            self.step(name, os.readlink(f"/proc/self/fd/{args[0]}") if name == "fsync" else args)
            done = call(*args, **more)
            if name == "fsync":
                facts = os.fstat(args[0])
                self.synced[facts.st_ino] = facts.st_size
            return done

        return watched

    def step(self, name: str, what: Any) -> bool:
        """Note an operation; fails at the last and after. Returns whether half of it is done."""
        self.count += 1
        self.log.append((name, what))
        if self.count >= self._last:
            if name == "write" and self.count == self._last:
                return True
            self._fail()
        return False

    def failed(self) -> None:
        self._fail()


class WatchedFile:
    """A file that is written to."""

    def __init__(self, file: Any, disk: FailingDisk) -> None:
        self._file, self._disk = file, disk

    def write(self, content: Any) -> int:
        if self._disk.step("write", len(content)):
            self._file.write(memoryview(content)[: len(content) // 2])
            self._file.flush()
            self._disk.failed()
        written: int = self._file.write(content)
        return written

    def __enter__(self) -> WatchedFile:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
