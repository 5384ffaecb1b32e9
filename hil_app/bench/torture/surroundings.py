"""Surroundings that a run must bear: a terminal that takes nothing, a disk that takes its time."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from robots.base import RobotError

_SLOW_DISK = r"""
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
  char link[64], path[4096];
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


def slow_disk(folder: Path, seconds: float, scratch: Path) -> dict[str, str]:
    """What a program's environment must hold for each write below ``folder`` to take ``seconds``.

    The library that does it is compiled into ``scratch``, which is not below that folder; raises
    RobotError where there is no C compiler.
    """
    library = scratch / "slow_disk.so"
    command = ["cc", "-shared", "-fPIC", "-o", str(library), "-x", "c", "-", "-ldl"]
    try:
        subprocess.run(command, input=_SLOW_DISK, text=True, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RobotError(f"A slow disk needs a C compiler, cc: {error}") from error
    where = str(folder.resolve())
    return {"LD_PRELOAD": str(library), "SLOW_FOLDER": where, "SLOW_SECONDS": f"{seconds:g}"}


@contextmanager
def stalled_terminal() -> Iterator[int]:
    """The file descriptor of a terminal that nobody reads and that is full already."""
    person, program = pty.openpty()
    try:
        filling = os.open(os.ttyname(program), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(filling, b"." * 1024)
        os.close(filling)
        yield program
    finally:
        os.close(person)
        os.close(program)
