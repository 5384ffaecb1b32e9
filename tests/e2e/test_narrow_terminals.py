"""Commands that print tables lose nothing of them, however narrow the terminal says it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sample_cameras import write_video_file
from sample_datasets import write_dataset


def letters(columns: int, *command: str, cwd: Path) -> Counter[str]:
    """The letters and digits that a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "hil_app", *command],
        env={**os.environ, "COLUMNS": str(columns)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return Counter(re.sub(r"\W", "", done.stdout))


@pytest.mark.parametrize(
    "command",
    [
        ("gamepad", "layout"),
        ("find-cameras", "--also=film.avi"),
        ("dataset", "info", "data"),
    ],
    ids=" ".join,
)
def test_nothing_is_lost_in_a_narrow_terminal(command: tuple[str, ...], tmp_path: Path) -> None:
    write_video_file(tmp_path / "film.avi")
    write_dataset(tmp_path / "data")
    whole = letters(300, *command, cwd=tmp_path)
    assert letters(1, *command, cwd=tmp_path) == whole
