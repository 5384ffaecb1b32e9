"""A virtual arm in a process of its own, for benchmarks of what talks to one."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robots import isolated
from robots.base import RobotError


@contextmanager
def virtual_arm(*options: str) -> Iterator[str]:
    """The port of ``hil-app virtual-arm`` with ``options``, which ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        link = str(Path(folder, "arm"))
        command = isolated.command("hil_app", "virtual-arm", f"--link={link}", *options)
        environment = isolated.environment()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                assert process.stdout is not None
                if not process.stdout.readline():
                    raise RobotError("The virtual arm did not start: see what it says above.")
                yield link
            finally:
                process.terminate()
