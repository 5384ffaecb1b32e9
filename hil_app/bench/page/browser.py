"""The browser of the benchmark, in a process of its own: a real one where there is one.

What it is asked to do it is told by a line each, and each line it says is an answer.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from typing import Any, Literal, Self

from hil_app.bench import BenchError
from robots import isolated

Doing = Literal["look", "press"]
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str | None:
    """Where Chromium is, if it and what drives it are installed."""
    if importlib.util.find_spec("playwright") is None:
        return None
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Browser:
    """Looks at the page of ``link``, or presses keys on it, while entered.

    It is Chromium, without a window, or a client that draws nothing.
    """

    def __init__(self, link: str, doing: Doing) -> None:
        path = executable()
        words = ["viewer", link, doing] if path is None else ["chromium", link, doing, path]
        self._command = isolated.command(f"hil_app.bench.page.{words[0]}", *words[1:])

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=isolated.environment(),
        )
        return self

    def __exit__(self, *error: object) -> None:
        with self._process as process:
            if error[0] is not None:
                process.kill()

    def hear(self) -> Any:
        """What it says next. Raises BenchError if it is gone."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("The browser of the benchmark is gone: its last words are above.")
        return json.loads(line)

    def press(self, key: str) -> float:
        """Have it press a key; returns when that was, by the computer's clock [s]."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{key}\n")
        self._process.stdin.flush()
        return float(self.hear())

    def ages(self) -> list[float]:
        """How old each image was that it has drawn [s]; it ends then."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        found: list[float] = self.hear()
        return found
