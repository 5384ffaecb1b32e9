"""Surroundings that a run must bear: a terminal that takes nothing, a disk that takes its time."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from robots.base import RobotError

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void take_time(int file) {
  const char *folder = getenv("SLOW_FOLDER"), *seconds = getenv("SLOW_SECONDS");
  const char *from_now = getenv("SLOW_ONCE_THERE");
  char link[64], path[4096];
  if (!from_now || access(from_now, F_OK)) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0 || !folder || !seconds) return;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder))) return;
  double wanted = atof(seconds);
  struct timespec span = {(time_t)wanted, (long)((wanted - (time_t)wanted) * 1e9)};
  nanosleep(&span, NULL);
}

#define SLOWLY(name, ...) \
  __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
  take_time(file); \
  return next(__VA_ARGS__)

ssize_t write(int file, const void *data, size_t size) { SLOWLY(write, file, data, size); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t place) {
  SLOWLY(pwrite64, file, data, size, place);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  SLOWLY(writev, file, parts, count);
}
int fsync(int file) { SLOWLY(fsync, file); }
int fdatasync(int file) { SLOWLY(fdatasync, file); }
"""


class SlowDisk:
    """A disk that takes its time for ``folder``: each write below it lasts ``seconds``.

    ::

        disk = SlowDisk(folder / "run", 5.0, scratch)
        subprocess.Popen(command, env=os.environ | disk.environment)
        disk.begin()  # till now it was as fast as ever

    What does it is compiled into ``scratch``, a folder elsewhere. Raises RobotError where there is
    no C compiler.
    """

    def __init__(self, folder: Path, seconds: float, scratch: Path) -> None:
        library, self._switch = scratch / "slow_disk.so", scratch / "slow"
        command = ["cc", "-shared", "-fPIC", "-o", str(library), "-x", "c", "-", "-ldl"]
        try:
            subprocess.run(command, input=_SOURCE, text=True, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RobotError(f"A slow disk needs a C compiler, cc: {error}") from error
        self.environment = {
            "LD_PRELOAD": str(library),
            "SLOW_FOLDER": str(folder.resolve()),
            "SLOW_SECONDS": f"{seconds:g}",
            "SLOW_ONCE_THERE": str(self._switch.resolve()),
        }

    def begin(self) -> None:
        """Be slow from now on."""
        self._switch.touch()

    def end(self) -> None:
        """Be as fast as ever again."""
        self._switch.unlink(missing_ok=True)


@contextmanager
def stalled_terminal() -> Iterator[int]:
    """The file descriptor of a terminal that nobody reads and that is full already."""
    operator, program = pty.openpty()
    try:
        filling = os.open(os.ttyname(program), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(filling, b"." * 1024)
        os.close(filling)
        yield program
    finally:
        os.close(operator)
        os.close(program)
