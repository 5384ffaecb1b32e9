"""The operator's window without a screen, and somebody at its keys."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sample_window import KEYS

from teleop.virtual.remote import Remote
from teleop.window.client import Window
from teleop.window.shown import KeyHelp


@dataclass(frozen=True)
class Open:
    """A window that is open, and the far side of its keys."""

    window: Window
    operator: Remote

    @property
    def process(self) -> int:
        return self.window._child.pid


@contextmanager
def open_window(keys: KeyHelp | None = KEYS) -> Iterator[Open]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SDL_VIDEODRIVER", "dummy")
        path = Path(folder) / "keys"
        with Window("test", keys, path) as window, Remote(path) as operator:
            yield Open(window, operator)
